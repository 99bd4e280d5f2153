"""What the running of an import must know of a log, whatever its layout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from consumers.importing.local_times import TimeProblem
from consumers.importing.records import Unreadable
from consumers.importing.telling import Teller, World
from consumers.importing.told import Told
from domain.store.keys import SubjectKeys
from domain.ticket.state import Ticket


class Line(Protocol):
    """One update of an incident: where it stands in the file, of which incident, and what it says, for the digest."""

    @property
    def row(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def number(self) -> str: ...
    @property
    def cells(self) -> Sequence[str]: ...


R = TypeVar("R", bound=Line)


class Contents(msgspec.Struct, kw_only=True):
    """What a log holds: how many rows, which groups, and who was answerable in which of them."""

    rows: int = 0
    groups: set[str] = msgspec.field(default_factory=set)
    agents: dict[str, set[str]] = msgspec.field(default_factory=dict)


class RequestType(msgspec.Struct, frozen=True, kw_only=True):
    """The request type that imported incidents have: its name for people, and its form."""

    name: str
    form: Mapping[str, Any]


class Log(Protocol[R]):
    """A log that can be told to the desk. It can be pickled, so that several processes read it.

    ``source`` names the system whose history it is, ``zone`` that of its local times ("" if it needs none);
    ``request_type`` is None if its incidents have none.
    """

    path: Path
    source: str
    zone: str
    request_type: RequestType | None

    @property
    def problems(self) -> list[TimeProblem]:
        """The local times that needed a rule, as far as it has been read."""
        ...

    @property
    def beginning(self) -> bytes:
        """What the digest over an incident's rows begins with: all that decides how a row is read."""
        ...

    def met_by(self, keys: SubjectKeys) -> None:
        """The desk's keys, before anything is read, for a log whose people get pseudonyms."""

    def survey(self, seen: Callable[[int], None]) -> Contents:
        """Read it to its end; raises ``NotThisLayout`` when that is not possible. ``seen`` is told how many rows."""
        ...

    def rows(self, share: int, shares: int) -> Iterator[R | Unreadable]:
        """Its rows in order, or those of one share of its incidents."""
        ...

    def in_order(self, rows: list[R]) -> list[R]:
        """Rows of one incident that have come together, in the order in which they are to be told."""
        ...

    def teller(self, stream: UUID, told: Told, world: World) -> Teller[R]:
        """The one who tells the rows of an incident whose ticket is this stream."""
        ...

    def resumed(self, ticket: Ticket, row: R, keys: SubjectKeys) -> Told:
        """Where a ticket stands of which an earlier run has told; ``row`` is the first that it has not."""
        ...
