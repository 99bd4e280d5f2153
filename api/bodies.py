"""Reading a request's body: how large it may be, and what it must be."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from api.problems import BodyTooLarge, TooSlow, UnsupportedMediaType
from api.settings import EdgeSettings
from domain.errors import MalformedBody
from domain.parsing import parse as parse

JSON = "application/json"
LINES = "application/x-ndjson"


async def read(request: Request, settings: EdgeSettings) -> bytes:
    """The body, counted as it comes in; refuses what is not declared as JSON, compressed, too large or too slow."""
    must_be_json(request)
    limit = settings.max_body_bytes
    must_not_exceed(request, limit)
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


async def lines(request: Request, settings: EdgeSettings, *, longest: int, limit: int) -> AsyncIterator[bytes | None]:
    """The lines of a body as they come in, without their ends; None for one of more than ``longest`` bytes.

    No more is held of a line than that. Refuses, after the lines that came before, what is too slow, and more than
    ``limit`` bytes in all. The time counts in which the sender is waited for.
    """
    stream, clock = request.stream(), asyncio.get_running_loop().time
    patience, received = settings.body_seconds, 0
    line, too_long = bytearray(), False
    while True:
        begun = clock()
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise TooSlow() from None
        except ClientDisconnect:
            raise MalformedBody("The connection ended before the body did.") from None
        if chunk is None:
            break
        patience -= clock() - begun
        received += len(chunk)
        if received > limit:
            raise BodyTooLarge(limit=limit)
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield None if too_long or len(line) + len(piece) > longest else bytes(line + piece)
            line, too_long = bytearray(), False
        too_long = too_long or len(line) + len(rest) > longest
        line = bytearray() if too_long else line + rest
    if too_long or line:
        yield None if too_long else bytes(line)


def must_not_exceed(request: Request, limit: int) -> None:
    """Refuse a body that says by itself that it is too large, in bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit=limit)


def must_be_lines(request: Request) -> None:
    """Refuse a body that is not declared as lines of JSON."""
    _must_be_as_it_is(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != LINES:
        raise UnsupportedMediaType("Send lines of JSON.", known=[LINES])


def must_be_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON in UTF-8."""
    _must_be_as_it_is(request)
    declared = request.headers.get("content-type", "")
    if declared == JSON:
        return
    kind, _, parameters = declared.partition(";")
    kind = kind.strip().lower()
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    is_json = kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("Send JSON.", known=[JSON, "application/…+json"])


def _must_be_as_it_is(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("It must not be compressed.", known=["identity"], field="Content-Encoding")
