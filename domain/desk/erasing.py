"""The tasks of erasing: the order that a person be forgotten, and the word that what was ordered is gone."""

from collections.abc import Callable, Sequence
from uuid import UUID

from domain.desk.tasks import Task
from domain.desk.work import Draft
from domain.envelope import Act
from domain.erasure.events import ERASURES, ErasureCompleted
from domain.errors import NothingChanges, NotReadyYet, PersonNotFound
from domain.person.events import PersonErasureOrdered
from domain.store.keys import DESK_SECRET, SubjectKeys
from domain.ticket.state import Ticket


class SetupMovedOn(NotReadyYet):
    """Another configuration is in force than the one that was asked for legal holds."""


class Erasing(Task):
    """An order to destroy the key of a person, or the one under which what concerned them since is sealed.

    ``setup_version`` is of the configuration whose legal holds do not cover the person; None: whatever holds there are.
    """

    def __init__(self, person: UUID, ground: str, act: Act, keys: SubjectKeys, setup_version: int | None) -> None:
        super().__init__()
        self.person = person
        self.ground = ground
        self.act = act
        self.keys = keys
        self.setup_version = setup_version

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        return {self.person}

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        subject = must_have_key(self.person, self.keys)
        if self.setup_version is not None and draft.setup.version != self.setup_version:
            raise SetupMovedOn
        draft.record(self.person, PersonErasureOrdered(subject=subject, ground=self.ground), self.act)


def must_have_key(person: UUID, keys: SubjectKeys) -> UUID:
    """Whose key would be destroyed for this person; refuses one who is not known, or of whom nothing is left."""
    keys.learn()
    subject = keys.sealing(person)
    if person != DESK_SECRET and keys.find((subject,)):
        return subject
    if keys.is_erased(person):
        raise NothingChanges("This person was erased, and nothing has been sealed for them since.")
    raise PersonNotFound()


class Completing(Task):
    """The word that everything ordered up to a position is gone."""

    def __init__(self, through: int, orders: Sequence[int], files: int, act: Act) -> None:
        super().__init__()
        self.event = ErasureCompleted(through=through, orders=tuple(orders), files=files)
        self.act = act

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        return {ERASURES}

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        draft.record(ERASURES, self.event, self.act)
