"""Another desk's log, read by a map, as a log that can be told: a CSV file or an XES file."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import UUID
from zlib import crc32

from consumers.importing.local_times import TimeProblem
from consumers.importing.log import Contents, RequestType
from consumers.importing.mapped.csv_rows import table_rows
from consumers.importing.mapped.document import LogMap
from consumers.importing.mapped.placing import NoPlace, Placing, Update
from consumers.importing.mapped.raw import Raw
from consumers.importing.mapped.telling import UpdateTeller
from consumers.importing.mapped.xes_rows import event_rows
from consumers.importing.records import Unreadable
from consumers.importing.telling import World
from consumers.importing.told import Told, told_of
from domain.envelope import Json
from domain.store.keys import SubjectKeys
from domain.ticket.commands.opening import Requester
from domain.ticket.state import Ticket

Format = Literal["csv", "xes"]
SECOND_TRACE = "an earlier trace of the file has the same name"


class MappedLog:
    """A file and the map by which it is read; ``ValueError`` if the map names a zone that does not exist."""

    def __init__(self, path: Path, form: Format, by: LogMap) -> None:
        self.path = path
        self.map = by
        self.source = by.source
        self.zone = by.time.zone
        self.request_type = _request_type(by)
        self._form = form
        self._placing = Placing(by)
        self._keys: SubjectKeys | None = None

    def __reduce__(self) -> tuple[type["MappedLog"], tuple[Path, Format, LogMap]]:
        """Another process begins with a fresh one, which it lets meet its own desk."""
        return MappedLog, (self.path, self._form, self.map)

    @property
    def problems(self) -> list[TimeProblem]:
        return self._placing.times.problems

    @property
    def beginning(self) -> bytes:
        return sha256(self.map.digest).digest()

    def met_by(self, keys: SubjectKeys) -> None:
        self._keys = keys
        self._placing.pseudonym = self._pseudonym

    def survey(self, seen: Callable[[int], None]) -> Contents:
        contents, groups = Contents(), dict[str, str]()
        for raw in self._raw():
            contents.rows += 1
            if contents.rows % 10_000 == 0:
                seen(contents.rows)
            update = self._update(raw)
            if isinstance(update, Update):
                _note(contents, groups, update)
        return contents

    def rows(self, share: int, shares: int) -> Iterator[Update | Unreadable]:
        traces, names, again = 0, set[str](), False
        for raw in self._raw():
            number = self._placing.case_of(raw.cells)
            if shares > 1 and crc32(number.encode(errors="replace")) % shares != share:
                continue
            if raw.trace != traces and self.map.case.startswith("case:"):
                traces, again = raw.trace, number in names
                names.add(number)
            update = SECOND_TRACE if again else self._update(raw)
            yield Unreadable(raw.row, raw.line, raw.lines, number, update) if isinstance(update, str) else update

    def in_order(self, rows: list[Update]) -> list[Update]:
        """By time; an XES trace is in its order already."""
        return rows if self._form == "xes" else sorted(rows, key=lambda row: row.at)

    def teller(self, stream: UUID, told: Told, world: World) -> UpdateTeller:
        return UpdateTeller(self.source, stream, told, world, self._person_of)

    def resumed(self, ticket: Ticket, row: Update, keys: SubjectKeys) -> Told:
        return told_of(ticket, None)

    def _raw(self) -> Iterator[Raw]:
        return table_rows(self.path, self.map) if self._form == "csv" else event_rows(self.path)

    def _update(self, raw: Raw) -> Update | str:
        """What a row says, or why it has no place."""
        if raw.fault:
            return raw.fault
        try:
            return self._placing.update(raw.row, raw.line, raw.cells)
        except NoPlace as reason:
            return str(reason)

    def _pseudonym(self, name: str) -> str:
        assert self._keys is not None
        return f"p-{self._keys.blind('agent', self.source, name).hex()[:16]}"

    def _person_of(self, requester: Requester) -> UUID:
        assert self._keys is not None
        if requester.email:
            return self._keys.stream_of("person", "email", requester.email.casefold())
        return self._keys.stream_of("person", "handle", self.source, requester.handle)


def _note(contents: Contents, groups: dict[str, str], update: Update) -> None:
    """The groups, and who was answerable in which: in the one that the case was in last, if the row names none."""
    if update.group:
        groups[update.number] = update.group
        contents.groups.add(update.group)
    if update.assignee:
        worked = contents.agents.setdefault(update.assignee, set())
        if group := groups.get(update.number):
            worked.add(group)


def _request_type(by: LogMap) -> RequestType | None:
    """A form for the fields that the map names, if it names any; they are codes, which tell of nobody."""
    names = sorted(by.field_names())
    if not names:
        return None
    code: Json = {"type": ["string", "null"], "x-acta-personal": False}
    return RequestType(
        name=by.request_type.capitalize(),
        form={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"A case as recorded by {by.source}",
            "type": "object",
            "x-acta-import": by.source,
            "properties": dict.fromkeys(names, code),
            "additionalProperties": False,
        },
    )
