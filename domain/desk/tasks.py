"""What waits for the desk's writer: each task says which streams it needs, is decided on a draft, and has an answer."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import msgspec

from domain.access.events import AccessEvent
from domain.desk.work import Draft
from domain.envelope import Act, Event
from domain.errors import TicketMovedOn
from domain.setup.events import SETUP, AgentDefined, AgentRetired, LegalHoldLifted, LegalHoldPlaced, SetupEvent
from domain.setup.state import Setup
from domain.store.keys import SubjectKeys
from domain.ticket.state import Ticket


class Task:
    """One piece of work for the writer; it ``opens`` so many tickets, for all that can be told beforehand.

    ``backdated``: its events carry times of their own; ``timed``: it asks about the clocks of its tickets; ``careful``:
    it is decided on what the store has just said, not on what is remembered of the streams.
    """

    backdated = False
    timed = False
    opens = 0

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self.attempts = 0
        self.careful = False
        self.begun = False
        self.events: list[Event] = []

    def begin(self) -> bool:
        """Whether somebody still waits for the answer; from here on it cannot be cancelled."""
        if not self.begun:
            self.begun = self.future.set_running_or_notify_cancel()
        return self.begun

    def refs(self) -> Iterable[str]:
        """The tickets it names, as callers write them."""
        return ()

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        """The streams it needs, as far as can be told from what is ``known``."""
        return set()

    def new_streams(self) -> set[UUID]:
        """Those of them that are taken to be empty unless something is remembered of them."""
        return set()

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        """Put what follows on the draft; raises ``Refused``."""
        raise NotImplementedError

    def answer(self, position: int) -> Any:
        """The answer, once the last of its events has this position."""
        return position

    def give_up(self) -> Exception:
        """What to say when others were faster too often."""
        return TicketMovedOn("Too many others are changing this at the moment; try again.")


class Configuring(Task):
    """A change of the configuration: ``plan`` says what must be recorded, given what is configured."""

    def __init__(self, plan: Callable[[Setup], Sequence[SetupEvent]], act: Act, keys: SubjectKeys) -> None:
        super().__init__()
        self.plan = plan
        self.act = act
        self.keys = keys

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        for event in self.plan(draft.setup):
            if isinstance(event, AgentDefined) and event.email:
                person = self.keys.person("email", event.email.casefold())
                event = msgspec.structs.replace(event, person=person)
            draft.record(SETUP, event, self.act, subject=self._subject(event))

    def _subject(self, event: SetupEvent) -> UUID | None:
        """For whom what is personal in the event is sealed: an agent, or the case behind a hold."""
        match event:
            case AgentDefined() | AgentRetired():
                return self.keys.person("agent", event.agent)
            case LegalHoldPlaced() | LegalHoldLifted():
                return self.keys.stream_of("hold", event.hold)
            case _:
                return None


class Witnessing(Task):
    """A fact of access, recorded in this process's stream of the day, and sealed for ``subject``."""

    def __init__(self, event: AccessEvent, act: Act, stream: Callable[[], UUID], subject: UUID | None = None) -> None:
        super().__init__()
        self.event = event
        self.act = act
        self.stream = stream
        self.subject = subject

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        return {self.stream()}

    def new_streams(self) -> set[UUID]:
        return {self.stream()}

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        draft.record(self.stream(), self.event, self.act, subject=self.subject)
