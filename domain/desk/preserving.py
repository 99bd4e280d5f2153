"""Preserving: legal holds forbid to erase what they cover.

They stand in the configuration, which every decision rests on: whoever erases while a hold is being placed is decided
again on what the configuration says then.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.errors import (
    DepartmentNotFound,
    HoldCoversNothing,
    HoldEndsInThePast,
    HoldNotFound,
    NothingChanges,
    UnderLegalHold,
)
from domain.setup.events import EVERYWHERE, LegalHoldLifted, LegalHoldPlaced, SetupEvent
from domain.setup.state import Setup
from domain.ticket.state import Ticket

Plan = Callable[[Setup], Sequence[SetupEvent]]


def holds_over(setup: Setup, ticket: Ticket, now: datetime) -> tuple[LegalHoldPlaced, ...]:
    """The holds in force over a ticket: it, the persons it tells of, or a department where it is or ever was."""
    return setup.holds_on(
        now,
        tickets=(ticket.ticket,),
        persons={ticket.requester, *ticket.former_requesters},
        departments={ticket.department, *ticket.former_departments},
    )


def must_not_be_held(holds: Sequence[LegalHoldPlaced]) -> None:
    """Refuse to erase what these holds cover; the refusal names them."""
    if holds:
        raise UnderLegalHold(holds=sorted({hold.hold for hold in holds}))


def placing(hold: LegalHoldPlaced, now: datetime) -> Plan:
    """Place a hold; one that was placed already, lifted or not, is not placed again."""

    def decide(setup: Setup) -> list[SetupEvent]:
        if hold.hold in setup.holds or hold.hold in setup.holds_lifted:
            return []
        if not (hold.tickets or hold.persons or hold.departments):
            raise HoldCoversNothing()
        if not set(hold.departments) - {EVERYWHERE} <= setup.departments.keys():
            raise DepartmentNotFound()
        if hold.until is not None and hold.until <= now:
            raise HoldEndsInThePast()
        return [hold]

    return decide


def lifting(hold: str, reason: str) -> Plan:
    """Lift a hold."""

    def decide(setup: Setup) -> list[SetupEvent]:
        if hold in setup.holds_lifted:
            raise NothingChanges("This hold was lifted already.")
        if hold not in setup.holds:
            raise HoldNotFound()
        return [LegalHoldLifted(hold=hold, reason=reason)]

    return decide
