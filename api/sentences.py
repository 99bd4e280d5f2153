"""Events in words, made when they are shown: by the names of today, and with nothing that its reader may not see."""

from collections.abc import Iterable
from threading import Lock
from time import monotonic
from uuid import UUID

from domain.desk import Desk
from domain.envelope import ERASED, Event
from domain.person.events import PersonEvent
from domain.person.naming import name_of
from domain.setup.state import Setup
from domain.ticket.events import RequesterChanged, TicketOpened
from projections.audit import Names


class NamesToday:
    """What agents, groups, departments and people are called.

    Agents' names are read again when the configuration has changed, and after ``seconds``: one may have been erased.
    """

    def __init__(self, desk: Desk, seconds: float) -> None:
        self._desk = desk
        self._seconds = seconds
        self._agents: dict[str, str] = {}
        self._version = -1
        self._until = 0.0
        self._lock = Lock()

    def of(self, setup: Setup, events: Iterable[Event] = ()) -> Names:
        """The names by which ``events`` are told; people are named only if an event in it names them."""
        people = {person for event in events for person in people_of(event)}
        return Names(
            agents=self._agents_of(setup),
            groups={code: group.name for code, group in setup.groups.items()},
            departments={code: department.name for code, department in setup.departments.items()},
            people={
                str(person): name
                for person in people
                if (name := name_of(self._desk.history(person))) not in ("", ERASED)
            },
        )

    def _agents_of(self, setup: Setup) -> dict[str, str]:
        with self._lock:
            if setup.version != self._version or monotonic() > self._until:
                self._agents = {
                    agent: name for agent, (name, _) in self._desk.contacts().items() if name not in ("", ERASED)
                }
                self._version, self._until = setup.version, monotonic() + self._seconds
            return self._agents


def people_of(event: Event) -> tuple[UUID, ...]:
    """The people whom the sentence of an event names."""
    if isinstance(event, TicketOpened):
        return (event.requester,)
    if isinstance(event, RequesterChanged):
        return (event.old, event.new)
    return (event.stream,) if isinstance(event, PersonEvent) else ()
