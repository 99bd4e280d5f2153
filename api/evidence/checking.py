"""Whether a bundle holds: everything derived anew from the stored bytes, with nothing of the desk at hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from api.evidence import bundle as bundles
from api.evidence.archive import Archive, BundleRefused, Files, must_be_packed, unpack
from api.evidence.attached import must_be_as_recorded
from api.evidence.bundle import CHECKPOINT, DOCUMENT, KEY, MANIFEST, README, Bundle, names_of
from api.evidence.document import document, readme
from api.evidence.opening import Place, opened, place_of
from api.evidence.software import software
from api.evidence.story import Story, story_of
from domain.envelope import Event
from domain.record.cosignature import Cosignature, Witness
from domain.record.merkle import continues, includes, leaf_hash
from domain.record.note import Checkpoint, NoteRefused, Verifier
from domain.ticket.events import TicketOpened


class DocumentOfOthers(BundleRefused):
    """The events hold, but the document was made by other software, which alone could make it again."""


@dataclass(frozen=True)
class Checked:
    """A bundle that holds.

    ``kept`` are the sizes of older checkpoints that it goes on from, ``cosigned`` the cosignatures that were demanded,
    by the witness's name.
    """

    story: Story
    checkpoint: Checkpoint
    kept: tuple[int, ...]
    cosigned: Mapping[str, Cosignature]

    @property
    def document(self) -> bytes:
        """The document as this software makes it."""
        return document(self.story)


def packed(bundle: Bundle, story: Story) -> Archive:
    """A bundle with its document as one file."""
    files = bundles.files_of(bundle) | {DOCUMENT: document(story), README: readme(bundle.description.number)}
    return Archive(files | {MANIFEST: bundles.manifest_of(files)})


def check(
    packed: bytes | memoryview, *, vkey: str = "", kept: Sequence[str] = (), witnesses: Sequence[Witness] = ()
) -> Checked:
    """What a bundle proves; raises ``BundleRefused`` that says which file or event is wrong.

    ``vkey`` is the log's key if it is known from elsewhere, ``kept`` are checkpoints (notes) that somebody has kept;
    ``witnesses`` must all have cosigned the checkpoint.
    """
    files = unpack(packed)
    bundles.must_be_as_listed(files)
    must_be_packed(files, packed)
    checked = _checked(files, vkey, kept, witnesses)
    derived = {DOCUMENT: checked.document, README: readme(checked.story.bundle.description.number)}
    whole = bundles.files_of(checked.story.bundle) | derived | {MANIFEST: files[MANIFEST]}
    for name in sorted({*whole, *files}):
        if name not in whole:
            raise BundleRefused(f"{name} belongs to nothing that the bundle holds")
        # Attachments are the same objects, not compared again with themselves.
        if files.get(name) is not whole[name] and files.get(name) != whole[name]:
            _refuse(name, checked.story.bundle.description.software)
    return checked


def _refuse(name: str, made_by: str) -> None:
    if name in (DOCUMENT, README) and made_by != software():
        raise DocumentOfOthers(
            f"the events hold, but {name} was made by other software ({made_by}; this is {software()}), and whether it"
            " is what they give cannot be said here"
        )
    raise BundleRefused(f"{name} is not what the events of this bundle give")


def _checked(files: Files, vkey: str, kept: Sequence[str], witnesses: Sequence[Witness]) -> Checked:
    bundle = bundles.read(files)
    verifier = _verifier(bundle.vkey, vkey)
    try:
        checkpoint = verifier.open(bundle.note)
        cosigned = {witness.name: witness.of(bundle.note) for witness in witnesses}
    except NoteRefused as fault:
        raise BundleRefused(f"{CHECKPOINT}: {fault}") from None
    places = {position: _proved(bundle, position, checkpoint) for position in bundle.exhibits}
    for size, older in bundle.older.items():
        if not continues(size, older.root, checkpoint.size, checkpoint.root, older.proof):
            raise BundleRefused(f"{bundles.consistency(size)}: it does not lead to the root that is signed")
    _must_follow(bundle, places)
    events = {position: opened(places[position], exhibit) for position, exhibit in bundle.exhibits.items()}
    _must_be_the_ticket(bundle, events)
    must_be_as_recorded(bundle.attached, events)
    sizes = tuple(_must_continue(bundle, checkpoint, verifier, note) for note in kept)
    return Checked(story_of(bundle, events), checkpoint, sizes, cosigned)


def _verifier(stated: str, vkey: str) -> Verifier:
    try:
        verifier = Verifier.read(stated)
    except NoteRefused as fault:
        raise BundleRefused(f"{KEY}: {fault}") from None
    if vkey and vkey.strip() != verifier.vkey:
        raise BundleRefused(f"{KEY} is another key than the one to trust, {vkey.strip()}")
    return verifier


def _proved(bundle: Bundle, position: int, checkpoint: Checkpoint) -> Place:
    exhibit = bundle.exhibits[position]
    place = place_of(position, exhibit)
    leaf = leaf_hash(exhibit.entry)
    if not includes(leaf, position - 1, checkpoint.size, exhibit.proof, checkpoint.root):
        raise BundleRefused(f"{names_of(position).proof}: it does not lead from the entry to the root that is signed")
    return place


def _must_follow(bundle: Bundle, places: Mapping[int, Place]) -> None:
    """Refuse a history with a gap: each event follows on the one before it in its stream, if that is here.

    Of the ticket and of each person all must be here, from the first on; of other streams there are only some.
    """
    parts = bundle.description.parts
    whole = {*parts.ticket, *parts.persons}
    for stream, some in _streams(places):
        before: Place | None = None
        for place in some:
            named = names_of(place.position).event
            version = before.version if before is not None else 0
            if place.version != version + 1:
                if place.position in whole or place.version <= version:
                    raise BundleRefused(
                        f"{named} is version {place.version} of stream {stream}, which does not follow on {version}"
                    )
            elif place.previous != (leaf_hash(bundle.exhibits[before.position].entry).hex() if before else ""):
                raise BundleRefused(f"{named} does not follow on the event before it in its stream")
            before = place


def _streams(places: Mapping[int, Place]) -> Iterator[tuple[UUID, list[Place]]]:
    """The places by stream, each in the order of position."""

    def by(place: Place) -> tuple[str, int]:
        return str(place.stream), place.position

    for _, some in groupby(sorted(places.values(), key=by), lambda place: place.stream):
        listed = list(some)
        yield listed[0].stream, listed


def _must_be_the_ticket(bundle: Bundle, events: Mapping[int, Event]) -> None:
    description = bundle.description
    ticket = [events[position] for position in description.parts.ticket]
    if not ticket:
        raise BundleRefused("bundle.json lists no event of the ticket")
    if any(event.stream != description.ticket for event in ticket):
        raise BundleRefused("bundle.json lists events of another ticket")
    first = ticket[0]
    if not isinstance(first, TicketOpened) or first.number != description.number:
        raise BundleRefused(f"bundle.json: the ticket was not opened as #{description.number}")


def _must_continue(bundle: Bundle, checkpoint: Checkpoint, verifier: Verifier, note: str) -> int:
    try:
        old = verifier.open(note)
    except NoteRefused as fault:
        raise BundleRefused(f"the checkpoint that was kept: {fault}") from None
    if old.size > checkpoint.size:
        raise BundleRefused(
            f"the checkpoint that was kept signs {old.size} events, that of the bundle only {checkpoint.size}: have a"
            " bundle made anew, or compare with one kept earlier"
        )
    roots = {size: older.root for size, older in bundle.older.items()} | {checkpoint.size: checkpoint.root}
    then = roots.get(old.size)
    if then is None:
        raise BundleRefused(
            f"the bundle does not show that the log goes on from the checkpoint over {old.size} events: have it made"
            f" anew with kept={old.size}"
        )
    if then != old.root:
        raise BundleRefused(
            f"the log of this bundle is another history than that of the checkpoint that was kept ({old.size} events)"
        )
    return old.size
