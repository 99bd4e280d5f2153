"""What is asked of the desk, and what it answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from domain.access.principal import Principal
from domain.errors import Refused
from domain.ticket.commands import Command


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That the caller has just proved to be who they are, in order to sign: how, when (UTC), and their printed name.

    ``credential`` names the issuer or the API key; ``pin`` is the digest by which a PIN was found right ("": none).
    """

    means: Literal["oidc", "key-and-pin"]
    credential: str
    signed_in_at: datetime
    name: str
    pin: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One command, by whom, through which door.

    ``ticket`` is the ticket as the caller names it ("" for one to be opened, or its UUID to be); ``if_match`` the
    version it must still have; ``otherwise`` is decided in place of a command that the rules refuse (imports only);
    ``handles_of`` the system whose handles of persons the command uses, if not the caller's own; ``proof`` that of a
    signer, or why there is none: then it is refused, unless it was carried out before.
    """

    command: Command
    principal: Principal
    ticket: str = ""
    channel: str = "http"
    if_match: int | None = None
    on_behalf_of: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    otherwise: Command | None = None
    handles_of: str = ""
    proof: Proof | Refused | None = None


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a request the same request when it comes again: who sent it, from where, under which key.

    ``digest`` tells whether it is the same in content. ``department`` is the one through whose door it came ("": none),
    ``reference`` the sender's own name for the matter; its outcome is addressed with them.
    """

    principal: str
    source: str
    key: str
    digest: str
    department: str = ""
    reference: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded: the ticket's new version, and the position from which every view shows it.

    ``opened`` is the number of a ticket that was opened by it.
    """

    ticket: UUID
    number: int
    version: int
    position: int
    events: tuple[str, ...]
    opened: int | None = None

    def recorded(self) -> dict[str, Any]:
        """As kept with a keyed request; the position is that of the keeping event itself."""
        return {
            "ticket": str(self.ticket),
            "number": self.number,
            "version": self.version,
            "events": list(self.events),
            "opened": self.opened,
        }
