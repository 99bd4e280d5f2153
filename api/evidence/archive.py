"""Files as one file: a zip archive in the one form that their contents give it.

Members are stored, not compressed, in the order of their names, without times. So the same files always give the same
bytes, whoever packs them; whatever unpacks to them and has other bytes is refused; and an archive never grows when it
is unpacked. It is read in one pass from its first byte on, and nothing that it says of itself is relied upon.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

LARGEST = 1 << 30
"""Bytes of an archive that is read at all."""

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644 << 16
_MEMBER = b"PK\3\4"
_SIZE_AT, _NAME_LENGTH_AT, _EXTRA_LENGTH_AT, _NAME_AT = 18, 26, 28, 30
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(?:/[a-z0-9][a-z0-9._-]{0,99})?", re.ASCII)


class BundleRefused(ValueError):
    """What is wrong with a bundle: in which file, or at which event."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name in sorted(files):
            member = ZipInfo(name, _FIRST_DAY)
            member.create_system, member.external_attr = _UNIX, _MODE
            archive.writestr(member, files[name])
    return packed.getvalue()


def unpack(packed: bytes) -> dict[str, bytes]:
    """The files of an archive, whose own bytes are not checked here but by ``must_be_packed``; ``BundleRefused``."""
    if len(packed) > LARGEST:
        raise BundleRefused(f"the file is larger than {LARGEST:,} bytes")
    files: dict[str, bytes] = {}
    at = 0
    while packed[at : at + 4] == _MEMBER:
        name_end = at + _NAME_AT + _number(packed, at + _NAME_LENGTH_AT, 2)
        start = name_end + _number(packed, at + _EXTRA_LENGTH_AT, 2)
        end = start + _number(packed, at + _SIZE_AT, 4)
        name = packed[at + _NAME_AT : name_end].decode("ascii", "replace")
        if not _NAME.fullmatch(name):
            raise BundleRefused(f"the file is no bundle: at byte {at} it has a member with a name that none has")
        if name in files:
            raise BundleRefused(f"{name} is in the archive twice")
        if end > len(packed):
            raise BundleRefused(f"{name} is cut off, or says a wrong length")
        files[name] = packed[start:end]
        at = end
    if not files:
        raise BundleRefused("the file is no bundle: it does not begin as one")
    return files


def must_be_packed(files: Mapping[str, bytes], packed: bytes) -> None:
    """Refuse an archive that has other bytes than its files give it."""
    if pack(files) != packed:
        raise BundleRefused("the archive itself was changed: it has bytes that belong to no file, or says other things")


def _number(packed: bytes, at: int, length: int) -> int:
    return int.from_bytes(packed[at : at + length], "little")
