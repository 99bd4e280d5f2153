"""A ServiceNow-style incident log as a log that can be told."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from consumers.importing.local_times import LocalTimes, TimeProblem
from consumers.importing.log import Contents, RequestType
from consumers.importing.records import Unreadable
from consumers.importing.servicenow import layout as at
from consumers.importing.servicenow.reading import Row, records_of, rows_of
from consumers.importing.servicenow.telling import RowTeller
from consumers.importing.telling import IMPORTER, UNKNOWN_CALLER, World
from consumers.importing.told import Told, told_of
from domain.store.keys import SubjectKeys
from domain.ticket.state import Ticket

_WRITTEN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})", re.ASCII)


def day_first(text: str) -> datetime:
    """A wall time as the layout writes it, to the minute; ``ValueError`` if it is none."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(text)
    day, month, year, hour, minute = map(int, written.groups())
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001  the zone is put in by who knows it


def local_times(zone: str) -> LocalTimes:
    """The times of this layout in a zone; ``ValueError`` if there is none of that name."""
    if not zone:
        raise ValueError(f"{zone!r} is no time zone of the IANA database, such as Europe/Lisbon")
    return LocalTimes(zone, day_first, "day/month/year hour:minute")


class ServiceNowLog:
    """A file of the layout's 36 columns; ``zone`` is that of its local times, ``ValueError`` if there is none."""

    source = at.SOURCE
    request_type: RequestType | None = RequestType(name="Incident", form=at.FORM)

    def __init__(self, path: Path, zone: str) -> None:
        self.path = path
        self.zone = zone
        self._times = local_times(zone)

    @property
    def problems(self) -> list[TimeProblem]:
        return self._times.problems

    @property
    def beginning(self) -> bytes:
        return sha256(f"{at.SOURCE} {self.zone}".encode()).digest()

    def met_by(self, keys: SubjectKeys) -> None:
        """Its people have no names: handles are the source's own words."""

    def survey(self, seen: Callable[[int], None]) -> Contents:
        contents = Contents()
        for record in records_of(self.path):
            contents.rows += 1
            if contents.rows % 10_000 == 0:
                seen(contents.rows)
            if not record.fault:
                _note(contents, record.cells[at.GROUP].strip(), record.cells[at.ASSIGNEE].strip())
        return contents

    def rows(self, share: int, shares: int) -> Iterator[Row | Unreadable]:
        return rows_of(self.path, self._times, share=share, shares=shares)

    def in_order(self, rows: list[Row]) -> list[Row]:
        """As the file has them: a row that goes back in time was written later all the same."""
        return rows

    def teller(self, stream: UUID, told: Told, world: World) -> RowTeller:
        return RowTeller(stream, told, world)

    def resumed(self, ticket: Ticket, row: Row, keys: SubjectKeys) -> Told:
        handle = row.cells[at.CALLER] or UNKNOWN_CALLER
        # One who was erased since is asked for by another pseudonym; whose request the ticket was is no news.
        named = ("handle", at.SOURCE, handle)
        same = ticket.requester in (keys.stream_of("person", *named), keys.person(*named))
        told = told_of(ticket, row.cells[at.CALLER] if same else None)
        if told.opened_by == IMPORTER.actor.id:
            told.opened_by = ""
        return told


def _note(contents: Contents, group: str, assignee: str) -> None:
    group, assignee = group.removeprefix(at.UNKNOWN), assignee.removeprefix(at.UNKNOWN)
    if group and len(group) <= at.LONGEST_HANDLE:
        contents.groups.add(group)
    if assignee and len(assignee) <= at.LONGEST:
        groups = contents.agents.setdefault(assignee, set())
        if group:
            groups.add(group)
