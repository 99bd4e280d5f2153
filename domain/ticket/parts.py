"""What a ticket consists of beside plain fields: links, time spent, reminders, clocks, signatures, files."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from domain.ticket.events import SourceUpdate


class Link(msgspec.Struct, frozen=True):
    """This ticket ``kind`` that one."""

    kind: str
    other: UUID
    number: int


class TimeEntry(msgspec.Struct, frozen=True):
    """Time spent, in minutes."""

    entry: int
    minutes: int
    billable: bool
    by: str


class Sla(msgspec.Struct, frozen=True):
    """The versions of policy and calendar that apply."""

    policy: str
    policy_version: int
    calendar: str
    calendar_version: int


class Reminder(msgspec.Struct, frozen=True):
    """Somebody is to be reminded of the ticket at a time (UTC)."""

    reminder: int
    at: datetime
    agent: str


class Breach(msgspec.Struct, frozen=True):
    """A clock exceeded this target, of which there is a record that stands."""

    clock: str
    instance: int
    target: timedelta


class Signature(msgspec.Struct, frozen=True):
    """Somebody signed the ticket as it stood at ``signs``, which the event at ``version`` says; UTC."""

    version: int
    signs: int
    signer: str
    name: str
    meaning: str
    command: str
    at: datetime


class Attachment(msgspec.Struct, frozen=True):
    """A file of the ticket, added by the event at ``version``; ``length`` in bytes, ``at`` in UTC.

    One that is quarantined is handed out to nobody. What tells of a person is blank where it was not opened or is
    erased.
    """

    attachment: UUID
    version: int
    name: str
    media_type: str
    length: int
    internal: bool
    quarantined: bool
    by: str
    at: datetime


class TakenOver(msgspec.Struct, frozen=True):
    """How far another system's history of the ticket has been told, and that system's last update so far."""

    source: str
    rows: int
    digest: str
    last: SourceUpdate | None
