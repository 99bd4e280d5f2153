"""The facts of who tried what, in streams of their own, one per process and day."""

from uuid import UUID

from domain.envelope import Event


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
