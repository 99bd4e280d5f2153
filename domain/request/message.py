"""A message as it came through a department's topic, and the letter in it: CloudEvents, binary or structured mode."""

from collections.abc import Mapping

import msgspec

from domain.errors import NotARequest
from domain.request.letter import STRUCTURED, Letter, letter_of, structured

MOST_HEADERS = 64
MOST_HEADER_BYTES = 16 * 1024
MOST_BYTES = 1024 * 1024
"""Of a message's value; the desk's topics take no larger ones either."""


class Message(msgspec.Struct, frozen=True):
    """What came: a key, headers, a value; any of it may be missing or mean nothing."""

    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


def letter_in(department: str, message: Message) -> Letter:
    """The request that a message holds; raises ``NotARequest`` if it holds none that could be told apart."""
    if len(message.headers) > MOST_HEADERS or _size(message) > MOST_HEADER_BYTES:
        raise NotARequest("It has too many headers, or too large ones.", field="(headers)")
    if message.value is None:
        raise NotARequest("It has no value.", field="(body)")
    if len(message.value) > MOST_BYTES:
        raise NotARequest("It is too large.", field="(body)", limit=MOST_BYTES)
    headers: dict[str, str] = {}
    for name, value in message.headers:
        if headers.setdefault(name.lower(), said := _text(name, value)) != said and _is_read(name.lower()):
            raise NotARequest("It is there twice, and differently.", field=name.lower())
    key = None if message.key is None else _text("key", message.key)
    if headers.get("content-type", "").lower().startswith(STRUCTURED):
        return structured(department, message.value, key)
    return letter_of(department, _attributes(headers), key or "", message.value)


def _size(message: Message) -> int:
    return sum(len(name) + len(value or b"") for name, value in message.headers)


def _is_read(name: str) -> bool:
    return name.startswith("ce_") or name in ("content-type", "traceparent")


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
    if "traceparent" in headers:
        attributes["traceparent"] = headers["traceparent"]
    return attributes


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        raise NotARequest("Its key and headers are not UTF-8.", field="key" if name == "key" else "(headers)") from None
