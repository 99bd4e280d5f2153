"""The working set of one batch: what is known of the streams it touches, and what is about to be recorded in them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from domain.clock.clocks import Clocks, UnknownPolicy
from domain.clock.deciding import Timed
from domain.clock.folding import advance
from domain.clock.hearing import mark_of
from domain.clock.policy import Policies
from domain.envelope import NOBODY, UNSTAMPED, Act, Event, Seal
from domain.setup import state as setup_state
from domain.setup.events import SETUP, SetupEvent
from domain.setup.state import Setup
from domain.store import codec
from domain.ticket import state as ticket_state
from domain.ticket.commands import Situation
from domain.ticket.events import TicketEvent, TicketFact
from domain.ticket.state import Ticket


class Stream(msgspec.Struct):
    """A stream as the desk knows it: its version and the state that decisions need.

    Streams that need no state (persons, requests, access) keep what their first event says. ``clocks`` are those of a
    ticket, kept once a decision has asked for them; None: they must be folded from the first event on.
    """

    version: int = 0
    state: Any = None
    first: Event | None = None
    effective_at: datetime = UNSTAMPED
    clocks: Clocks | None = None

    def evolved(self, event: Event, policies: Policies) -> "Stream":
        """The stream after ``event``."""
        state: Any
        clocks = self.clocks
        if isinstance(event, SetupEvent):
            state = setup_state.evolve(self.state or Setup(), event)
        elif isinstance(event, TicketEvent):
            state = ticket_state.evolve(self.state or Ticket(), cast(TicketFact, event))
            clocks = clocks and _heard(clocks, event, policies)
        else:
            # There are many of them, and neither its seal nor its act is asked for.
            first = self.first or msgspec.structs.replace(event, seal=None, act=NOBODY)
            return Stream(event.version, None, first, event.effective_at)
        return Stream(event.version, state, None, event.effective_at, clocks)


def _heard(clocks: Clocks, event: TicketEvent, policies: Policies) -> Clocks | None:
    mark = mark_of(event)
    try:
        return clocks if mark is None else advance(clocks, mark, policies)
    except UnknownPolicy:
        # Configured in the same breath: the clocks are folded anew when they are asked for.
        return None


NOTHING_YET = Stream()
_NO_TICKET = Ticket()
_TAKEN = Stream()
"""Stands where the stream of an upload would be, if it had one, once a ticket is about to take it."""


def ticket_of(stream: Stream) -> Ticket:
    """The ticket of a stream; version 0 if there is none."""
    return stream.state if isinstance(stream.state, Ticket) else _NO_TICKET


class Unit:
    """Events that are recorded together or not at all, and the tasks whose answers wait for them.

    ``consulted`` are the streams that their decisions looked at, with the version that the store had given last.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tasks: list[Any] = []
        self.consulted: dict[UUID, int] = {}

    def rests_on(self) -> dict[UUID, int]:
        """The streams that must not have moved on although nothing is recorded in them."""
        written = {event.stream for event in self.events}
        return {stream: version for stream, version in self.consulted.items() if stream not in written}


class WorkingSet:
    """Streams as loaded, streams as they will be, and the units to be recorded.

    A task decided later in the batch sees what an earlier one is about to record, and then shares its unit: if the
    earlier one turns out to have been overtaken by another process, both are decided again.
    """

    def __init__(self, known: Mapping[UUID, Stream], now: datetime, policies: Policies) -> None:
        self.known = known
        self.now = now
        self.policies = policies
        self.touched: dict[UUID, Stream] = {}
        self.units: list[Unit] = []
        self._unit_of: dict[UUID, Unit] = {}
        self.numbers: Callable[[], int] = lambda: 0
        self.sealing: Callable[[UUID], UUID] = lambda subject: subject

    def stream(self, stream: UUID) -> Stream:
        """A stream as of what is about to be recorded."""
        return self.touched.get(stream) or self.known.get(stream) or NOTHING_YET

    def is_pending(self, stream: UUID) -> bool:
        """Whether something is about to be recorded in a stream."""
        return stream in self.touched

    def keep(self, draft: "Draft") -> Unit:
        """Take a draft's events into the batch; units that it ties together become one."""
        tied = {id(unit): unit for stream in draft.consulted if (unit := self._unit_of.get(stream)) is not None}
        unit = next(iter(tied.values()), None)
        if unit is None:
            unit = Unit()
            self.units.append(unit)
        for other in list(tied.values())[1:]:
            unit.events += other.events
            unit.tasks += other.tasks
            unit.consulted |= other.consulted
            self.units.remove(other)
            for stream, owner in self._unit_of.items():
                if owner is other:
                    self._unit_of[stream] = unit
        unit.events += draft.events
        unit.tasks.append(draft.task)
        unit.consulted |= {stream: self.known.get(stream, NOTHING_YET).version for stream in draft.consulted}
        self.touched.update(draft.streams)
        for event in draft.events:
            self._unit_of[event.stream] = unit
        return unit


class Draft:
    """The events of one task, in the making, and the streams ``consulted`` for them.

    A decision rests on what is remembered and on what earlier tasks of the batch are about to record; the store says
    whether that is still so when it records the events.
    """

    def __init__(self, work: WorkingSet, task: Any) -> None:
        self.work = work
        self.task = task
        self.events: list[Event] = []
        self.streams: dict[UUID, Stream] = {}
        self.consulted: set[UUID] = set()

    @property
    def rests_on_pending(self) -> bool:
        """Whether it rests on what an earlier task is about to record."""
        return any(self.work.is_pending(stream) for stream in self.consulted)

    def stream(self, stream: UUID) -> Stream:
        """A stream as of this draft."""
        self.consulted.add(stream)
        return self.streams.get(stream) or self.work.stream(stream)

    def ticket(self, stream: UUID) -> Ticket:
        """A ticket as of this draft; version 0 if there is none."""
        return ticket_of(self.stream(stream))

    def is_taken(self, upload: UUID) -> bool:
        """Whether a ticket is about to take an upload. Whether it is there, the append finds out."""
        return self.stream(upload) is _TAKEN

    def take(self, upload: UUID) -> None:
        """Let no later task take the upload."""
        self.streams[upload] = _TAKEN

    def timed(self, situation: Situation, stream: UUID) -> Timed:
        """The situation with the clocks of a ticket. Raises ``UnknownPolicy``."""
        clocks = self.stream(stream).clocks
        if clocks is None:
            raise UnknownPolicy("an event of the ticket names a policy version that is not configured")
        given = {name: getattr(situation, name) for name in situation.__struct_fields__}
        return Timed(**given, clocks=clocks, policies=self.work.policies)

    @property
    def setup(self) -> Setup:
        """The configuration as of this draft."""
        state = self.stream(SETUP).state
        return state if isinstance(state, Setup) else Setup()

    def record(
        self, stream: UUID, event: Event, act: Act, *, occurred_at: datetime | None = None, subject: UUID | None = None
    ) -> Event:
        """Put an event at the end of a stream, with its act and times, to be sealed for ``subject``.

        What the event itself says of when it happened goes before ``occurred_at``.
        """
        before = self.stream(stream)
        if event.occurred_at is not UNSTAMPED:
            occurred_at = event.occurred_at
        changes: dict[str, Any] = {"stream": stream, "version": before.version + 1, "act": act}
        if subject is not None:
            changes["seal"] = Seal(self.work.sealing(subject), "", {})
        if occurred_at is not None:
            changes["occurred_at"] = occurred_at
            if before.effective_at is not UNSTAMPED and before.effective_at > occurred_at:
                changes["effective_at"] = before.effective_at
        event = msgspec.structs.replace(event, **changes)
        provisional = msgspec.structs.replace(event, seal=None)
        codec.stamped(provisional, stream, event.version, 0, self.work.now)
        self.streams[stream] = before.evolved(provisional, self.work.policies)
        self.events.append(event)
        return event
