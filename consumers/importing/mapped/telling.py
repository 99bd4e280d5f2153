"""Telling a mapped log: each update of a case as orders to the desk, in the order of what one row can bring about.

What takes a finished ticket up again, who is answerable, what it is about, what was written, and in the end where it
stands.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from uuid import UUID

import msgspec

from consumers.importing import why
from consumers.importing.mapped.placing import Kind, Update
from consumers.importing.telling import IMPORTER, UNKNOWN_CALLER, Misplaced, Teller, World
from consumers.importing.told import Told
from domain.access.principal import Principal
from domain.envelope import Actor, Json
from domain.ticket.commands.classifying import Classify, SetField
from domain.ticket.commands.conversing import Note, Reply
from domain.ticket.commands.importing import TakeOver
from domain.ticket.commands.opening import Open, Requester

NO_TEXT = "[The source does not say what was written.]"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@lru_cache(maxsize=10_000)
def principal(kind: Kind, handle: str) -> Principal:
    """The one who acted in the source; what nobody is named for, the import did."""
    return msgspec.structs.replace(IMPORTER, actor=Actor(kind=kind, id=handle)) if handle else IMPORTER


def requester_named(name: str) -> Requester:
    """The requester by what the source calls them: an address, or else a handle of the source's own."""
    if len(name) <= 254 and _ADDRESS.fullmatch(name):
        return Requester(email=name)
    return Requester(handle=name or UNKNOWN_CALLER)


class UpdateTeller(Teller[Update]):
    """Tells the updates of one case. ``person_of`` finds the person whom the source calls so."""

    def __init__(
        self, source: str, stream: UUID, told: Told, world: World, person_of: Callable[[Requester], UUID]
    ) -> None:
        super().__init__(source, stream, told, world)
        self._person_of = person_of
        self._ids: set[str] = set()

    def tell(self, row: Update) -> bool:
        if row.id and row.id in self._ids:
            raise Misplaced("an earlier row of the case has the same id")
        if row.act == "open" and self.told.version:
            raise Misplaced("the case is open already")
        self._ids.add(row.id)
        if row.act == "ignore":
            return False
        before = len(self.orders)
        if not self.told.version:
            self._open(row)
        self._by, self._at = principal(row.kind, row.by), row.at
        target, hold_reason = row.place or ("", "")
        if target:
            self._take_up_again(target, self.told.reopenings + 1)
        if row.group is not None and row.group != self.told.group:
            self._route(row.group)
        if row.assignee is not None:
            self._own(self.told.group, row.assignee)
        self._classify(row)
        self._converse(row)
        if target:
            self._arrive(target, hold_reason, row.code)
        return len(self.orders) > before

    def take_over(self, last: Update, rows: int, digest: str, updates: Sequence[Update]) -> None:
        self._taken_over(
            TakeOver.model_construct(
                occurred_at=last.at,
                source=self._source,
                external_id=last.number,
                rows=rows,
                digest=digest,
                updates=tuple([(row.row, row.at, row.by) for row in updates]),
                custom={},
            )
        )

    def _open(self, row: Update) -> None:
        """The first row of a case opens it, at its time; by its actor, if opening is what it tells of.

        What it says of the matter is taken to have been so from the beginning; where the case stands and who is
        answerable are told as the row's own.
        """
        told = self.told
        requester = requester_named(row.requester)
        told.requester = self._person_of(requester)
        self._at = row.at
        self._by = principal(row.kind, row.by) if row.act == "open" else IMPORTER
        told.custom = {name: value for name, value in row.fields.items() if value is not None}
        told.group = row.group or self._world.default_group
        told.category = row.category or ""
        told.impact, told.urgency = row.impact or 3, row.urgency or 3
        told.priority = self._world.priority(told.impact, told.urgency)
        told.opened_at, told.version = row.at, 1
        command = Open(
            occurred_at=row.at,
            department=self._world.department,
            title=row.title or row.number,
            description=row.description,
            requester=requester,
            request_type=self._world.request_type,
            form=told.custom,
            category=told.category,
            impact=told.impact,  # type: ignore[arg-type]
            urgency=told.urgency,  # type: ignore[arg-type]
            group=told.group,
            external_id=row.number,
            imported_from=self._source,
        )
        self._happens()
        self.orders.append(self._order(command))

    def _classify(self, row: Update) -> None:
        told = self.told
        if row.category is not None and row.category != told.category:
            told.category = row.category
            self._give(
                Classify(occurred_at=self._at, category=row.category), why.CHANGED_WHEN_CLOSED, category=row.category
            )
        impact, urgency = row.impact or told.impact, row.urgency or told.urgency
        if (impact, urgency) != (told.impact, told.urgency):
            self._assess(impact, urgency, row.priority or self._world.priority(impact, urgency))
        if row.priority is not None:
            self._set_priority(row.priority)
        changed: dict[str, Json] = {name: value for name, value in row.fields.items() if told.custom.get(name) != value}
        if changed:
            self._give(SetField(occurred_at=self._at, fields=changed), why.CHANGED_WHEN_CLOSED, changed)
            kept = {name: value for name, value in told.custom.items() if name not in changed}
            told.custom = kept | {name: value for name, value in changed.items() if value is not None}

    def _converse(self, row: Update) -> None:
        """What was written. What our rules take for a reopening or for nothing, in a finished ticket, is a note."""
        told, text = self.told, row.text or NO_TEXT
        if row.act == "reply":
            finished = told.status in ("closed", "cancelled")
            self._write(Note(occurred_at=self._at, text=text) if finished else Reply(occurred_at=self._at, text=text))
            told.status = "in_progress" if told.status == "new" else told.status
        elif row.act == "requester-reply":
            self._by = msgspec.structs.replace(
                IMPORTER, actor=Actor(kind="requester", id=str(told.requester)), person=told.requester
            )
            finished = told.is_finished
            self._write(Note(occurred_at=self._at, text=text) if finished else Reply(occurred_at=self._at, text=text))
            if (told.status, told.hold_reason) == ("on_hold", "requester"):
                told.moves("in_progress")
        elif row.act == "note" or row.text:
            self._write(Note(occurred_at=self._at, text=text))

    def _write(self, command: Note | Reply) -> None:
        self._happens()
        self.orders.append(self._order(command))
