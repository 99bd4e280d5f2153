"""Archives on their way out: read, or packed, as they leave, so that none is ever whole in memory."""

from collections.abc import AsyncIterator, Iterator
from zipfile import ZIP_DEFLATED, ZipFile

from api.edge import Edge
from api.evidence.archive import PIECE, Archive
from api.reading import Readers


async def sent(edge: Edge, packed: Archive) -> AsyncIterator[bytes]:
    """An archive as it is read, in blocks worth the way to a thread and back."""
    pieces = iter(packed)
    while block := await edge.files.read(lambda: _block(pieces)):
        yield block


def _block(pieces: Iterator[bytes]) -> bytes:
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= PIECE:
            break
    return bytes(block)


async def packed(threads: Readers, members: AsyncIterator[tuple[str, AsyncIterator[bytes]]]) -> AsyncIterator[bytes]:
    """An archive of files by name whose lengths nobody knows yet; each piece leaves before the next one is asked for.

    What cannot be read to its end leaves an archive without an end, which no program takes for whole.
    """
    leaving = _Leaving()
    with ZipFile(leaving, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        async for name, pieces in members:
            with archive.open(name, "w") as member:
                async for piece in pieces:
                    await threads.read(lambda piece=piece, member=member: member.write(piece))  # type: ignore[misc]
                    if block := leaving.taken():
                        yield block
    yield leaving.taken()


class _Leaving:
    """What has been written and not taken yet; there is no way back in it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, piece: bytes) -> int:
        self._written += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def taken(self) -> bytes:
        """What has been written since."""
        block = bytes(self._written)
        self._written.clear()
        return block
