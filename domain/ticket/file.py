"""A file that was handed in whole and waits for a ticket: what a decision may know of it, and what it may be called."""

import re
import unicodedata
from collections.abc import Collection
from fnmatch import fnmatchcase
from uuid import UUID

import msgspec

from domain.errors import MediaTypeNotTaken

LONGEST_NAME = 150
_LONGEST_BYTES = 200
"""In UTF-8; file systems take 255, and whoever saves a file may put something before its name."""
_LONGEST_SUFFIX = 20
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NO_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file by the id of its upload, which becomes that of the attachment; see ``AttachmentAdded`` for the rest."""

    upload: UUID
    name: str
    media_type: str
    length: int
    sha256: str
    key: str
    chunks: tuple[str, ...]
    stored: int


def media_type(declared: str, taken: Collection[str]) -> str:
    """The type that a file is declared to have, without parameters; refuses one that is not ``taken`` (``image/*``)."""
    kind = declared.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind) or not any(fnmatchcase(kind, one) for one in taken):
        raise MediaTypeNotTaken(known=sorted(taken))
    return kind


def file_name(given: str) -> str:
    """A name that means a file and nothing else, wherever it is shown or saved.

    No path, no character that is not seen or that turns the others around, none that a file system takes for something
    else; and not too long, whereby the ending stays.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = "".join(" " if one.isspace() else one for one in last if one.isspace() or _is_seen(one))
    name = re.sub(r'[<>:"|?*]', "_", unicodedata.normalize("NFC", " ".join(seen.split())).strip(" ."))
    short = _shortened(name)
    return (_shortened(f"_{short}") if _NO_NAME.fullmatch(short) else short) or "file"


def _is_seen(one: str) -> bool:
    return unicodedata.category(one) not in _UNSEEN


def _shortened(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    while len(stem + dot + suffix) > LONGEST_NAME or len((stem + dot + suffix).encode()) > _LONGEST_BYTES:
        stem = stem[:-1]
    return f"{stem.rstrip(' .')}{dot}{suffix}"
