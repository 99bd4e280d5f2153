"""The facts of who tried what, in streams of their own, one per process and day."""

from uuid import UUID

from domain.envelope import Event, Personal

MOST_NAMED = 1_000
"""Tickets, and persons, that one fact names: as many as the longest page holds; an export may hold more."""


class AccessEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of access."""


class AccessRefused(AccessEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody was refused. Never holds what they sent, only what they reached for."""

    TYPE = "access.refused.v1"

    permission: str
    code: str
    ticket: UUID | None = None
    department: str = ""
    origin: str = ""
    count: int = 1


class AccessRead(AccessEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who had the right to was shown what holds personal data.

    ``operation`` is what they asked for, by its id in the API's description, ``question`` what of its parameters may
    be kept readable; ``permission`` the right that it rested on and ``departments`` those of the tickets shown; ``key``
    the id of the API key ("": another token). Of the ``tickets`` shown ``more`` are not named.
    """

    TYPE = "access.read.v1"

    operation: str
    permission: str
    departments: tuple[str, ...] = ()
    tickets: tuple[UUID, ...] = ()
    persons: tuple[UUID, ...] = ()
    more: int = 0
    question: str = ""
    origin: str = ""
    key: str = ""


class GlassBroken(AccessEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody was shown a ticket of a department that is not theirs, for a reason that they gave."""

    TYPE = "access.glass-broken.v1"

    operation: str
    permission: str
    ticket: UUID
    department: str
    reason: Personal[str]
    persons: tuple[UUID, ...] = ()
    question: str = ""
    origin: str = ""
    key: str = ""
