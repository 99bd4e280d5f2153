"""Who looked: no answer that shows personal data leaves before it is recorded to whom, of whom and with what right.

The gate gives each request a ``Look``. Whoever puts the answer together says once what it ``shows``, as soon as that is
known and from whatever thread: it is being committed while the answer is put into words. The route awaits it before the
answer leaves (``gate.Witnessed``). An answer of which nobody said anything does not leave at all.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from uuid import UUID

import msgspec
from starlette.requests import Request

from api.metrics import Metrics
from api.origins import Origins
from api.questions import question_of
from api.refusals import Refusals
from api.writing import Answers
from domain.access.events import MOST_NAMED, AccessEvent, AccessRead, GlassBroken
from domain.access.principal import Principal
from domain.desk import Desk
from domain.envelope import NOWHERE, Act
from domain.errors import Refused, TicketNotFound
from domain.setup.state import Setup
from domain.ticket.state import Ticket

BREAK_GLASS = "ticket.break-glass"
BREAK_GLASS_HEADER = "Acta-Break-Glass"


class Look(msgspec.Struct, kw_only=True):
    """What one request is shown, and of whom it comes.

    ``act`` is how it is recorded; ``reason`` why the caller breaks the glass, if they do.
    """

    looks: "Looks"
    request: Request
    caller: Principal
    act: Act
    setup: Setup
    operation: str
    reason: str = ""
    nothing: bool = False
    committing: "Future[int] | None" = None

    def shows(self, permission: str, tickets: Iterable[Ticket] = (), persons: Iterable[UUID] = ()) -> None:
        """Record that the answer holds something of these tickets, their requesters, and these ``persons``.

        Raises ``NotReadyYet`` when too much waits to be recorded.
        """
        shown = list({ticket.ticket: ticket for ticket in tickets}.values())
        of_whom = {ticket.requester for ticket in shown}.union(persons) - {NOWHERE}
        event = AccessRead(
            operation=self.operation,
            permission=permission,
            departments=tuple(sorted({ticket.department for ticket in shown})),
            tickets=tuple(ticket.ticket for ticket in shown[:MOST_NAMED]),
            persons=tuple(sorted(of_whom)[:MOST_NAMED]),
            more=max(0, len(shown) - MOST_NAMED),
            question=question_of(self.request, self.setup),
            origin=self.looks.origins.of(self.request),
            key=self.caller.key,
        )
        self._commit(event)

    def breaks_glass(self, ticket: Ticket, persons: Iterable[UUID] = ()) -> None:
        """Record that the answer holds something of a ticket that is none of the caller's, for the reason they gave."""
        event = GlassBroken(
            operation=self.operation,
            permission=BREAK_GLASS,
            ticket=ticket.ticket,
            department=ticket.department,
            reason=self.reason,
            persons=tuple(sorted({ticket.requester, *persons} - {NOWHERE})[:MOST_NAMED]),
            question=question_of(self.request, self.setup),
            origin=self.looks.origins.of(self.request),
            key=self.caller.key,
        )
        self._commit(event, self.looks.desk.keys.person(self.caller.actor.kind, self.caller.actor.id))
        self.looks.metrics.glass_broken += 1

    def shows_nothing(self) -> None:
        """The answer holds nothing personal after all, and nothing is recorded."""
        self.nothing = True

    def again(self, caller: Principal) -> "Look":
        """The look for what the same request is shown next, to the caller as they are now."""
        return msgspec.structs.replace(self, caller=caller, nothing=False, committing=None)

    @property
    def may_break_glass(self) -> bool:
        """Whether the caller gave a reason and has the right to."""
        return bool(self.reason) and self.caller.may_anywhere(BREAK_GLASS)

    def not_found(self, hidden: Ticket | None = None) -> TicketNotFound:
        """The refusal of a ticket that is not there, or ``hidden`` from the caller, which is recorded and told alike.

        Who may break the glass is told that there is this way.
        """
        refused = TicketNotFound()
        if self.caller.may_anywhere(BREAK_GLASS) and not self.reason:
            refused = TicketNotFound(
                f"If there is one, you may read it all the same: say why in the header '{BREAK_GLASS_HEADER}'."
                " The reason is recorded.",
                permission=BREAK_GLASS,
            )
        if hidden is not None:
            self.refuse(refused, BREAK_GLASS if self.reason else "ticket.read", hidden.ticket)
        return refused

    def refuse(self, refused: Refused, permission: str, ticket: UUID | None = None) -> None:
        """Record that the caller was refused."""
        self.looks.refusals.of(self.caller, refused, permission, ticket, self.looks.origins.of(self.request))

    async def recorded(self) -> None:
        """Wait until what was shown is committed; raises what kept it from being so."""
        if self.committing is not None:
            await self.looks.answers.of(self.committing)
        elif not self.nothing:
            raise NotWitnessed(f"{self.operation} did not say what it shows")

    def _commit(self, event: AccessEvent, subject: UUID | None = None) -> None:
        if self.committing is not None:
            raise NotWitnessed(f"{self.operation} says twice what it shows")
        self.committing = self.looks.desk.witness(event, self.act, subject)


class NotWitnessed(Exception):
    """A route does not say what its answer shows: a fault of ours, and nothing is shown."""


class Looks:
    """What every look of this process needs."""

    def __init__(self, desk: Desk, answers: Answers, refusals: Refusals, origins: Origins, metrics: Metrics) -> None:
        self.desk = desk
        self.answers = answers
        self.refusals = refusals
        self.origins = origins
        self.metrics = metrics
