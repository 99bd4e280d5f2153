"""Permitting: may this caller give this command to this ticket, now, in this department?

What a caller may not see does not exist for them.
"""

from datetime import datetime, timedelta

from domain.access.principal import Principal
from domain.errors import BackdatingNotAllowed, DepartmentNotFound, NotAllowed, TicketNotFound, TimeInTheFuture
from domain.setup.state import Setup
from domain.ticket.commands import Command, is_own
from domain.ticket.commands.opening import Open, Requester
from domain.ticket.state import Ticket


def may_see(ticket: Ticket, principal: Principal) -> bool:
    """Whether the ticket exists for this caller."""
    if principal.may("ticket.read", ticket.department):
        return True
    return is_own(ticket, principal) and principal.may_anywhere("ticket.read-own")


def must_see(ticket: Ticket, principal: Principal) -> None:
    """Refuse a ticket that does not exist for this caller."""
    if ticket.version == 0 or not may_see(ticket, principal):
        raise TicketNotFound()


def must_be_allowed(command: Command, ticket: Ticket, principal: Principal) -> None:
    """Refuse a command that the caller may not give to this ticket."""
    if isinstance(command, Open):
        _must_be_allowed_to_open(command, principal)
        return
    if ticket.version == 0:
        raise TicketNotFound()
    if principal.may(command.PERMISSION, ticket.department):
        return
    if command.OWN and is_own(ticket, principal) and principal.may_anywhere(command.OWN):
        return
    must_see(ticket, principal)
    raise NotAllowed(f"You may not give '{command.VERB}' to this ticket.", permission=command.PERMISSION)


def _must_be_allowed_to_open(command: Open, principal: Principal) -> None:
    if not principal.may("ticket.open", command.department):
        raise DepartmentNotFound()
    for_another = command.requester is not None and command.requester != Requester()
    if for_another and not principal.may("ticket.open-for-others", command.department):
        raise NotAllowed("You may only ask for yourself here.", permission="ticket.open-for-others")


def when(command: Command, department: str, setup: Setup, principal: Principal, now: datetime) -> datetime | None:
    """When the act happened, if not now; refuses the future, and the past to those who may not state it."""
    occurred_at = command.occurred_at
    if occurred_at is None:
        return None
    if occurred_at > now:
        raise TimeInTheFuture(field="occurred_at")
    if principal.may("ticket.backdate", department):
        return occurred_at
    known = setup.departments.get(department)
    window = timedelta(minutes=known.backdate_minutes if known and principal.actor.kind == "service" else 0)
    if now - occurred_at > window:
        raise BackdatingNotAllowed(field="occurred_at")
    return occurred_at
