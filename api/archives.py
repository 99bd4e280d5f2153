"""Archives on their way out: read as they leave, so that none is ever whole in memory."""

from collections.abc import AsyncIterator, Iterator

from api.edge import Edge
from api.evidence.archive import PIECE, Archive


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
