"""Forgetting a person: who is meant, what it would touch, what forbids it, the order, and whether it is carried out."""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from domain.desk.desk import Desk
from domain.desk.erasing import Completing, Erasing, SetupMovedOn, must_have_key
from domain.desk.preserving import holds_over, must_not_be_held
from domain.envelope import Act
from domain.erasure.events import ERASURES, ErasureCompleted
from domain.errors import NothingChanges, PersonNotFound
from domain.person.events import PersonErasureOrdered
from domain.setup.events import LegalHoldPlaced
from domain.setup.state import Setup
from domain.store.keys import SubjectKeys
from domain.store.recorder import Touched
from domain.ticket import state as ticket_state

_AT_ONCE = 500


def person_named(text: str, keys: SubjectKeys) -> UUID:
    """The person of a UUID, an address, or a handle such as "agent:alice"; raises ``PersonNotFound``."""
    kind, colon, handle = text.partition(":")
    if colon and kind in ("agent", "requester", "service"):
        return keys.person(kind, handle)
    if "@" in text:
        return keys.person("email", text.casefold())
    try:
        return UUID(text)
    except ValueError:
        raise PersonNotFound() from None


def touched(desk: Desk, person: UUID) -> list[Touched]:
    """The streams whose words forgetting the person would erase; ``PersonNotFound`` if nobody knows them."""
    try:
        return desk.store.sealed_for(must_have_key(person, desk.keys))
    except NothingChanges:
        return []


def files_touched(desk: Desk, person: UUID) -> int:
    """How many attached files forgetting the person would remove; ``PersonNotFound`` if nobody knows them."""
    try:
        return files_under(desk, must_have_key(person, desk.keys))
    except NothingChanges:
        return 0


def files_under(desk: Desk, subject: UUID) -> int:
    """How many attached files are, or were, sealed under the key of a subject."""
    return len(desk.store.attachments(subjects=(subject,)))


def holds_against(desk: Desk, person: UUID, streams: Sequence[Touched], setup: Setup) -> list[LegalHoldPlaced]:
    """The legal holds that forbid to forget a person: over them, or over a ticket with words that would go."""
    if not setup.holds:
        return []
    now = desk.now()
    holds = {hold.hold: hold for hold in setup.holds_on(now, persons=(person,))}
    for start in range(0, len(streams), _AT_ONCE):
        places = [(one.stream, 0) for one in streams[start : start + _AT_ONCE]]
        events = (desk.sealing.decoded(stored) for stored in desk.store.newer(places))
        for _, history in groupby(events, key=lambda event: event.stream):
            ticket = ticket_state.fold(history)
            if ticket.version:
                holds |= {hold.hold: hold for hold in holds_over(setup, ticket, now)}
    return list(holds.values())


def erase(desk: Desk, person: UUID, ground: str, act: Act, *, in_spite_of_holds: bool = False) -> int:
    """Order that a person be forgotten; the position of the order, which ``consumers.erasing`` carries out.

    Raises ``PersonNotFound``, ``NothingChanges`` when nothing is left of them, and ``UnderLegalHold``.
    """
    while True:
        setup = desk.setup()
        if not in_spite_of_holds:
            must_not_be_held(holds_against(desk, person, touched(desk, person) if setup.holds else (), setup))
        version = None if in_spite_of_holds else setup.version
        task = Erasing(person, ground, act, desk.keys, version)
        desk.writer.submit(task)
        try:
            return int(task.future.result())
        except SetupMovedOn:
            continue  # A hold may have been placed meanwhile.


def erasures_of(desk: Desk, person: UUID) -> list[PersonErasureOrdered]:
    """Every order to forget a person."""
    events = desk.sealing.closed(desk.store.events_of(person))
    return [event for event in events if isinstance(event, PersonErasureOrdered)]


def erased_through(desk: Desk) -> int:
    """The position up to which every order to erase has been carried out."""
    for stored in desk.store.select_events(ERASURES, desc=True, limit=1):
        completed = desk.sealing.decoded(stored)
        assert isinstance(completed, ErasureCompleted)
        return completed.through
    return 0


def complete_erasures(desk: Desk, through: int, orders: Sequence[int], files: int, act: Act) -> int:
    """Record that all that was ordered up to ``through`` is gone, with so many ``files``."""
    task = Completing(through, orders, files, act)
    desk.writer.submit(task)
    return int(task.future.result())
