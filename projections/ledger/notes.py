"""Finding one among all signed checkpoints, which stand one after another in a file, in order of size.

The place of a note is not known, but where one ends can be seen anywhere; so the search halves the bytes. No index has
to agree with the file.
"""

import os

from domain.record.note import LINES, MARK

_LARGEST = 2048
"""Bytes of a note: the name of a key is far shorter."""

_SIGNATURE = b"\n" + MARK.encode()


def size_of(note: str) -> int:
    """How many entries a note speaks of, whoever signed it; 0 for no note."""
    return int(note.split("\n", 2)[1]) if note else 0


def first_note(file: int, size: int) -> str:
    """The first note of an open file that signs at least ``size`` entries; "" if there is none yet."""
    found = ""
    low, high = 0, os.fstat(file).st_size
    while low < high:
        middle = (low + high) // 2
        start = _begin(file, middle)
        note = _note(file, start) if low <= start < high else ""
        if note and size_of(note) < size:
            low = start + 1
        else:
            found, high = note or found, middle
    return found


def _begin(file: int, place: int) -> int:
    """Where the first note begins that begins at or after a place; -1 if none is near."""
    if place == 0:
        return 0
    start = max(0, place - _LARGEST)
    near = os.pread(file, 2 * _LARGEST, start)
    at = near.find(_SIGNATURE)
    while at >= 0:
        end = near.find(b"\n", at + 1) + 1
        if end == 0:
            return -1
        if start + end >= place:
            return start + end
        at = near.find(_SIGNATURE, end - 1)
    return -1


def _note(file: int, start: int) -> str:
    """The note that begins here; "" for one that is not whole."""
    lines = os.pread(file, _LARGEST, start).splitlines(keepends=True)[:LINES]
    whole = len(lines) == LINES and lines[-1].startswith(MARK.encode()) and lines[-1].endswith(b"\n")
    return b"".join(lines).decode() if whole else ""
