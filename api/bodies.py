"""Reading a request's body: how large it may be, and what it must be."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from api.problems import BodyTooLarge, TooSlow, UnsupportedMediaType
from api.settings import EdgeSettings
from domain.errors import MalformedBody
from domain.parsing import parse as parse

LINES = "application/x-ndjson"


async def read(request: Request, settings: EdgeSettings, *, limit: int = 0, lines: bool = False) -> bytes:
    """The body, counted as it comes in; refuses what is not declared as JSON, too large or too slow.

    ``lines``: it must be declared as lines of JSON; ``limit``: the bytes it may have, if not as many as others.
    """
    if lines:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != LINES:
            raise UnsupportedMediaType(f"Send lines of JSON as {LINES}.")
    else:
        must_be_json(request)
    limit = limit or settings.max_body_bytes
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
