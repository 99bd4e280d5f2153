"""Expiring: a ticket that was kept as long as the rule of retention says lets go what it holds of persons.

The process that looks for such tickets says which one and as of when; the ticket decides by its own events and the rule
in force. Like the clock's stroke the command is no verb of the desk: nobody else gives it.
"""

from domain.errors import NothingChanges
from domain.moments import Moment
from domain.setup.events import RetentionVersioned
from domain.setup.retention import counts_from, kept_until, rule_for
from domain.ticket.commands.command import ALWAYS, Command, Decision, Ref, Situation, decide
from domain.ticket.events import TicketRedacted, TicketRetentionExpired
from domain.ticket.state import Ticket


class Expire(Command):
    """Let go what was kept long enough by ``as_of``, which neither the process's watch nor the store's may lie before.

    ``through``: where the ticket was merged into, and that one in turn; it is kept as long as the last of them.
    """

    VERB = "expire"
    PERMISSION = "record.erase"
    STATUSES = ALWAYS
    MERGED = "taken"

    as_of: Moment
    through: tuple[Ref, ...] = ()

    def others(self) -> tuple[Ref, ...]:
        return self.through


@decide.register
def expire(command: Expire, ticket: Ticket, situation: Situation) -> Decision:
    """Nothing is let go before its day, and nothing twice."""
    last = ticket
    while last.merged_into is not None:
        if str(last.merged_into) not in situation.others:
            raise NothingChanges("It was merged into another ticket.")
        last = situation.others[str(last.merged_into)]
    rule = rule_for(situation.setup, last.department, last.request_type)
    if rule is None or last.closed_at is None:
        raise NothingChanges("No rule of retention lets this ticket go.")
    until = kept_until(rule, last.closed_at)
    if max(until, counts_from(rule)) > min(command.as_of, situation.now):
        raise NothingChanges("This ticket is still to be kept.")
    versions = tuple(sorted(set(range(1, ticket.version + 1)) - ticket.redacted - _own(ticket)))
    if not versions:
        raise NothingChanges("This ticket was let go.")
    yield TicketRetentionExpired(
        department=rule.department,
        request_type=rule.request_type,
        retention_version=rule.retention_version,
        closed_at=last.closed_at,
        kept_until=until,
    )
    yield TicketRedacted(versions=versions, ground=_ground(rule))


def _own(ticket: Ticket) -> set[int]:
    """The versions of what was recorded when it was last let go."""
    return {ticket.expired, ticket.expired + 1} if ticket.expired else set()


def _ground(rule: RetentionVersioned) -> str:
    of = f"type of request {rule.request_type}" if rule.request_type else f"department {rule.department}"
    return f"Retention, {of}, version {rule.retention_version} of the rule"
