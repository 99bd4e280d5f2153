"""The parameters that several routes share: how they are named, written and checked."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Path, Query
from starlette.requests import Request

from api.looks import BREAK_GLASS_HEADER
from api.problems import NotValid
from domain.moments import Moment, in_utc, read, zone_named

Ref = Annotated[
    str, Path(description="The ticket's number, with or without #, or its UUID.", max_length=64, examples=["1"])
]
At = Annotated[
    Moment | None,
    Query(description="As of this effective time (RFC 3339 with a zone).", examples=["2026-01-31T09:00:00Z"]),
]
KnownAt = Annotated[
    Moment | None,
    Query(description="As it was known at this time: what was recorded later does not count."),
]
LARGEST = 2**53 - 1
Position = Annotated[int, Query(ge=0, le=LARGEST, description="Begin after this position.")]
WaitFor = Annotated[
    int | None,
    Query(ge=0, le=LARGEST, description="Answer once the view shows this position ('Acta-Position' of a write)."),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
PagePosition = Annotated[int | None, Query(ge=0, le=LARGEST, description="`next` of the page before.")]
Timezone = Annotated[str, Query(max_length=64, description="IANA name of the zone in which sentences tell times.")]
_VERSION = re.compile(r'"(0|[1-9][0-9]{0,8})"')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LONGEST_REASON = 500
_HANDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._|:-]{0,127}")


class TicketWanted(TypedDict, total=False):
    """A ticket as a journal is asked for it, if it is."""

    ticket: UUID
    number: int


def ticket_wanted(text: str | None) -> TicketWanted:
    """The ticket of a reference; nothing if none is named."""
    if text is None:
        return {}
    named = ticket_named(text)
    return {"ticket": named} if isinstance(named, UUID) else {"number": named}


def ticket_named(text: str) -> int | UUID:
    """A ticket's number, with or without #, or its UUID."""
    digits = text.strip().removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        return int(digits)
    try:
        return UUID(text.strip())
    except ValueError:
        raise _wrong("query/ticket", "must be a ticket's number or UUID") from None


def if_match(request: Request) -> int | None:
    """The version that the ticket must still have."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    found = _VERSION.fullmatch(given.strip())
    if found is None:
        raise _wrong("If-Match", 'must be one version in double quotes, such as "3", or *')
    return int(found[1])


def idempotency_key(request: Request) -> str | None:
    """What makes this request the same request when it comes again."""
    given = request.headers.get("idempotency-key")
    if given is not None and not _KEY.fullmatch(given):
        raise _wrong("Idempotency-Key", "must have 1 to 255 visible ASCII characters")
    return given


def reason_to_break_glass(request: Request) -> str:
    """Why the caller wants to read a ticket of a department that is not theirs; "" if they do not say so."""
    given = request.headers.getlist(BREAK_GLASS_HEADER)
    if not given:
        return ""
    try:
        reason = given[0].encode("latin-1").decode().strip() if len(given) == 1 else ""
    except UnicodeDecodeError:
        reason = ""
    if not (0 < len(reason) <= _LONGEST_REASON and reason.isprintable()):
        raise _wrong(BREAK_GLASS_HEADER, f"must say why, once, in 1 to {_LONGEST_REASON} printable characters in UTF-8")
    return reason


ON_BEHALF_OF = "Acta-On-Behalf-Of"
CORRELATION = "Acta-Correlation-Id"


def handle(request: Request, header: str) -> str:
    """A header that holds a handle, which is stored readable and so must not tell of a person; "" without it."""
    given = request.headers.get(header)
    if given is None:
        return ""
    if not _HANDLE.fullmatch(given):
        rule = "must be a handle, no address: 1 to 128 letters, digits, dots, dashes, colons, bars or underscores"
        raise _wrong(header, rule)
    return given


def no_query(request: Request) -> None:
    """Refuse a query where none is known."""
    if request.scope.get("query_string"):
        raise NotValid(faults=[{"field": "query", "rule": "has a parameter that is not known here"}])


def some_of(text: str, known: Collection[str], name: str) -> tuple[str, ...]:
    """The names in a comma-separated list, each once, all of them known."""
    named = tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not set(named) <= set(known):
        raise _wrong(f"query/{name}", f"must be of {', '.join(known)}")
    return named


def must_be_zone(name: str, field: str = "zone") -> ZoneInfo:
    """The time zone of that name; refuse one that does not exist."""
    try:
        return zone_named(name)
    except ValueError:
        raise _wrong(f"query/{field}", "must be an IANA time zone, such as Europe/Berlin") from None


def must_be_period(since: datetime, until: datetime) -> None:
    """Refuse a period that ends before it begins."""
    if since >= until:
        raise _wrong("query/to", "must be later than 'from'")


def must_not_be_far_ahead(at: datetime | None, now: datetime) -> None:
    """Refuse to foresee more than a year, hour by hour."""
    if at is not None and at > now + timedelta(days=366):
        raise _wrong("query/at", "must not lie more than a year ahead")


def moment(text: str, name: str) -> int | datetime:
    """A version or an aware time."""
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    try:
        found = read(text.replace(" ", "+"))
    except ValueError:
        raise _wrong(name, "must be a version or a time with a zone, such as 2026-01-31T09:00:00Z") from None
    if found.tzinfo is None:
        raise _wrong(name, "needs a time zone, such as 2026-01-31T09:00:00Z")
    try:
        return in_utc(found)
    except ValueError as fault:
        raise _wrong(name, str(fault)) from None


def _wrong(field: str, rule: str) -> NotValid:
    return NotValid(faults=[{"field": field, "rule": rule}])
