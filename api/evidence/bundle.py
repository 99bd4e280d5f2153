"""A bundle of evidence: a ticket and what bears on it, event by event, as files and back.

* ``bundle.json``      what the bundle is of, who made it and when, and which events play which part
* ``checkpoint.txt``   the signed checkpoint under which everything is proved; ``log.vkey`` whose signature it is
* ``events/N.json``    the stored bytes of the event at position N; ``entries/N.json`` its entry in the log
* ``proofs/N.tlog-proof``  that the entry is under the checkpoint; ``keys/N.hex`` the key of the event's personal text
* ``consistency/N.txt``  the root of the log's first N entries, and how it leads to that of the checkpoint
* ``attachments/N.suffix``  the file that the event at position N put to the ticket; ``nonces/N.txt`` what each part of
  it was sealed with beside the key, so that it can be sealed again and its address compared
* ``evidence.html``    all of that as a document for people; ``readme.txt`` how to check it
* ``manifest.json``    the SHA-256 digest of every other file

All but the last three is what a bundle holds; those follow from it.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from api.evidence.archive import BundleRefused, Content, Files, digest_of
from domain.envelope import Actor
from domain.record import proof as proofs
from domain.record.proof import Proof, ProofRefused

_ATTACHMENT = re.compile(r"attachments/([0-9]{9})((?:\.[a-z0-9]{1,8})?)", re.ASCII)
Format = Literal["acta evidence 1"]
BUNDLE, CHECKPOINT, KEY, MANIFEST, DOCUMENT, README = (
    "bundle.json",
    "checkpoint.txt",
    "log.vkey",
    "manifest.json",
    "evidence.html",
    "readme.txt",
)


class Parts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Positions of events, by the part they play: the ticket's own, those of the persons who asked, of the
    configuration that applies to it, and of who looked at it.
    """

    ticket: tuple[int, ...]
    persons: tuple[int, ...] = ()
    configuration: tuple[int, ...] = ()
    access: tuple[int, ...] = ()

    @property
    def all(self) -> list[int]:
        """Every position once, in order."""
        return sorted({*self.ticket, *self.persons, *self.configuration, *self.access})


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle is of. The document tells times in ``zone`` (IANA), and was made by ``software``."""

    format: Format = "acta evidence 1"
    ticket: UUID
    number: int
    made_at: datetime
    made_by: Actor
    zone: str
    software: str
    parts: Parts


class Exhibit(NamedTuple):
    """One event: its stored bytes, its entry, the proof that this is in the log, and the key of what is sealed.

    There is no key where nothing is sealed, and where what was is erased.
    """

    body: bytes
    entry: bytes
    proof: tuple[bytes, ...]
    key: bytes | None


class Older(NamedTuple):
    """The root of the log when it was smaller, and the proof that it goes on from there."""

    root: bytes
    proof: tuple[bytes, ...]


class Attached(NamedTuple):
    """A file that was put to the ticket: the ending of its name, what it holds, and the nonces of its parts."""

    suffix: str
    content: Content
    nonces: tuple[bytes, ...]


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds. ``exhibits`` and ``attached`` by position; ``older``: how the log was, by the size of older
    checkpoints.
    """

    description: Description
    note: str
    vkey: str
    exhibits: Mapping[int, Exhibit]
    older: Mapping[int, Older]
    attached: Mapping[int, Attached]


def files_of(bundle: Bundle) -> dict[str, Content]:
    """The files of what a bundle holds."""
    files: dict[str, Content] = {
        BUNDLE: msgspec.json.format(msgspec.json.encode(bundle.description), indent=2) + b"\n",
        CHECKPOINT: bundle.note.encode(),
        KEY: bundle.vkey.encode() + b"\n",
    }
    for position, exhibit in bundle.exhibits.items():
        names = names_of(position)
        files[names.event], files[names.entry] = exhibit.body, exhibit.entry
        files[names.proof] = Proof(position - 1, exhibit.proof, bundle.note, exhibit.entry).text.encode()
        if exhibit.key is not None:
            files[names.key] = exhibit.key.hex().encode() + b"\n"
    for position, attached in bundle.attached.items():
        files[attachment(position, attached.suffix)] = attached.content
        files[nonces(position)] = b"".join(nonce.hex().encode() + b"\n" for nonce in attached.nonces)
    for size, older in bundle.older.items():
        files[consistency(size)] = b"".join(b64encode(one) + b"\n" for one in (older.root, *older.proof))
    return files


def read(files: Files) -> Bundle:
    """What a bundle of these files holds; raises ``BundleRefused`` for a file that is missing or cannot be read.

    Whether there are other files beside, or the same in other words, is for whoever compares them with ``files_of``.
    """
    try:
        description = msgspec.json.decode(_text(files, BUNDLE), type=Description)
    except msgspec.MsgspecError as fault:
        raise BundleRefused(f"{BUNDLE}: {fault}") from None
    note = _text(files, CHECKPOINT)
    return Bundle(
        description,
        note,
        _text(files, KEY).removesuffix("\n"),
        {position: _exhibit(files, position, note) for position in description.parts.all},
        dict(_older(files)),
        dict(_attached(files)),
    )


def manifest_of(files: Files) -> bytes:
    """The manifest of files."""
    return _manifest({name: digest_of(content) for name, content in files.items() if name != MANIFEST})


def _manifest(digests: Mapping[str, str]) -> bytes:
    digests = {name: digests[name] for name in sorted(digests)}
    return msgspec.json.format(msgspec.json.encode({"sha256": digests}), indent=2) + b"\n"


def must_be_as_listed(files: Files) -> None:
    """Refuse files that are not those of the manifest, and name the first that is not."""
    digests: dict[str, str] = {}
    try:
        said = msgspec.json.decode(_text(files, MANIFEST), type=dict[str, dict[str, str]]).get("sha256", {})
    except msgspec.MsgspecError as fault:
        raise BundleRefused(f"{MANIFEST}: {fault}") from None
    for name in sorted({*said, *files} - {MANIFEST}):
        if name not in files:
            raise BundleRefused(f"{name} is missing")
        if name not in said:
            raise BundleRefused(f"{name} is not in {MANIFEST}")
        digests[name] = digest_of(files[name])
        if digests[name] != said[name]:
            raise BundleRefused(f"{name} is not the file whose digest stands in {MANIFEST}")
    if _manifest(digests) != files[MANIFEST]:
        raise BundleRefused(f"{MANIFEST} says other things beside digests")


class Names(NamedTuple):
    """What the files of an event are called."""

    event: str
    entry: str
    proof: str
    key: str


def names_of(position: int) -> Names:
    """What the files of the event at a position are called."""
    number = f"{position:09}"
    return Names(f"events/{number}.json", f"entries/{number}.json", f"proofs/{number}.tlog-proof", f"keys/{number}.hex")


def consistency(size: int) -> str:
    """What the consistency proof from a size on is called."""
    return f"consistency/{size:09}.txt"


def attachment(position: int, suffix: str) -> str:
    """What the file is called that the event at a position put to the ticket."""
    return f"attachments/{position:09}{suffix}"


def nonces(position: int) -> str:
    """What the file of its nonces is called."""
    return f"nonces/{position:09}.txt"


def _exhibit(files: Files, position: int, note: str) -> Exhibit:
    names = names_of(position)
    body, entry = _file(files, names.event), _file(files, names.entry)
    try:
        proof = proofs.read(_text(files, names.proof))
    except ProofRefused as fault:
        raise BundleRefused(f"{names.proof}: {fault}") from None
    if (proof.index, proof.note, proof.extra) != (position - 1, note, entry):
        raise BundleRefused(f"{names.proof} is of another entry, or under another checkpoint")
    return Exhibit(body, entry, proof.hashes, _key(files, names.key))


def _key(files: Files, name: str) -> bytes | None:
    if name not in files:
        return None
    try:
        return bytes.fromhex(_text(files, name))
    except ValueError:
        raise BundleRefused(f"{name}: not a key") from None


def _older(files: Files) -> Iterator[tuple[int, Older]]:
    for name in files:
        if name.startswith("consistency/"):
            try:
                size = int(name.removeprefix("consistency/").removesuffix(".txt"))
                root, *proof = (b64decode(line, validate=True) for line in _file(files, name).splitlines())
                yield size, Older(root, tuple(proof))
            except ValueError:
                raise BundleRefused(f"{name}: not a consistency proof") from None


def _attached(files: Files) -> Iterator[tuple[int, Attached]]:
    for name, content in files.items():
        if name.startswith("attachments/"):
            found = _ATTACHMENT.fullmatch(name)
            if found is None:
                raise BundleRefused(f"{name} is called as no file is that an event put to the ticket")
            position = int(found[1])
            try:
                lines = _text(files, nonces(position)).splitlines()
                yield position, Attached(found[2], content, tuple(bytes.fromhex(line) for line in lines))
            except ValueError as fault:
                if isinstance(fault, BundleRefused):
                    raise
                raise BundleRefused(f"{nonces(position)}: not nonces") from None


def _file(files: Files, name: str) -> bytes:
    if name not in files:
        raise BundleRefused(f"{name} is missing")
    content = files[name]
    assert isinstance(content, bytes)
    return content


def _text(files: Files, name: str) -> str:
    try:
        return _file(files, name).decode()
    except UnicodeDecodeError:
        raise BundleRefused(f"{name}: not text in UTF-8") from None
