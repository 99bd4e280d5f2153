"""Running an import: rows in, stories out, a bounded number of them on their way to the desk at any moment.

All rows of an incident that come together are one story and are recorded together or not at all, with the record of
how far the source has been told. So a run that was killed is resumed by running it again, a second run changes
nothing, and a longer file of the same source goes on where the shorter one ended.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from hashlib import sha256
from time import monotonic, process_time
from typing import Any, cast
from uuid import UUID

import msgspec

from consumers.importing.gathering import gathered
from consumers.importing.log import Line, Log
from consumers.importing.preparing import Destination, plan
from consumers.importing.records import Unreadable
from consumers.importing.report import EXAMPLES, Correction, Progress, Progressing, RefusedRow, Report
from consumers.importing.telling import CHANNEL, IMPORTER, Misplaced, Teller, World
from consumers.importing.told import Told
from domain.desk import Desk, Receipt
from domain.desk.rehearsing import Rehearsal
from domain.envelope import Act
from domain.errors import Refused
from domain.setup.events import SETUP, AgentDefined
from domain.ticket.events import TicketCorrected, TicketImported

IN_FLIGHT = 256
_PAGE = 5_000
_EVERY_S = 0.2

LEFT_OUT = "The row was left out; the incident's other rows were told, and what it changed shows with the next of them."
ALONE = "The row was left out, and its incident with it: no other row tells of it."
NOBODYS = "The row was left out; which incident it belongs to cannot be read."
ANOTHER_HISTORY = "this is another history of the incident, or in another zone, than was taken over before"
NOTHING_RECORDED = "Nothing of these rows of the incident was recorded."


Books = Desk | Rehearsal
"""Where a history is told to."""


class _Story(msgspec.Struct):
    """A run of rows on its way to the desk."""

    number: str
    rows: list[Any]
    changed: int
    opens: bool
    future: "Future[Receipt]"


class _Place(msgspec.Struct, gc=False):
    """How far an incident has come: rows, the digest chained over them, and whether there is a ticket of it."""

    rows: int = 0
    digest: bytes = b""
    opened: bool = False


def import_log(
    desk: Books,
    log: Log[Any],
    *,
    to: Destination | None = None,
    progress: Progressing | None = None,
    in_flight: int = IN_FLIGHT,
) -> Report:
    """Tell a log's history to the desk; over a ``Rehearsal`` nothing is recorded, and the report says what would be.

    Raises ``NotThisLayout`` for a file of another layout or a damaged one, ``SetupConflict`` where its names mean
    something else here: nothing has been recorded then. Whatever else ends it (the database away, a kill), another run
    goes on where this one ended.
    """
    show = progress or (lambda _: None)
    started, to = monotonic(), to or Destination()
    prepared = prepare(desk, log, to, show)
    report = Telling(desk, log, to, show, total=prepared.rows, in_flight=in_flight).run()
    report.configured = prepared.configured
    report.cpu_seconds += prepared.cpu_seconds
    report.seconds = monotonic() - started
    return report


class Prepared(msgspec.Struct, frozen=True):
    """What the first pass came to: rows in the file, events of configuration, processor time."""

    rows: int
    configured: int
    cpu_seconds: float


def prepare(desk: Books, log: Log[Any], to: Destination, show: Progressing) -> Prepared:
    """Read the log once and configure what it needs; raises before anything is recorded."""
    processor, started = process_time(), monotonic()
    log.met_by(desk.keys)

    def seen(rows: int) -> None:
        show(Progress("survey", rows, 0, 0, rows / max(monotonic() - started, 1e-9), 0.0))

    contents = log.survey(seen)
    log.problems.clear()
    before = desk.setup().version
    names = {event.agent: event for event in desk.history(SETUP) if isinstance(event, AgentDefined)}
    act = Act(actor=IMPORTER.actor, channel=CHANNEL)
    desk.configure(plan(contents, to, names, log.source, log.request_type), act)
    return Prepared(contents.rows, desk.setup().version - before, process_time() - processor)


def world_of(desk: Books, to: Destination, log: Log[Any]) -> World:
    """What the desk is configured to be."""
    setup = desk.setup()
    return World(
        department=to.department,
        request_type=to.request_type if log.request_type is not None else "",
        default_group=setup.department(to.department).default_group,
        groups_of={name: frozenset(agent.groups) for name, agent in setup.agents.items()},
        priority=setup.priority,
    )


class Telling:
    """One pass over the log that tells the incidents of one share of it (by default all of them)."""

    def __init__(
        self,
        desk: Books,
        log: Log[Any],
        to: Destination,
        progress: Progressing,
        *,
        total: int = 0,
        in_flight: int = IN_FLIGHT,
        share: int = 0,
        shares: int = 1,
    ) -> None:
        self.desk = desk
        self.log = log
        self.progress = progress
        self.most = in_flight
        self.total = total
        self.share, self.shares = share, shares
        log.met_by(desk.keys)
        self.world = world_of(desk, to, log)
        self.report = Report(file=log.path.name, zone=log.zone, time_problems=log.problems)
        self.flying: deque[_Story] = deque()
        self.seen: dict[str, _Place] = {}
        self.beginning = log.beginning
        self.taken: dict[str, _Place] = {}
        self.broken: set[str] = set()
        self.unreadable: list[Unreadable] = []
        self.started = monotonic()
        self.shown = 0.0

    def run(self) -> Report:
        """Tell it; the report is whole for the rows of this share."""
        processor = process_time()
        head = self.desk.store.head()
        self.taken = dict(self._taken_over())
        for rows in gathered(self._readable()):
            self._tell(rows)
        while self.flying:
            self._land()
        self._account_for_unreadable()
        self._collect_corrections(head)
        self.report.seconds = monotonic() - self.started
        self.report.cpu_seconds = process_time() - processor
        self._show(force=True)
        return self.report

    def _taken_over(self) -> Iterator[tuple[str, _Place]]:
        """How far each incident of this source was told before, from the log itself."""
        for page in self.desk.pages(0, _PAGE, types=(TicketImported.TYPE,), opened=False):
            for event in page:
                if isinstance(event, TicketImported) and event.source == self.log.source:
                    yield event.external_id, _Place(event.rows, bytes.fromhex(event.digest))

    def _readable(self) -> Iterator[Line]:
        for row in self.log.rows(self.share, self.shares):
            self.report.rows += 1
            if isinstance(row, Unreadable):
                self.unreadable.append(row)
            else:
                yield row

    # One run of rows

    def _tell(self, run: list[Line]) -> None:
        number, rows = run[0].number, self.log.in_order(run)
        place = self.seen.setdefault(number, _Place(digest=self.beginning))
        earlier = self.taken.get(number)
        fresh: list[Line] = []
        for row in rows:
            place.rows += 1
            place.digest = sha256(place.digest + "\x1f".join(row.cells).encode()).digest()
            if earlier is None or place.rows > earlier.rows:
                fresh.append(row)
            elif place.rows == earlier.rows and place.digest != earlier.digest:
                self.broken.add(number)
        if number in self.broken:
            self._refuse(rows, ANOTHER_HISTORY)
            return
        self.report.before += len(rows) - len(fresh)
        if fresh:
            self._submit(number, fresh, place, is_new=not place.opened and earlier is None)
        self._show()

    def _submit(self, number: str, rows: list[Line], place: _Place, *, is_new: bool) -> None:
        stream = self.desk.keys.stream_of("import", self.log.source, number)
        told = Told() if is_new else self._told(number, stream, rows[0])
        if told is None:
            self._refuse(rows, "an earlier part of this incident was refused")
            return
        version = told.version
        teller = self.log.teller(stream, told, self.world)
        kept, changed = self._told_by(teller, rows)
        if not teller.told.version:
            # Nothing but rows that the log ignores: there is no ticket yet to say so on.
            self.report.unchanged += len(kept)
            return
        place.opened = True
        teller.take_over(rows[-1], place.rows, place.digest.hex(), rows)
        if version:
            # Somebody may have worked on the ticket since it was read; then another run will see that.
            teller.orders[0] = msgspec.structs.replace(teller.orders[0], if_match=version)
        while len(self.flying) >= self.most:
            self._land()
        self.flying.append(_Story(number, kept, changed, is_new, self.desk.submit(*teller.orders)))

    def _told_by(self, teller: Teller[Any], rows: list[Line]) -> tuple[list[Line], int]:
        """Have the rows told; those that had a place, and how many of them changed something."""
        kept, changed = [], 0
        for row in rows:
            try:
                changed += teller.tell(row)
            except Misplaced as reason:
                self.report.refused.append(RefusedRow(row.row, row.line, row.number, str(reason), LEFT_OUT))
                continue
            kept.append(row)
        return kept, changed

    def _told(self, number: str, stream: UUID, row: Line) -> Told | None:
        """Where the ticket stands when all that is on its way has landed; None when there is no ticket."""
        while any(story.number == number for story in self.flying):
            self._land()
        if number in self.broken:
            return None
        return self.log.resumed(self.desk.ticket(stream), row, self.desk.keys)

    def _land(self) -> None:
        """Wait for the oldest story."""
        story = self.flying.popleft()
        try:
            receipt = story.future.result()
        except Refused as refused:
            self.broken.add(story.number)
            self._refuse(story.rows, f"the desk refused it: {refused.code}, {refused}")
            return
        self.report.opened += story.opens
        self.report.continued += not story.opens
        self.report.told += story.changed
        self.report.unchanged += len(story.rows) - story.changed
        self.report.events.update(receipt.events)

    # The report

    def _refuse(self, rows: list[Line], reason: str) -> None:
        self.report.refused += [RefusedRow(row.row, row.line, row.number, reason, NOTHING_RECORDED) for row in rows]

    def _account_for_unreadable(self) -> None:
        for it in self.unreadable:
            done = LEFT_OUT if it.incident in self.seen else ALONE if it.incident else NOBODYS
            reason = it.reason if it.lines <= 1 else f"{it.reason} (lines {it.line} to {it.line + it.lines - 1})"
            self.report.refused.append(RefusedRow(it.row, it.line, it.incident, reason, done))
        self.report.refused.sort(key=lambda refused: refused.row)

    def _collect_corrections(self, head: int) -> None:
        """What was recorded as corrections, read back from the log rather than remembered."""
        numbers = {self.desk.keys.stream_of("import", self.log.source, number): number for number in self.seen}
        for page in self.desk.pages(head, _PAGE, types=(TicketCorrected.TYPE,), opened=False):
            for event in page:
                if event.act.channel == CHANNEL and event.stream in numbers:
                    kind = self.report.corrections.setdefault(cast(TicketCorrected, event).why, Correction())
                    kind.count += 1
                    if len(kind.examples) < EXAMPLES:
                        kind.examples.append(numbers[event.stream])

    def _show(self, *, force: bool = False) -> None:
        now = monotonic()
        if not force and now - self.shown < _EVERY_S:
            return
        self.shown = now
        done = self.report.rows
        rate = done / max(now - self.started, 1e-9)
        left = (self.total - done) / rate if rate and self.total else 0.0
        self.progress(Progress("telling", done, self.total, sum(self.report.events.values()), rate, left))
