"""Checking an import: what the tickets say, folded from their streams, against the log, column by column.

Every ticket is looked at as of every moment that a row tells of (several rows of one minute are one moment: the last
of them), and in the end as it stands now.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import cast
from uuid import UUID

from consumers.importing.records import Unreadable
from consumers.importing.servicenow import layout as at
from consumers.importing.servicenow.agreement import Agreement, Difference, Figure
from consumers.importing.servicenow.log import local_times
from consumers.importing.servicenow.reading import Row, records_of, rows_of
from consumers.importing.servicenow.saying import said, times_said
from consumers.importing.telling import UNKNOWN_CALLER
from domain.desk import Desk
from domain.envelope import Event
from domain.ticket.events import (
    SourceUpdate,
    TicketCorrected,
    TicketEvent,
    TicketFact,
    TicketImported,
    TicketReopened,
    TicketRouted,
)
from domain.ticket.state import Ticket, evolve

_AT_ONCE = 400
_NOT_YET = "the source dates it after the incident's last row"
_TAKEN_UP = "it was taken up again after that, and a ticket in such a state has no such time here"
_STATES_WITH = {at.RESOLVED_AT: ("resolved", "closed"), at.CLOSED_AT: ("closed",)}
"""The states in which a ticket has the time: one that went from closed back to resolved is not closed any more."""


def check(desk: Desk, path: Path, zone: str) -> Agreement:
    """How far tickets and source agree; raises as ``import_servicenow`` does for a file or zone of no use."""
    return _Check(desk, path, zone).run()


class _Check:
    def __init__(self, desk: Desk, path: Path, zone: str) -> None:
        self.desk = desk
        self.path = path
        self.times = local_times(zone)
        self.result = Agreement()
        self.source: Counter[str] = Counter()
        self.acta: Counter[str] = Counter()
        keys = desk.keys
        self.person_of = cache(lambda caller: keys.stream_of("person", "handle", at.SOURCE, caller or UNKNOWN_CALLER))

    def run(self) -> Agreement:
        waiting: dict[str, list[Row]] = {}
        for rows in self._incidents():
            waiting[rows[0].number] = rows
            if len(waiting) >= _AT_ONCE:
                self._compare(waiting)
                waiting = {}
        self._compare(waiting)
        for name in self.source | self.acta:
            self.result.figures[name] = Figure(self.source[name], self.acta[name])
        return self.result

    def _incidents(self) -> Iterator[list[Row]]:
        """Every incident with all its readable rows; it is held no longer than until its last row."""
        left = Counter(record.cells[at.NUMBER].strip() for record in records_of(self.path) if not record.fault)
        open_: dict[str, list[Row]] = {}
        for row in rows_of(self.path, self.times):
            if isinstance(row, Unreadable):
                left[row.incident] -= 1
                continue
            open_.setdefault(row.number, []).append(row)
            if len(open_[row.number]) >= left[row.number]:
                yield open_.pop(row.number)
        yield from open_.values()

    def _compare(self, incidents: dict[str, list[Row]]) -> None:
        streams = {self.desk.keys.stream_of("import", at.SOURCE, number): number for number in incidents}
        histories: dict[UUID, list[Event]] = {}
        for stored in self.desk.store.newer([(stream, 0) for stream in streams]) if streams else ():
            histories.setdefault(stored.originator_id, []).append(self.desk.sealing.decoded(stored))
        for stream, number in streams.items():
            rows, history = incidents[number], histories.get(stream, [])
            self.result.incidents += 1
            self.result.rows += len(rows)
            if history:
                self._one(rows, cast(list[TicketEvent], history))
            else:
                self.result.missing.append(number)

    def _one(self, rows: list[Row], history: Sequence[TicketEvent]) -> None:
        ticket, events = Ticket(), list(history)
        moments = _moments(rows)
        for row, moment in moments:
            while events and events[0].effective_at <= moment:
                ticket = evolve(ticket, cast(TicketFact, events.pop(0)))
            self._row(row, ticket)
        for event in events:
            ticket = evolve(ticket, cast(TicketFact, event))
        self._end(rows, ticket)
        self._updates(rows, history)
        self._count(rows, ticket, history)

    def _row(self, row: Row, ticket: Ticket) -> None:
        self.result.moments += 1
        for column, cell in said(ticket, row, self.person_of).items():
            self._found(column, row, row.cells[column], cell)

    def _end(self, rows: list[Row], ticket: Ticket) -> None:
        last = rows[-1]
        given = dict(zip(at.TIMES, last.times, strict=True))
        for column, time in times_said(ticket).items():
            source, because = given[column], ""
            if source is not None and source > last.updated_at:
                because = _NOT_YET
            elif time is None and ticket.status not in _STATES_WITH.get(column, (ticket.status,)):
                because = _TAKEN_UP
            if source is None and column in (at.RESOLVED_AT, at.CLOSED_AT):
                self.result.columns[at.COLUMNS[column]].unknown += 1
            else:
                self._found(column, last, _text(source), _text(time), because)
        for column in (at.CLOSED_CODE, at.RESOLVED_BY):
            self._found(column, last, last.cells[column], str(ticket.fields.get(at.COLUMNS[column]) or ""))

    def _updates(self, rows: list[Row], history: Iterable[TicketEvent]) -> None:
        """Every row as an update of the source: its count there, its time, its actor."""
        updates: list[SourceUpdate] = []
        for event in history:
            if isinstance(event, TicketImported):
                updates += event.updates
        for n, row in enumerate(rows):
            update = updates[n] if n < len(updates) else None
            self._found(at.MOD_COUNT, row, str(row.mod_count), str(update.count) if update else "")
            self._found(at.UPDATED_AT, row, _text(row.updated_at), _text(update.at if update else None))
            self._found(at.UPDATED_BY, row, row.cells[at.UPDATED_BY], update.by if update else "")

    def _found(self, column: int, row: Row, source: str, acta: str, because: str = "") -> None:
        found = self.result.columns[at.COLUMNS[column]]
        if not source and not acta:
            found.unknown += 1
            return
        found.compared += 1
        if source == acta:
            found.agreed += 1
        else:
            found.differences.append(Difference(row.number, row.row, source, acta, because))

    def _count(self, rows: list[Row], ticket: Ticket, history: Iterable[TicketEvent]) -> None:
        last, source, acta = rows[-1], self.source, self.acta
        groups = [row.cells[at.GROUP] for row in rows]
        moved = sum(map(_moves_group, history))
        changes = sum(before != after for before, after in pairwise(groups))
        source["changes of assignment group"] += changes
        acta["changes of assignment group"] += moved
        source["incidents"] += 1
        acta["incidents whose group changes agree"] += moved == changes
        source["incidents whose group changes agree"] += 1
        source["reopenings"] += last.reopenings
        acta["reopenings"] += ticket.reopen_count
        acta["incidents"] += 1
        source["incidents whose reopenings agree"] += 1
        acta["incidents whose reopenings agree"] += ticket.reopen_count == last.reopenings
        source["closed in the end"] += last.cells[at.STATE] == "Closed"
        acta["closed in the end"] += ticket.status == "closed"
        acta["reopenings that our rules allowed"] += sum(isinstance(event, TicketReopened) for event in history)
        source["reopenings that our rules allowed"] += last.reopenings
        shown = self.result.shown
        for name, figure in (
            ("incidents with made_sla true in the end", last.cells[at.MADE_SLA] == "true"),
            ("reassignment_count in the end, summed", int(last.cells[at.REASSIGNMENTS] or 0)),
        ):
            shown[name] = shown.get(name, 0) + figure


def _moments(rows: Sequence[Row]) -> list[tuple[Row, datetime]]:
    """The rows that stood for a while, and since when: no earlier than what was before them.

    A row does not stand when a later one bears the same time, or an earlier one where a source goes back in time.
    """
    effective = rows[0].opened_at
    begun: list[tuple[Row, datetime]] = []
    for row in rows:
        effective = max(effective, row.updated_at)
        begun.append((row, effective))
    moments: list[tuple[Row, datetime]] = []
    next_change: datetime | None = None
    for row, moment in reversed(begun):
        if next_change is None or next_change > moment:
            moments.append((row, moment))
        next_change = row.updated_at if next_change is None else min(next_change, row.updated_at)
    return moments[::-1]


def _moves_group(event: TicketEvent) -> bool:
    if isinstance(event, TicketRouted):
        return True
    return isinstance(event, TicketCorrected) and "group" in event.new


def _text(time: datetime | None) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}" if time is not None else ""
