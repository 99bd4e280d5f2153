"""Telling a ServiceNow-style log: the differences between the rows of an incident as orders to the desk.

Within a row the order of acts is: what takes a finished ticket up again, who is answerable, what it is about, and in
the end where it stands.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from consumers.importing import why
from consumers.importing.servicenow import layout as at
from consumers.importing.servicenow.customs import changes, custom_fields, told_from_the_end, watched
from consumers.importing.servicenow.reading import Row
from consumers.importing.telling import UNKNOWN_CALLER, Teller, World, principal, resolution_code
from consumers.importing.told import Told
from domain.envelope import Json
from domain.ticket.commands.classifying import ChangeRequester, Classify, SetField
from domain.ticket.commands.importing import TakeOver
from domain.ticket.commands.opening import Open, Requester


class RowTeller(Teller[Row]):
    """Tells the rows of one incident."""

    def __init__(self, stream: UUID, told: Told, world: World) -> None:
        super().__init__(at.SOURCE, stream, told, world)
        self._watched: tuple[str, ...] = ()

    def tell(self, row: Row) -> bool:
        before = len(self.orders)
        if not self.told.version:
            self._open(row)
        self._by, self._at = principal(row.cells[at.UPDATED_BY]), row.updated_at
        target = at.STATES.get(row.cells[at.STATE]) or (self.told.status, self.told.hold_reason)
        self._take_up_again(target[0], row.reopenings)
        self._own(row.cells[at.GROUP], row.cells[at.ASSIGNEE])
        self._classify(row)
        self._arrive(*target, resolution_code(row.cells[at.CLOSED_CODE]))
        self._agree(row)
        return len(self.orders) > before

    def take_over(self, last: Row, rows: int, digest: str, updates: Sequence[Row]) -> None:
        self._taken_over(
            TakeOver.model_construct(
                occurred_at=last.updated_at,
                source=at.SOURCE,
                external_id=last.number,
                rows=rows,
                digest=digest,
                updates=tuple([(row.mod_count, row.updated_at, row.cells[at.UPDATED_BY]) for row in updates]),
                custom=told_from_the_end(last),
            )
        )

    # What a row tells, in this order

    def _open(self, row: Row) -> None:
        """The first row tells how the incident was opened, at its ``opened_at`` and by its ``opened_by``.

        What the row says is taken to have been so from the beginning, but for its state and who is answerable: these
        are told at the time of the row.
        """
        told, cells = self.told, row.cells
        self._by, self._at = principal(cells[at.OPENED_BY]), row.opened_at
        told.caller, told.opened_by = cells[at.CALLER], cells[at.OPENED_BY]
        told.custom = custom_fields(row, told)
        told.group = cells[at.GROUP] or self._world.default_group
        told.category = cells[at.CATEGORY]
        told.impact = at.LABELS[at.IMPACT].get(cells[at.IMPACT], 3)
        told.urgency = at.LABELS[at.URGENCY].get(cells[at.URGENCY], 3)
        told.priority = self._world.priority(told.impact, told.urgency)
        told.opened_at, told.version = row.opened_at, 1
        command = Open(
            occurred_at=row.opened_at,
            department=self._world.department,
            title=row.number,
            requester=Requester(handle=told.caller or UNKNOWN_CALLER),
            request_type=self._world.request_type,
            form=told.custom,
            category=told.category,
            impact=told.impact,  # type: ignore[arg-type]
            urgency=told.urgency,  # type: ignore[arg-type]
            group=told.group,
            external_id=row.number,
            imported_from=at.SOURCE,
        )
        self._happens()
        self.orders.append(self._order(command))
        self._watched = watched(cells)
        if told.group != cells[at.GROUP]:
            self._restate(why.NO_GROUP, group="")
            told.group = ""
        self._set_priority(at.LABELS[at.PRIORITY].get(cells[at.PRIORITY], told.priority))

    def _classify(self, row: Row) -> None:
        told, cells = self.told, row.cells
        if cells[at.CALLER] and cells[at.CALLER] != told.caller and told.status != "closed":
            said: dict[str, Json] = {"caller_id": cells[at.CALLER]}
            command = ChangeRequester(occurred_at=self._at, requester=Requester(handle=cells[at.CALLER]))
            self._give(command, why.CHANGED_WHEN_CLOSED, said)
            told.caller = cells[at.CALLER]
        if cells[at.CATEGORY] != told.category:
            told.category = cells[at.CATEGORY]
            command_ = Classify(occurred_at=self._at, category=told.category)
            self._give(command_, why.CHANGED_WHEN_CLOSED, category=told.category)
        self._prioritise(row)
        if (seen := watched(cells)) != self._watched:
            self._watched = seen
            wanted = custom_fields(row, told)
            if changed := changes(wanted, told.custom):
                self._give(SetField(occurred_at=self._at, fields=changed), why.CHANGED_WHEN_CLOSED, changed)
                kept = {name: value for name, value in told.custom.items() if name not in changed}
                told.custom = kept | {name: value for name, value in changed.items() if value is not None}

    def _prioritise(self, row: Row) -> None:
        """Impact and urgency first; a priority that does not follow from them is set against the matrix."""
        told, cells = self.told, row.cells
        impact = at.LABELS[at.IMPACT].get(cells[at.IMPACT], told.impact)
        urgency = at.LABELS[at.URGENCY].get(cells[at.URGENCY], told.urgency)
        follows, said = self._world.priority(impact, urgency), at.LABELS[at.PRIORITY].get(cells[at.PRIORITY])
        overridden_no_more = told.overridden and told.priority != said == follows
        if (impact, urgency) != (told.impact, told.urgency) or overridden_no_more:
            self._assess(impact, urgency, said or follows)
        if said is not None:
            self._set_priority(said)

    def _agree(self, row: Row) -> None:
        """Where the source's own times and counts say otherwise than its rows, the source's word is stated."""
        told = self.told
        if told.reopenings != row.reopenings:
            self._restate(why.COUNTED_OTHERWISE, reopen_count=row.reopenings)
            told.reopenings = row.reopenings
        if told.opened_at != row.opened_at:
            self._restate(why.OPENED_OTHERWISE, opened_at=row.opened_at.isoformat())
            told.opened_at = row.opened_at
        if told.is_finished and _is_said(row.resolved_at, told.resolved_at, row):
            self._restate(_again(row.resolved_at, told.resolved_at, why.RESOLVED), resolved_at=_text(row.resolved_at))
            told.resolved_at = row.resolved_at
        if told.status == "closed" and _is_said(row.closed_at, told.closed_at, row):
            self._restate(_again(row.closed_at, told.closed_at, why.CLOSED), closed_at=_text(row.closed_at))
            told.closed_at = row.closed_at


def _is_said(said: datetime | None, told: datetime | None, row: Row) -> bool:
    """Whether a row knows better: its times of resolving and closing come from the end, so one ahead is not yet so."""
    return said is not None and said != told and said <= row.updated_at


def _again(said: datetime | None, told: datetime | None, kinds: tuple[str, str, str]) -> str:
    assert said is not None
    if told is None:
        return kinds[0]
    return kinds[1] if said > told else kinds[2]


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None
