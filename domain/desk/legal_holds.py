"""The legal holds of a desk: placed, lifted, and shown with their grounds, which only the store's keys open."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from domain.desk.desk import Desk
from domain.desk.preserving import lifting, placing
from domain.envelope import Act
from domain.errors import KeyUsedDifferently, PersonNotFound
from domain.person.events import PersonEvent
from domain.setup.events import SETUP, LegalHoldLifted, LegalHoldPlaced


class LegalHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as it stands: what it covers, who placed it when and on what ground, and what became of it.

    ``tickets`` and ``persons`` are UUIDs; ``in_force`` says whether it forbids anything now.
    """

    hold: str
    name: str
    ground: str
    tickets: tuple[UUID, ...]
    persons: tuple[UUID, ...]
    departments: tuple[str, ...]
    placed_at: datetime
    placed_by: str
    until: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str = ""
    reason: str = ""
    in_force: bool = True


def legal_holds(desk: Desk) -> dict[str, LegalHold]:
    """Every hold that was ever placed, by its id, in the order in which they were."""
    now = desk.now()
    holds: dict[str, LegalHold] = {}
    for event in desk.history(SETUP):
        if isinstance(event, LegalHoldPlaced):
            holds[event.hold] = LegalHold(
                hold=event.hold,
                name=event.name,
                ground=event.ground,
                tickets=event.tickets,
                persons=event.persons,
                departments=event.departments,
                placed_at=event.recorded_at,
                placed_by=event.act.actor.id,
                until=event.until,
                in_force=event.until is None or now < event.until,
            )
        elif isinstance(event, LegalHoldLifted):
            holds[event.hold] = msgspec.structs.replace(
                holds[event.hold],
                lifted_at=event.recorded_at,
                lifted_by=event.act.actor.id,
                reason=event.reason,
                in_force=False,
            )
    return holds


def place(
    desk: Desk,
    act: Act,
    *,
    hold: str,
    ground: str,
    name: str = "",
    tickets: Collection[str] = (),
    persons: Collection[UUID] = (),
    departments: Collection[str] = (),
    until: datetime | None = None,
) -> tuple[LegalHold, int]:
    """Place a hold under this id on tickets (by number or UUID), persons and departments.

    The answer is the hold and the position of its event. A repetition gets the first answer, with the position 0; with
    other content it is refused as ``KeyUsedDifferently``. Whatever is named must be there.
    """
    wanted = LegalHoldPlaced(
        hold=hold,
        tickets=tuple(sorted({_ticket(desk, ref) for ref in tickets})),
        persons=tuple(sorted(set(persons))),
        departments=tuple(sorted(set(departments))),
        until=until,
        name=name,
        ground=ground,
    )
    _must_be_known(desk, wanted.persons)
    position = desk.configure(placing(wanted, desk.now()), act)
    placed = legal_holds(desk)[hold]
    if any(getattr(placed, field) != getattr(wanted, field) for field in _CONTENT):
        raise KeyUsedDifferently()
    return placed, position


def lift(desk: Desk, act: Act, *, hold: str, reason: str) -> tuple[LegalHold, int]:
    """Lift a hold; the answer is the hold and the position of the event."""
    position = desk.configure(lifting(hold, reason), act)
    return legal_holds(desk)[hold], position


_CONTENT = ("tickets", "persons", "departments", "until", "name", "ground")


def _ticket(desk: Desk, ref: str) -> UUID:
    return desk.ticket(desk.find(ref)).ticket


def _must_be_known(desk: Desk, persons: Collection[UUID]) -> None:
    first = [event for person in persons for event in desk.store.events_of(person, until=1)]
    met = {event.stream for event in desk.sealing.closed(first) if isinstance(event, PersonEvent)}
    if not met >= set(persons):
        raise PersonNotFound()
