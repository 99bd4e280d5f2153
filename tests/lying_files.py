"""Files put to tickets by a desk itself, without a door, and what of them lies in their folder."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from desks import TESTER, give
from domain.access.principal import Principal
from domain.desk import Desk
from domain.desk.enclosing import Files
from domain.store.places import Directory, Place
from domain.store.receiving import Receiving

MOST = 64 * 1024 * 1024


def files_in(folder: Path) -> Files:
    """What a desk of the tests takes."""
    return Files(
        place=lambda: Directory(folder), most_bytes=500_000, types=("text/*", "image/png", "application/octet-stream")
    )


def uploaded(
    desk: Desk, place: Place, content: bytes, name: str = "log.txt", kind: str = "text/plain", *, by: Principal = TESTER
) -> UUID:
    """A file that waits, whole, for a ticket."""
    now = desk.now()
    upload = desk.uploads.begin(desk.uploads.holder(by), name, kind, len(content), now, now + timedelta(days=1))
    receiving = Receiving(desk.uploads, place, upload, MOST)
    receiving.fill(content)
    return receiving.finish().upload


def put_to(
    desk: Desk,
    place: Place,
    ticket: str,
    content: bytes,
    name: str = "log.txt",
    kind: str = "text/plain",
    *,
    by: Principal = TESTER,
    internal: bool = False,
) -> int:
    """A file is put to a ticket; the version of the event."""
    upload = uploaded(desk, place, content, name, kind, by=by)
    return give(desk, "attach", ticket, by=by, upload=upload, internal=internal).version


def lying(folder: Path) -> set[str]:
    """The addresses of all that lies in a folder, and whatever else does."""
    return {file.name for file in folder.rglob("*") if file.is_file()}
