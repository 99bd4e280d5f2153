"""Signing: an electronic signature by itself, on what a ticket's record says by then."""

from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide
from domain.ticket.state import Ticket


class Sign(Command):
    """Sign the ticket as it stands. Any other command is signed by a `signature` of its own."""

    VERB = "sign"
    PERMISSION = "ticket.sign"
    STATUSES = ALWAYS
    MERGED = "taken"


@decide.register
def sign(command: Sign, ticket: Ticket, situation: Situation) -> Decision:
    """Nothing changes; the signature itself is put behind what an act has changed, whichever act it is."""
    yield from ()
