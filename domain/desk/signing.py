"""Signing: which acts take an electronic signature, what makes it one, and the fact of it.

Who hands in a signature proves at the door that it is them (``Proof``); here is decided whether it is the signature
that the act takes. It is recorded with the act or neither is.
"""

from datetime import datetime

from domain.access.principal import Principal
from domain.desk.order import Order, Proof
from domain.errors import (
    MeaningNotKnown,
    NotAllowed,
    NotUnderstood,
    PinLocked,
    SignatureNeeded,
    SignerNotProved,
)
from domain.setup.events import PinProved
from domain.setup.state import Setup
from domain.ticket.commands import Command
from domain.ticket.commands.correcting import Correct
from domain.ticket.commands.signing import Sign
from domain.ticket.events import TicketSigned

_ENDINGS = {"resolved": "resolve", "closed": "close", "cancelled": "cancel"}


def must_be_signed(command: Command, department: str, request_type: str, setup: Setup, order: Order) -> None:
    """Refuse an act that takes a signature without one, and a signature that is none; others may be signed, too.

    The desk's own processes sign nothing: an import retells what was done elsewhere.
    """
    given = command.signature
    needed = _meanings(command, department, request_type, setup)
    if given is None:
        if needed and order.principal.actor.kind != "system":
            raise SignatureNeeded(
                f"'{command.VERB}' takes a signature here: send 'signature' with a meaning, and a token or a PIN.",
                meanings=list(needed),
            )
        return
    if given.meaning not in (needed or setup.meanings):
        raise MeaningNotKnown(field="signature/meaning", meanings=list(needed or setup.meanings))
    if order.on_behalf_of:
        raise NotUnderstood("Nobody signs for another.", field="Acta-On-Behalf-Of")
    _must_be_a_person_who_may_sign(order.principal, department)
    if not isinstance(order.proof, Proof):
        raise SignerNotProved("Signatures are not taken through this door.")
    _must_still_be_proved(order.proof, order.principal.actor.id, setup)


def _meanings(command: Command, department: str, request_type: str, setup: Setup) -> tuple[str, ...]:
    """What a signature of the act must mean; empty if it needs none."""
    if isinstance(command, Sign):
        return setup.meanings
    needed = setup.meanings_of(command.VERB, department, request_type)
    if not needed and isinstance(command, Correct):
        # What cannot be done unsigned cannot be stated unsigned to have been done.
        ending = _ENDINGS.get(command.fields.status or "", "")
        return setup.meanings_of(ending, department, request_type)
    return needed


def _must_be_a_person_who_may_sign(principal: Principal, department: str) -> None:
    if not principal.may("ticket.sign", department):
        raise NotAllowed("You may not sign here.", permission="ticket.sign")
    if principal.actor.kind != "agent":
        raise NotAllowed("Only a person can sign.", permission="ticket.sign")


def _must_still_be_proved(proof: Proof, holder: str, setup: Setup) -> None:
    """A PIN counts by the configuration as of the recording: whatever was refused meanwhile, wherever, has counted."""
    if not proof.pin:
        return
    pin = setup.pins.get(holder)
    if pin is None or pin.digest != proof.pin:
        raise SignerNotProved("The PIN has been changed meanwhile.")
    if pin.is_locked:
        raise PinLocked()


def signature(command: Command, order: Order, now: datetime) -> TicketSigned:
    """The fact that the caller has signed; what it is bound to is filled in when it is stored."""
    given, proof = command.signature, order.proof
    assert given is not None
    assert isinstance(proof, Proof)
    return TicketSigned(
        signer=order.principal.actor.id,
        name=proof.name,
        meaning=given.meaning,
        command="" if isinstance(command, Sign) else command.VERB,
        comment=given.comment,
        means=proof.means,
        credential=proof.credential,
        signed_in_at=proof.signed_in_at,
        signed_at=now,
    )


def proved_again(order: Order, setup: Setup) -> PinProved | None:
    """That a PIN was right after wrong ones."""
    holder = order.principal.actor.id
    uses_pin = isinstance(order.proof, Proof) and order.proof.pin
    return PinProved(holder=holder) if uses_pin and setup.pins[holder].refused else None
