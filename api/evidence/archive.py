"""Files as one file: a zip archive in the one form that their contents give it.

Members are stored, not compressed, in the order of their names, without times. So the same files always give the same
bytes, whoever packs them; whatever unpacks to them and has other bytes is refused; and an archive never grows when it
is unpacked. It is read in one pass from its first byte on, and nothing that it says of itself is relied upon. Packing
and reading hold no more in memory than a piece of a large file at a time.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from struct import pack as fields
from typing import NamedTuple
from zlib import crc32

PIECE = 1 << 20
"""Bytes of a large file that are in memory at once."""

_UNIX, _MODE = 3, 0o100644 << 16
_PLAIN, _LARGE = 20, 45
"""The versions of the format that members need; PKWARE's APPNOTE.TXT says what they bring."""
_FIRST_DAY = 0x21
_LIMIT, _MOST_MEMBERS = (1 << 31) - 1, (1 << 16) - 1
"""Beyond these, numbers stand in fields of 64 bits."""
_MEMBER = b"PK\3\4"
_SIZE_AT, _NAME_LENGTH_AT, _EXTRA_LENGTH_AT, _NAME_AT = 18, 26, 28, 30
_SAID = 20
"""Bytes that members and the archive's directory say of a member alike."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(?:/[a-z0-9][a-z0-9._-]{0,99})?", re.ASCII)
_LEFT_WHERE_THEY_ARE = "attachments/"


class BundleRefused(ValueError):
    """What is wrong with a bundle: in which file, or at which event."""


class Streamed(NamedTuple):
    """A file that is read when it is packed: its length in bytes, CRC-32, SHA-256 (hexadecimal), and its pieces."""

    length: int
    crc: int
    sha256: str
    pieces: Callable[[], Iterator[bytes]]


Content = bytes | memoryview | Streamed
Files = Mapping[str, Content]


class Archive:
    """The archive of some files: its pieces in order, each time it is iterated, and its length in bytes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        sizes = [(len(name), length_of(content)) for name, content in files.items()]
        if any(size > _LIMIT for _, size in sizes):
            raise ValueError("a file is too large for an archive of this form")
        self._members = sum(_NAME_AT + name + size for name, size in sizes)

    def __iter__(self) -> Iterator[bytes]:
        at, directory = 0, bytearray()
        for name in sorted(self._files):
            content = self._files[name]
            length, crc, written = length_of(content), _crc_of(content), name.encode()
            said = fields("<4H3L", 0, 0, 0, _FIRST_DAY, crc, length, length)
            yield _MEMBER + fields("<H", _PLAIN) + said + fields("<2H", len(written), 0) + written
            yield from pieces_of(content)
            directory += _entry(said, written, at)
            at += _NAME_AT + len(written) + length
        yield bytes(directory)
        yield _end(len(self._files), len(directory), at)

    @property
    def length(self) -> int:
        """How long it is."""
        at = directory = 0
        for name in sorted(self._files):
            directory += len(_entry(bytes(_SAID), name.encode(), at))
            at += _NAME_AT + len(name.encode()) + length_of(self._files[name])
        return self._members + directory + len(_end(len(self._files), directory, at))


def pack(files: Files) -> bytes:
    """The archive of these files, as a whole."""
    return b"".join(Archive(files))


def unpack(packed: bytes | memoryview) -> dict[str, Content]:
    """The files of an archive, whose own bytes are not checked here but by ``must_be_packed``; ``BundleRefused``.

    Attachments are left where they are in it.
    """
    whole = memoryview(packed)
    files: dict[str, Content] = {}
    at = 0
    while whole[at : at + 4] == _MEMBER:
        name_end = at + _NAME_AT + _number(whole, at + _NAME_LENGTH_AT, 2)
        start = name_end + _number(whole, at + _EXTRA_LENGTH_AT, 2)
        end = start + _number(whole, at + _SIZE_AT, 4)
        name = bytes(whole[at + _NAME_AT : name_end]).decode("ascii", "replace")
        if not _NAME.fullmatch(name):
            raise BundleRefused(f"the file is no bundle: at byte {at} it has a member with a name that none has")
        if name in files:
            raise BundleRefused(f"{name} is in the archive twice")
        if end > len(whole):
            raise BundleRefused(f"{name} is cut off, or says a wrong length")
        files[name] = whole[start:end] if name.startswith(_LEFT_WHERE_THEY_ARE) else bytes(whole[start:end])
        at = end
    if not files:
        raise BundleRefused("the file is no bundle: it does not begin as one")
    return files


def must_be_packed(files: Files, packed: bytes | memoryview) -> None:
    """Refuse an archive that has other bytes than its files give it."""
    whole, at = memoryview(packed), 0
    for piece in Archive(files):
        if bytes(whole[at : at + len(piece)]) != piece:
            at = -1
            break
        at += len(piece)
    if at != len(whole):
        raise BundleRefused("the archive itself was changed: it has bytes that belong to no file, or says other things")


def pieces_of(content: Content) -> Iterator[bytes]:
    """A file, piece by piece."""
    match content:
        case Streamed():
            yield from content.pieces()
        case bytes():
            yield content
        case _:
            for start in range(0, len(content), PIECE):
                yield bytes(content[start : start + PIECE])


def length_of(content: Content) -> int:
    """The length of a file, in bytes."""
    return content.length if isinstance(content, Streamed) else len(content)


def digest_of(content: Content) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return content.sha256 if isinstance(content, Streamed) else sha256(content).hexdigest()


def _crc_of(content: Content) -> int:
    return content.crc if isinstance(content, Streamed) else crc32(content)


def _entry(said: bytes, name: bytes, at: int) -> bytes:
    """What the archive's directory says of a member that begins at a byte."""
    extra = fields("<2HQ", 1, 8, at) if at > _LIMIT else b""
    version = _LARGE if extra else _PLAIN
    versions = fields("<4sBBH", b"PK\1\2", version, _UNIX, version)
    where = fields("<L", 0xFFFFFFFF if extra else at)
    return versions + said + fields("<5HL", len(name), len(extra), 0, 0, 0, _MODE) + where + name + extra


def _end(members: int, length: int, at: int) -> bytes:
    """The end of an archive whose directory of such a length begins at a byte."""
    large = b""
    if members > _MOST_MEMBERS or max(length, at) > _LIMIT:
        large = fields("<4sQ2H2L4Q", b"PK\6\6", 44, _LARGE, _LARGE, 0, 0, members, members, length, at)
        large += fields("<4sLQL", b"PK\6\7", 0, at + length, 1)
    told = min(members, _MOST_MEMBERS)
    return large + fields("<4s4H2LH", b"PK\5\6", 0, 0, told, told, min(length, 0xFFFFFFFF), min(at, 0xFFFFFFFF), 0)


def _number(packed: memoryview, at: int, length: int) -> int:
    return int.from_bytes(packed[at : at + length], "little")
