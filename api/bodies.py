"""Reading a request's body: how large it may be, what it must be, and what it says."""

import asyncio
import math
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from api.problems import BodyTooLarge, MalformedBody, NotValid, TooSlow, UnsupportedMediaType, not_valid
from api.settings import EdgeSettings

M = TypeVar("M", bound=BaseModel)
_LARGEST = 2**53
"""Beyond this, whole numbers differ between readers of JSON (RFC 8259, 6)."""


async def read(request: Request, settings: EdgeSettings) -> bytes:
    """The body, counted as it comes in; refuses what is not declared as JSON, too large or too slow."""
    must_be_json(request)
    limit = settings.max_body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit=limit)
    received = bytearray()
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit:
                    raise BodyTooLarge(limit=limit)
    except TimeoutError:
        raise TooSlow() from None
    except ClientDisconnect:
        raise MalformedBody("The connection ended before the body did.") from None
    return bytes(received)


def must_be_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON in UTF-8."""
    declared = request.headers.get("content-type", "")
    if declared == "application/json":
        return
    kind, _, parameters = declared.partition(";")
    kind = kind.strip().lower()
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType()


def parse(kind: type[M], body: bytes, *, strict: bool = True) -> M:
    """What a body says; refuses what is malformed, unknown or not valid, and never repeats it."""
    try:
        model = kind.model_validate_json(body or b"{}", strict=strict)
    except ValidationError as fault:
        faults = fault.errors(include_url=False, include_context=False, include_input=False)
        if any(one["type"] == "json_invalid" for one in faults):
            raise MalformedBody() from None
        raise not_valid(faults, kind) from None
    for name, field in kind.model_fields.items():
        value = getattr(model, name)
        if field.exclude and name in model.model_fields_set:
            # Only imports state these.
            raise NotValid(faults=[{"field": "body", "rule": "has a field that is not known here"}])
        if isinstance(value, dict) and not _is_plain(value):
            raise NotValid(
                faults=[{"field": f"body/{name}", "rule": "holds a number that JSON cannot carry everywhere"}]
            )
    return model


def _is_plain(value: Any) -> bool:
    """Whether every number in it means the same to every reader of JSON."""
    if isinstance(value, dict):
        return all(_is_plain(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return True
