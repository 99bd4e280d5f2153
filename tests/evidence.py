"""What tests of evidence say often: a bundle made, as its files, and files as a bundle again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
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
from domain.store.places import Directory, Place
from ledgers import sign_now
from projections.ledger import Folder

Files = dict[str, Any]
NOWHERE = Directory(Path("/nowhere"))
AUDITOR = Actor(kind="agent", id="audrey")


def bundle_of(
    desk: Desk,
    folder: Path,
    ticket: UUID,
    *,
    zone: str = "Europe/Berlin",
    accesses: Sequence[int] = (),
    kept: Sequence[int] = (),
    place: Place = NOWHERE,
) -> bytes:
    """The bundle of a ticket whose files lie in ``place``, once all that is recorded is signed."""
    sign_now(desk.store, folder)
    with Folder(folder) as log:
        made = make(desk, log, ticket, at=desk.now(), by=AUDITOR, zone=zone, place=place, accesses=accesses, kept=kept)
        return b"".join(made)


def listed(files: Mapping[str, Any]) -> bytes:
    """Files as a bundle whose manifest lists them, as whoever forges one would make it."""
    others = {name: content for name, content in files.items() if name != MANIFEST}
    return pack(others | {MANIFEST: manifest_of(others)})


def retold(files: Mapping[str, Any]) -> bytes:
    """The same, with the document that its events give as well."""
    bundle = bundles.read(files)
    events = {position: opened(place_of(position, exhibit), exhibit) for position, exhibit in bundle.exhibits.items()}
    return b"".join(packed(bundle, story_of(bundle, events)))
