"""What all facts of a ticket have in common."""

from domain.envelope import Event


class TicketEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of one ticket."""
