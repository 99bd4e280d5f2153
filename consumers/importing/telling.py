"""Telling: what the rows of an incident say as orders to the desk, so that its own rules decide them.

Each order carries the actor and the time of its row, and says in ``otherwise`` what is so even if our rules forbid the
act: the desk then records that as a correction. How a layout's rows are read is its own teller's; what it takes to
make a ticket stand as a row says is here, for all of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from consumers.importing import why
from consumers.importing.told import Told
from domain.access.principal import Principal, system
from domain.desk import Order
from domain.envelope import Actor, Json
from domain.ticket.commands import Command
from domain.ticket.commands.assigning import Assign, Release, Route
from domain.ticket.commands.classifying import Prioritise
from domain.ticket.commands.holding import Hold, Resume, Start
from domain.ticket.commands.importing import Restate, TakeOver
from domain.ticket.commands.resolving import Cancel, Close, Reopen, Resolve

CHANNEL = "import"
IMPORTER = system("import")
UNKNOWN_CALLER = "unknown caller"

R = TypeVar("R", contravariant=True)


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


class Misplaced(Exception):
    """A row has no place in the history of its incident as told so far; the message says why."""


class Teller(Generic[R]):
    """Tells the rows of one incident of ``source``; ``orders`` grows, ``told`` follows.

    Orders are given by ``_by`` at ``_at``, which a layout's teller sets for each row.
    """

    def __init__(self, source: str, stream: UUID, told: Told, world: World) -> None:
        self.told = told
        self.orders: list[Order] = []
        self._source = source
        self._ticket = str(stream)
        self._world = world
        self._by = IMPORTER
        self._at = told.effective_at

    def tell(self, row: R) -> bool:
        """Tell what the row changed, False if that was nothing; raises ``Misplaced`` before it has told anything."""
        raise NotImplementedError

    def take_over(self, last: R, rows: int, digest: str, updates: Sequence[R]) -> None:
        """Say how far the telling has come."""
        raise NotImplementedError

    # The orders

    def _order(self, command: Command, otherwise: Command | None = None) -> Order:
        return Order(
            command=command,
            principal=self._by,
            ticket=self._ticket,
            channel=CHANNEL,
            otherwise=otherwise,
            handles_of=self._source,
        )

    def _give(self, command: Command, reason: str, custom: dict[str, Json] | None = None, **fields: Json) -> None:
        """Have something done; if our rules forbid it, ``fields`` and ``custom`` are so all the same."""
        self._happens()
        self.orders.append(self._order(command, self._restatement(reason, custom or {}, fields)))

    def _restate(self, reason: str, **fields: Json) -> None:
        """State something for which there is no act."""
        self._happens()
        self.orders.append(self._order(self._restatement(reason, {}, fields)))

    def _restatement(self, reason: str, custom: dict[str, Json], fields: dict[str, Json]) -> Restate:
        return Restate.model_construct(occurred_at=self._at, fields=fields, custom=custom, why=reason)

    def _happens(self) -> None:
        self.told.effective_at = max(self.told.effective_at, self._at)

    def _taken_over(self, command: TakeOver) -> None:
        self._by = IMPORTER
        self.orders.append(self._order(command))

    # What it takes to make the ticket stand as the source says, in this order within a row

    def _take_up_again(self, target: str, reopenings: int) -> None:
        """A finished ticket that is to be in an unfinished state is reopened, if the source counts that as one."""
        told = self.told
        back = told.is_finished and target not in ("resolved", "closed", "cancelled")
        if not back and not (told.status == "closed" and target == "resolved"):
            return
        if reopenings > told.reopenings and told.status != "cancelled":
            count = told.reopenings + 1
            self._give(Reopen(occurred_at=self._at), why.REOPENED_LATE, status="in_progress", reopen_count=count)
            told.reopenings = count
            told.moves("in_progress")
        elif back:
            self._restate(why.TAKEN_BACK, status="in_progress")
            told.moves("in_progress")
        else:
            self._restate(why.CLOSING_TAKEN_BACK, status="resolved")
            told.moves("resolved")

    def _own(self, group: str, assignee: str) -> None:
        """The group, then who is answerable in it; either may be "": none."""
        told = self.told
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

    def _assess(self, impact: int, urgency: int, priority: int) -> None:
        """Impact and urgency; ``priority`` is what the source has then, or what follows if it says nothing."""
        told = self.told
        command = Prioritise(occurred_at=self._at, impact=impact, urgency=urgency)  # type: ignore[arg-type]
        self._give(command, why.CHANGED_WHEN_CLOSED, impact=impact, urgency=urgency, priority=priority)
        told.impact, told.urgency, told.overridden = impact, urgency, False
        told.priority = self._world.priority(impact, urgency)

    def _set_priority(self, priority: int) -> None:
        """A priority that does not follow is set against the matrix."""
        told = self.told
        if priority != told.priority:
            command = Prioritise(occurred_at=self._at, priority=priority, reason=why.PRIORITY_OF_THE_SOURCE)
            self._give(command, why.CHANGED_WHEN_CLOSED, priority=priority)
            told.priority, told.overridden = priority, True

    def _arrive(self, target: str, hold_reason: str, code: str) -> None:
        """Where the ticket stands in the end; ``code`` is the one with which it is resolved, if it is."""
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
                self._give(Resolve(occurred_at=now, code=code), why.FORBIDDEN, status=target)
            elif target == "closed":
                self._give(Close(occurred_at=now), why.FORBIDDEN, status=target)
            elif target == "cancelled":
                self._give(Cancel(occurred_at=now), why.FORBIDDEN, status=target)
        told.moves(target, hold_reason)
