"""A transparency log that somebody else serves, as c2sp.org/tlog-tiles has it. Nothing it says is believed."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpx

from consumers.loop import NotYet
from domain.record.merkle import HEIGHT, SIZE
from domain.record.tiles import WIDTH, Tile

TIMEOUT_S = 20.0
LARGEST = 1_048_576
"""Bytes of an answer: a tile has 8,192, a checkpoint with all its cosignatures a few thousand."""


class RemoteLog:
    """The log at an address, such as ``https://desk.example.org/record``.

    Every method raises ``NotYet`` while it cannot be reached, or answers with something else than was asked for.
    """

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url.rstrip("/")
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def text(self, path: str) -> str:
        """A small text, such as ``checkpoint``."""
        try:
            return self._get(path).decode()
        except UnicodeDecodeError:
            raise NotYet(f"{self._url}/{path} is not text") from None

    def tree(self, size: int) -> "RemoteTree":
        """The hashes of the first ``size`` entries, as the log serves them now."""
        return RemoteTree(self, size)

    def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile; where a partial one is not served any more, they are taken from the full one."""
        found = self._get(tile.path, or_else=Tile(tile.level, tile.number).path)[: tile.width * SIZE]
        if len(found) < tile.width * SIZE:
            raise NotYet(f"{self._url}/{tile.path} is too short")
        return found

    def hand_in(self, size: int, line: str) -> None:
        """Give the log a cosignature; raises ``HandedInVain`` if it takes none of this witness."""
        with self._asking("cosignatures"):
            answer = self._client.post(f"{self._url}/cosignatures", json={"size": size, "line": line})
        if answer.is_server_error:
            raise NotYet(f"{self._url}/cosignatures answers {answer.status_code}")
        if answer.is_error:
            raise HandedInVain(
                f"{self._url}/cosignatures answers {answer.status_code} to a cosignature: {_why(answer)}"
            )

    def _get(self, path: str, or_else: str = "") -> bytes:
        with self._asking(path), self._client.stream("GET", f"{self._url}/{path}") as answer:
            if answer.status_code == httpx.codes.NOT_FOUND and or_else not in ("", path):
                return self._get(or_else)
            if answer.status_code != httpx.codes.OK:
                raise NotYet(f"{self._url}/{path} answers {answer.status_code}")
            found = bytearray()
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > LARGEST:
                    raise NotYet(f"{self._url}/{path} answers with too much")
            return bytes(found)

    @contextmanager
    def _asking(self, path: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as fault:
            raise NotYet(f"{self._url}/{path} cannot be reached ({type(fault).__name__})") from None


class HandedInVain(Exception):
    """The log does not take the cosignature of this witness: it is not configured with it."""


class RemoteTree:
    """The hashes of a tree of some size, each tile fetched once."""

    def __init__(self, log: RemoteLog, size: int) -> None:
        self._log = log
        self._size = size
        self._tiles: dict[Tile, bytes] = {}

    def hashes(self, level: int, start: int, end: int) -> bytes:
        """Hashes of a level, one after another, which lie in one tile."""
        number = start // WIDTH
        tile = Tile(level, number, min(WIDTH, (self._size >> HEIGHT * level) - number * WIDTH))
        if tile not in self._tiles:
            self._tiles[tile] = self._log.tile(tile)
        first = start - tile.start
        return self._tiles[tile][first * SIZE : (first + end - start) * SIZE]


def _why(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title") or "")[:300]
    except ValueError:
        return "no reason given"
