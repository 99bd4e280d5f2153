"""Sending files as several requests would, and looking at what lies in the place: words of the tests of uploads."""

from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from desks import TESTER
from domain.desk import Desk
from domain.store.chunks import CHUNK_BYTES
from domain.store.places import Directory
from domain.store.receiving import Receiving
from domain.store.uploads import Upload
from domain.ticket.events import AttachmentAdded

MOST = 64 * CHUNK_BYTES
DAY = timedelta(days=1)
CONTENT = Random(1).randbytes(2 * CHUNK_BYTES + 12_345)


def begun(desk: Desk, length: int | None = None) -> Upload:
    now = desk.now()
    return desk.uploads.begin(desk.uploads.holder(TESTER), "log.txt", "text/plain", length, now, now + DAY)


def again(desk: Desk, upload: UUID) -> Upload:
    """The upload as whoever comes next finds it."""
    return desk.uploads.find(upload, desk.uploads.holder(TESTER), desk.now())


def receiving(desk: Desk, place: Directory, upload: Upload) -> Receiving:
    return Receiving(desk.uploads, place, upload, MOST)


def send(desk: Desk, place: Directory, upload: Upload, content: bytes, *, last: bool, piece: int = 65_536) -> Upload:
    """Send bytes in pieces, as one request brings them."""
    taking = receiving(desk, place, upload)
    for start in range(0, len(content), piece):
        taking.fill(content[start : start + piece])
        taking.store()
    return taking.finish() if last else taking.pause()


def whole(desk: Desk, place: Directory, content: bytes = CONTENT, length: int | None = None) -> UUID:
    return send(desk, place, begun(desk, length), content, last=True).upload


def added(desk: Desk, ticket: UUID) -> AttachmentAdded:
    return next(event for event in desk.history(ticket) if isinstance(event, AttachmentAdded))


def put(folder: Path) -> set[str]:
    """The addresses of all that lies in the place, and whatever else does."""
    return {file.name for file in folder.rglob("*") if file.is_file()}
