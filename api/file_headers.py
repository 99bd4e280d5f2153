"""The headers of files on their way in and out: names, types, offsets, ranges.

On their way in as "Resumable Uploads for HTTP" has it (draft-ietf-httpbis-resumable-upload), with names as RFC 6266 and
RFC 8187 write them; on their way out as RFC 9110 has ranges.
"""

import re
from base64 import b64encode
from contextlib import suppress
from email.message import Message
from urllib.parse import quote

from starlette.requests import Request

from api.problems import NotValid
from domain.errors import MediaTypeNotTaken
from domain.ticket.file import file_name

PARTIAL = "application/partial-upload"
OCTETS = "application/octet-stream"
PASSIVE = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp", "text/plain"})
"""What a reader's programs show without running anything; all else leaves as octets."""
_LONGEST_DISPOSITION = 2_000
"""Characters: three for each byte of the longest name that a file system takes, twice. What reads it takes a time that
grows with the square of the length."""
_COUNT = re.compile(r"[0-9]{1,15}")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{1,15})?|-([0-9]{1,15}))")
_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+=@,-]")


def name_of_file(request: Request) -> str:
    """The name in ``Content-Disposition``, made harmless; "file" without one."""
    given = request.headers.get("content-disposition", "")
    if len(given) > _LONGEST_DISPOSITION:
        raise _wrong("Content-Disposition", f"must have at most {_LONGEST_DISPOSITION:,} characters")
    with suppress(UnicodeDecodeError):
        # Browsers and curl send UTF-8 as it is; HTTP reads bytes as Latin-1.
        given = given.encode("latin-1").decode()
    message = Message()
    message["content-disposition"] = given
    try:
        name = message.get_filename("")
    except (LookupError, ValueError):
        raise _wrong("Content-Disposition", "must name the file as RFC 6266 has it: attachment; filename*=…") from None
    return file_name(name)


def count(request: Request, header: str) -> int | None:
    """A number of bytes in a header; None without one."""
    given = request.headers.get(header)
    if given is None:
        return None
    if not _COUNT.fullmatch(given.strip()):
        raise _wrong(header, "must be a number of bytes")
    return int(given)


def offset(request: Request) -> int:
    """From where on a request goes on with an upload."""
    found = count(request, "Upload-Offset")
    if found is None:
        raise _wrong("Upload-Offset", "must say from which byte on this goes on; HEAD tells where the upload stands")
    return found


def completes(request: Request, *, otherwise: bool | None = None) -> bool:
    """Whether what a request brings ends the file."""
    given = request.headers.get("Upload-Complete")
    if given is None and otherwise is not None:
        return otherwise
    if given is None or given.strip() not in ("?0", "?1"):
        raise _wrong("Upload-Complete", "must be ?1 if this ends the file, else ?0")
    return given.strip() == "?1"


def must_be_as_it_is(request: Request) -> None:
    """Refuse what was compressed on its way: nobody would decompress it, and the file would be another."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _wrong("Content-Encoding", "must not be there: a file is sent as it is")


def must_be_a_part(request: Request) -> None:
    """Refuse what is not declared to be a part of an upload."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != PARTIAL:
        raise MediaTypeNotTaken("A part of an upload is declared so, whatever the file is.", known=[PARTIAL])


def disposition(name: str) -> str:
    """``Content-Disposition`` of a file that is saved, never shown."""
    plain = _PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def digest(sha256: str) -> str:
    """``Repr-Digest`` (RFC 9530) of a file."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def part_asked_for(request: Request, length: int, etag: str) -> tuple[int, int] | None:
    """The bytes [start, end) that a request asks for; None for all of them, (0, 0) for none that there are.

    One range is answered; several, and what is no range, are answered with the whole, as RFC 9110 allows.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or length == 0 or request.headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = asked.groups()
    if suffix is not None:
        return (max(0, length - int(suffix)), length) if int(suffix) else (0, 0)
    start, end = int(first), min(length, int(last) + 1 if last else length)
    if last is not None and int(last) < start:
        return None
    return (start, end) if start < length else (0, 0)


def _wrong(field: str, rule: str) -> NotValid:
    return NotValid(faults=[{"field": field, "rule": rule}])
