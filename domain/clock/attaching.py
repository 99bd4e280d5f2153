"""Attaching service levels: which policy applies, decided whenever what its condition asks for has changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.setup.policies import policy_for
from domain.setup.state import Setup
from domain.ticket.events import SlaAttached, SlaDetached, SlaRetargeted, TicketEvent
from domain.ticket.state import Ticket


def facts(ticket: Ticket) -> Mapping[str, Any]:
    """What a policy's condition can ask about."""
    return {
        "department": ticket.department,
        "request_type": ticket.request_type,
        "priority": ticket.priority,
        "tier": ticket.tier,
        "tags": ticket.tags,
    }


def service_level(before: Ticket, after: Ticket, setup: Setup, cause: str) -> Iterator[TicketEvent]:
    """The event, if any, that follows for the service level of a ticket that went from ``before`` to ``after``.

    A ticket keeps the version of a policy that it has until another policy applies: a new version of the same one
    reaches open tickets only by an explicit act. Finished tickets keep what they had.
    """
    if facts(before) == facts(after) or after.status in ("closed", "cancelled"):
        return
    policy = policy_for(setup, facts(after))
    attached = after.sla
    if policy is None:
        if attached is not None:
            yield SlaDetached(policy=attached.policy, cause=cause)
        return
    if attached is not None and attached.policy == policy.policy:
        return
    terms = (policy.policy, policy.policy_version, policy.calendar, policy.calendar_version)
    names = ("policy", "policy_version", "calendar", "calendar_version")
    if attached is None:
        yield SlaAttached(**dict(zip(names, terms, strict=True)))  # type: ignore[arg-type]
    else:
        yield SlaRetargeted(**dict(zip(names, terms, strict=True)), cause=cause)  # type: ignore[arg-type]
