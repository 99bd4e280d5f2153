"""A request as it came: a CloudEvent 1.0, whichever door it came through.

``source`` and ``id`` make it the same request when it comes again; ``reference`` is the sender's own name for the
matter: what keeps its requests in order and names their ticket. All three are the sender's handles, not prose.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import NotARequest

STRUCTURED = "application/cloudevents"
_HANDLE = re.compile(r"[ -~]{1,200}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a ``department``; ``data`` is what it says, as bytes that may not even be JSON."""

    department: str
    source: str
    id: str
    reference: str
    type: str
    data: bytes
    traceparent: str = ""


def letter_of(department: str, attributes: Mapping[str, str], reference: str, data: bytes) -> Letter:
    """The letter of these CloudEvents attributes; raises ``NotARequest`` with the field that is not as it must be."""
    if attributes.get("specversion") != "1.0":
        raise NotARequest(
            "It must be there and say 1.0, the version of CloudEvents that is understood.", field="specversion"
        )
    for field in ("source", "id", "type"):
        must_be_handle(field, attributes.get(field, ""))
    must_be_handle("reference", reference)
    traceparent = attributes.get("traceparent", "")
    if traceparent and not _TRACEPARENT.fullmatch(traceparent):
        raise NotARequest("It is not as W3C Trace Context has it.", field="traceparent")
    return Letter(
        department=department,
        source=attributes["source"],
        id=attributes["id"],
        reference=reference,
        type=attributes["type"],
        data=data,
        traceparent=traceparent,
    )


def structured(department: str, body: bytes, reference: str | None = None) -> Letter:
    """The letter of a CloudEvent that travels whole, as JSON; ``partitionkey`` is its reference unless one is given.

    Raises ``NotARequest``.
    """
    try:
        event: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotARequest("It is not JSON in UTF-8.", field="(body)") from None
    if not isinstance(event, dict):
        raise NotARequest("It is not a JSON object.", field="(body)")
    attributes = {name: value for name, value in event.items() if isinstance(value, str)}
    given = attributes.get("partitionkey", "") if reference is None else reference
    if "data_base64" in event:
        raise NotARequest("Send JSON in 'data'.", field="data_base64")
    try:
        data = msgspec.json.encode(event.get("data", {}))
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise NotARequest("It holds what JSON cannot carry.", field="data") from None
    return letter_of(department, attributes, given, data)


def must_be_handle(field: str, value: str) -> None:
    """Refuse what is no handle: it is missing, too long, or holds more than printable ASCII."""
    if not _HANDLE.fullmatch(value):
        raise NotARequest("It must be there, with 1 to 200 printable ASCII characters.", field=field)
