"""What tests of evidence say often: a bundle made, as its files, and files as a bundle again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from api.evidence import bundle as bundles
from api.evidence.archive import pack
from api.evidence.bundle import MANIFEST, manifest_of
from api.evidence.checking import packed
from api.evidence.making import make
from api.evidence.opening import opened, place_of
from api.evidence.story import story_of
from domain.desk import Desk
from domain.envelope import Actor
from ledgers import sign_now
from projections.ledger import Folder

Files = dict[str, bytes]
AUDITOR = Actor(kind="agent", id="audrey")


def bundle_of(
    desk: Desk,
    folder: Path,
    ticket: UUID,
    *,
    zone: str = "Europe/Berlin",
    accesses: Sequence[int] = (),
    kept: Sequence[int] = (),
) -> bytes:
    """The bundle of a ticket, once all that is recorded is signed."""
    sign_now(desk.store, folder)
    with Folder(folder) as log:
        return make(desk, log, ticket, at=desk.now(), by=AUDITOR, zone=zone, accesses=accesses, kept=kept)


def listed(files: Mapping[str, bytes]) -> bytes:
    """Files as a bundle whose manifest lists them, as whoever forges one would make it."""
    others = {name: content for name, content in files.items() if name != MANIFEST}
    return pack(others | {MANIFEST: manifest_of(others)})


def retold(files: Mapping[str, bytes]) -> bytes:
    """The same, with the document that its events give as well."""
    bundle = bundles.read(files)
    events = {position: opened(place_of(position, exhibit), exhibit) for position, exhibit in bundle.exhibits.items()}
    return packed(bundle, story_of(bundle, events))
