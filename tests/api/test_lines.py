"""Lines of a body are the same however they come in, and none is kept that is too long."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api import bodies
from api.problems import BodyTooLarge, TooSlow
from api.settings import EdgeSettings

SETTINGS = EdgeSettings()
PIECES = st.lists(st.text("ab\n", max_size=12).map(str.encode), max_size=8)


def lines(chunks: list[bytes], longest: int = 5, limit: int = 1000, settings: EdgeSettings = SETTINGS) -> list[Any]:
    """What is read of a body that comes in these pieces, and never goes on after ``None``."""

    async def receive() -> dict[str, Any]:
        if not chunks:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks) or settings is not SETTINGS}

    async def read() -> list[Any]:
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        return [line async for line in bodies.lines(request, settings, longest=longest, limit=limit)]

    return asyncio.run(read())


@given(PIECES)
def test_lines_are_those_of_the_body_whatever_the_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces).split(b"\n")
    expected = [line if len(line) <= 5 else None for line in (whole if whole[-1] else whole[:-1])]
    assert lines([*pieces, b""]) == expected


def test_what_is_too_much_or_does_not_go_on_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        lines([b"a\n" * 6, b""], limit=10)
    with pytest.raises(TooSlow):
        lines([b"a\n"], settings=EdgeSettings(body_seconds=0.05))
