"""Telling: the differences between the rows of an incident as orders to the desk, so that its own rules decide them.

Each order carries the actor and the time of its row, and says in ``otherwise`` what is so even if our rules forbid the
act: the desk then records that as a correction. Within a row the order of acts is: what takes a finished ticket up
again, who is answerable, what it is about, and in the end where it stands.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from consumers.importing import layout as at
from consumers.importing import why
from consumers.importing.customs import changes, custom_fields, told_from_the_end, watched
from consumers.importing.reading import Row
from consumers.importing.told import Told
from domain.access.principal import Principal, system
from domain.desk import Order
from domain.envelope import Actor, Json
from domain.ticket.commands import Command
from domain.ticket.commands.assigning import Assign, Release, Route
from domain.ticket.commands.classifying import ChangeRequester, Classify, Prioritise, SetField
from domain.ticket.commands.holding import Hold, Resume, Start
from domain.ticket.commands.importing import Restate, TakeOver
from domain.ticket.commands.opening import Open, Requester
from domain.ticket.commands.resolving import Close, Reopen, Resolve

CHANNEL = "import"
IMPORTER = system("import")
UNKNOWN_CALLER = "unknown caller"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the telling must know of the desk's configuration."""

    department: str
    request_type: str
    default_group: str
    groups_of: Mapping[str, frozenset[str]]
    priority: Callable[[int, int], int]


@lru_cache(maxsize=10_000)
def principal(handle: str) -> Principal:
    """The one who acted in the source, by the source's handle; what nobody is named for, the import did."""
    return msgspec.structs.replace(IMPORTER, actor=Actor(kind="agent", id=handle)) if handle else IMPORTER


@lru_cache(maxsize=1_000)
def resolution_code(closed_code: str) -> str:
    """The source's closing code in the form that resolution codes have here."""
    return re.sub(r"[^a-z0-9._-]+", "-", closed_code.casefold()).strip("-._")[:64] or "unknown"


class Teller:
    """Tells the rows of one incident; ``orders`` grows, ``told`` follows."""

    def __init__(self, stream: UUID, told: Told, world: World) -> None:
        self.told = told
        self.orders: list[Order] = []
        self._ticket = str(stream)
        self._world = world
        self._watched: tuple[str, ...] = ()
        self._by = IMPORTER
        self._at = told.effective_at

    def tell(self, row: Row) -> bool:
        """Tell what the row changed; False if that was nothing."""
        before = len(self.orders)
        if not self.told.version:
            self._open(row)
        self._by, self._at = principal(row.cells[at.UPDATED_BY]), row.updated_at
        target = at.STATES.get(row.cells[at.STATE]) or (self.told.status, self.told.hold_reason)
        self._take_up_again(row, target[0])
        self._own(row)
        self._classify(row)
        self._arrive(row, *target)
        self._agree(row)
        return len(self.orders) > before

    def take_over(self, last: Row, rows: int, digest: str, updates: Sequence[Row]) -> None:
        """Say how far the telling has come."""
        self._by, self._at = IMPORTER, last.updated_at
        command = TakeOver.model_construct(
            occurred_at=last.updated_at,
            source=at.SOURCE,
            external_id=last.number,
            rows=rows,
            digest=digest,
            updates=tuple([(row.mod_count, row.updated_at, row.cells[at.UPDATED_BY]) for row in updates]),
            custom=told_from_the_end(last),
        )
        self.orders.append(self._order(command, None))

    # The orders

    def _order(self, command: Command, otherwise: Command | None) -> Order:
        return Order(
            command=command,
            principal=self._by,
            ticket=self._ticket,
            channel=CHANNEL,
            otherwise=otherwise,
            handles_of=at.SOURCE,
        )

    def _give(self, command: Command, reason: str, custom: dict[str, Json] | None = None, **fields: Json) -> None:
        """Have something done; if our rules forbid it, ``fields`` and ``custom`` are so all the same."""
        self._happens()
        self.orders.append(self._order(command, self._restatement(reason, custom or {}, fields)))

    def _restate(self, reason: str, **fields: Json) -> None:
        """State something for which there is no act."""
        self._happens()
        self.orders.append(self._order(self._restatement(reason, {}, fields), None))

    def _restatement(self, reason: str, custom: dict[str, Json], fields: dict[str, Json]) -> Restate:
        return Restate.model_construct(occurred_at=self._at, fields=fields, custom=custom, why=reason)

    def _happens(self) -> None:
        self.told.effective_at = max(self.told.effective_at, self._at)

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
        self.orders.append(self._order(command, None))
        self._watched = watched(cells)
        if told.group != cells[at.GROUP]:
            self._restate(why.NO_GROUP, group="")
            told.group = ""
        self._set_priority(row)

    def _take_up_again(self, row: Row, target: str) -> None:
        told = self.told
        back = told.is_finished and target not in ("resolved", "closed")
        if not back and not (told.status == "closed" and target == "resolved"):
            return
        if row.reopenings > told.reopenings:
            reopenings = told.reopenings + 1
            self._give(Reopen(occurred_at=self._at), why.REOPENED_LATE, status="in_progress", reopen_count=reopenings)
            told.reopenings = reopenings
            told.moves("in_progress")
        elif back:
            self._restate(why.TAKEN_BACK, status="in_progress")
            told.moves("in_progress")
        else:
            self._restate(why.CLOSING_TAKEN_BACK, status="resolved")
            told.moves("resolved")

    def _own(self, row: Row) -> None:
        told, group, assignee = self.told, row.cells[at.GROUP], row.cells[at.ASSIGNEE]
        if group != told.group:
            self._route(group)
        if assignee == told.assignee:
            return
        begun = "in_progress" if told.status == "new" and assignee else told.status
        if assignee:
            command: Command = Assign(occurred_at=self._at, assignee=assignee)
            self._give(command, why.ASSIGNED_WHEN_FINISHED, assignee=assignee, status=begun)
        else:
            self._give(Release(occurred_at=self._at), why.ASSIGNED_WHEN_FINISHED, assignee="")
        told.assignee, told.status = assignee, begun

    def _route(self, group: str) -> None:
        told = self.told
        if group:
            left = told.assignee and not told.is_finished and group not in self._world.groups_of.get(told.assignee, ())
            assignee = "" if left else told.assignee
            self._give(
                Route(occurred_at=self._at, group=group), why.ROUTED_WHEN_FINISHED, group=group, assignee=assignee
            )
            told.assignee = assignee
        else:
            self._restate(why.NO_GROUP, group="")
        told.group = group

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
        priority = at.LABELS[at.PRIORITY].get(cells[at.PRIORITY], told.priority)
        follows = self._world.priority(impact, urgency)
        overridden_no_more = told.overridden and told.priority != priority == follows
        if (impact, urgency) != (told.impact, told.urgency) or overridden_no_more:
            command = Prioritise(occurred_at=self._at, impact=impact, urgency=urgency)  # type: ignore[arg-type]
            self._give(command, why.CHANGED_WHEN_CLOSED, impact=impact, urgency=urgency, priority=priority)
            told.impact, told.urgency, told.priority, told.overridden = impact, urgency, follows, False
            if cells[at.PRIORITY] not in at.LABELS[at.PRIORITY]:
                return
        self._set_priority(row)

    def _set_priority(self, row: Row) -> None:
        told = self.told
        priority = at.LABELS[at.PRIORITY].get(row.cells[at.PRIORITY], told.priority)
        if priority != told.priority:
            command = Prioritise(occurred_at=self._at, priority=priority, reason=why.PRIORITY_OF_THE_SOURCE)
            self._give(command, why.CHANGED_WHEN_CLOSED, priority=priority)
            told.priority, told.overridden = priority, True

    def _arrive(self, row: Row, target: str, hold_reason: str) -> None:
        told = self.told
        if (told.status, told.hold_reason) == (target, hold_reason):
            return
        if target == "new":
            self._restate(why.NEW_THOUGH_ASSIGNED if told.assignee else why.BACK_TO_NEW, status="new")
        else:
            now = self._at
            if told.status == "on_hold" and target in ("on_hold", "in_progress"):
                self._give(Resume(occurred_at=now), why.FORBIDDEN, status="in_progress")
            if target == "in_progress" and told.status == "new":
                self._give(Start(occurred_at=now), why.FORBIDDEN, status=target)
            elif target == "on_hold":
                hold = Hold(occurred_at=now, reason=hold_reason)  # type: ignore[arg-type]
                self._give(hold, why.FORBIDDEN, status=target, hold_reason=hold_reason)
            elif target == "resolved":
                code = resolution_code(row.cells[at.CLOSED_CODE])
                self._give(Resolve(occurred_at=now, code=code), why.FORBIDDEN, status=target)
            elif target == "closed":
                self._give(Close(occurred_at=now), why.FORBIDDEN, status=target)
        told.moves(target, hold_reason)

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
