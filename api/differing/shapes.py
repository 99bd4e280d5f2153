"""The difference of two states of a ticket, as it is answered."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from api.visibility import EventTold
from domain.clock.clocks import Stage, Verdict


class Moment(msgspec.Struct, kw_only=True):
    """A state of the ticket: its version (0: it was not there yet), and the instant as of which it is shown."""

    version: int
    at: datetime


class Change(msgspec.Struct, kw_only=True):
    """A field that differs; ``field`` names a custom one as ``fields.<name>``. ``text`` says it in words.

    Of a list, ``added`` and ``removed`` are what differs, in words. ``withheld`` says that an old or new value cannot
    be shown: it is sealed for this reader, or was erased.
    """

    field: str
    old: Any
    new: Any
    added: list[str] = []
    removed: list[str] = []
    withheld: str = ""
    text: str


class Message(msgspec.Struct, kw_only=True):
    """What was written in between: a ``message`` of the requester, a ``reply`` of the desk or an internal ``note``."""

    kind: str
    version: int
    at: datetime
    by: str
    text: str
    withheld: str = ""


class ClockFigures(msgspec.Struct, kw_only=True):
    """A clock as of a moment."""

    stage: Stage
    verdict: Verdict
    elapsed_minutes: float
    target_minutes: float | None
    due_at: datetime | None
    text: str


class ClockChange(msgspec.Struct, kw_only=True):
    """A clock before and after; ``before`` is null if it had not started."""

    clock: str
    instance: int
    before: ClockFigures | None
    after: ClockFigures


class Difference(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """What became of a ticket from one moment to another; ``text`` tells it as a page to read.

    ``clocks`` is null for who may not see them. What the reader may not see is left out, as everywhere.
    """

    ticket: UUID
    number: int
    from_: Moment
    to: Moment
    known_at: datetime | None
    changes: list[Change]
    messages: list[Message]
    clocks: list[ClockChange] | None
    events: list[EventTold]
    text: str = ""
