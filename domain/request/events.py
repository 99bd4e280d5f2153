"""The facts of requests: what was decided of a keyed one, once for ever; what became of one that cannot be read.

The stream of a keyed request is an HMAC of (principal, source, key): a repeat finds the first decision whatever
happened since. That of a dead letter is one of where it came in.
"""

from typing import Literal
from uuid import UUID

from domain.envelope import Event, Json, Personal


class RequestDecided(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The request was carried out (``receipt``) or refused (``refusal``: code, detail, particulars).

    A request that came through the door of a ``department`` keeps what its outcome is addressed with: its ``source``
    and ``key`` as the sender wrote them, and the sender's own ``reference``.
    """

    TYPE = "request.decided.v1"

    digest: str
    ticket: UUID | None = None
    receipt: dict[str, Json] | None = None
    refusal: dict[str, Json] | None = None
    department: str = ""
    source: Personal[str] = ""
    key: Personal[str] = ""
    reference: Personal[str] = ""


class LetterEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of one dead letter: a message that came through a department's door and could not be taken."""


class LetterKept(LetterEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A message could not be taken for the reason of this ``code``; it is kept sealed, beside the log."""

    TYPE = "letter.kept.v1"

    department: str
    code: str
    topic: str
    partition: int
    offset: int


class LetterCorrected(LetterEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody put another text in place of what had come."""

    TYPE = "letter.corrected.v1"


class LetterRedriven(LetterEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The letter was handed in once more: it was ``decided`` as that ``request``, or is ``kept`` still."""

    TYPE = "letter.redriven.v1"

    outcome: Literal["decided", "kept"]
    code: str = ""
    request: UUID | None = None


class LetterDiscarded(LetterEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The letter was given up and what had come destroyed; ``expired``: nobody had taken care of it in time."""

    TYPE = "letter.discarded.v1"

    expired: bool = False
    reason: Personal[str] = ""
