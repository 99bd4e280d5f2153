"""Electronic signatures at the door: the signer signs in again, by a fresh token of the issuer or by the PIN of a key.

What does not hold is refused by the desk (see ``domain.desk.signing``), which looks first whether the same request was
carried out before. Wrong PINs are facts of the configuration, so that all processes count the same ones.
"""

from datetime import timedelta

from api.edge import Edge
from domain.access import pins
from domain.access.principal import Principal
from domain.desk import Proof
from domain.envelope import Act
from domain.errors import NotAuthenticated, PinLocked, Refused, SignerNotProved
from domain.setup.events import PinRefused
from domain.setup.state import PIN_ATTEMPTS, Setup
from domain.ticket.commands.signature import SignatureGiven

_AHEAD = timedelta(seconds=30)
"""By how much the issuer's clock may be ahead of ours."""


async def proof(edge: Edge, caller: Principal, given: SignatureGiven) -> Proof | Refused:
    """That the caller has just proved who they are, or why not."""
    try:
        if given.pin is not None:
            return await edge.read(lambda: _by_pin(edge, caller, given))
        return await _by_token(edge, caller, given)
    except SignerNotProved as refused:
        return refused


async def _by_token(edge: Edge, caller: Principal, given: SignatureGiven) -> Proof:
    assert given.token is not None
    try:
        claimed = await edge.callers.claimed(given.token.get_secret_value())
    except NotAuthenticated:
        raise SignerNotProved("The token is not good here.") from None
    if claimed.subject != caller.actor.id:
        raise SignerNotProved("The token is somebody else's.")
    if claimed.auth_time is None:
        raise SignerNotProved("The token does not say when its bearer signed in; ask the issuer with max_age=0.")
    age, most = edge.desk.now() - claimed.auth_time, edge.settings.sign_in_seconds
    if not -_AHEAD <= age <= timedelta(seconds=most):
        raise SignerNotProved(f"The sign-in is too long ago; it may lie {most} seconds back.", seconds=most)
    name = await edge.read(lambda: _name_of(edge, caller))
    return Proof(
        means="oidc",
        credential=claimed.issuer,
        signed_in_at=claimed.auth_time,
        name=_printed(name or claimed.name),
    )


def _by_pin(edge: Edge, caller: Principal, given: SignatureGiven) -> Proof:
    assert given.pin is not None
    if not caller.key:
        raise SignerNotProved("A PIN goes with an API key; whoever signs in at the issuer signs with a fresh token.")
    setup = edge.desk.setup()
    digest = right_pin(edge, caller, setup, given.pin.get_secret_value())
    return Proof(
        means="key-and-pin",
        credential=caller.key,
        signed_in_at=edge.desk.now(),
        name=_printed(_name_of(edge, caller)),
        pin=digest,
    )


def right_pin(edge: Edge, caller: Principal, setup: Setup, pin: str) -> str:
    """The digest by which a caller's PIN is right; a wrong one is recorded, and too many lock it."""
    holder = caller.actor.id
    known = setup.pins.get(holder)
    if known is None:
        raise SignerNotProved("You have no PIN yet; set one with a code: PUT /me/pin.")
    if known.is_locked:
        raise PinLocked()
    if pins.fits(pin, holder, known.digest, edge.desk.keys.blind):
        return known.digest

    def refuse(setup: Setup) -> list[PinRefused]:
        if setup.pins[holder].is_locked:
            raise PinLocked()
        return [PinRefused(holder=holder)]

    edge.desk.configure(refuse, Act(actor=caller.actor, channel="http"))
    left = PIN_ATTEMPTS - edge.desk.setup().pins[holder].refused
    raise SignerNotProved("The PIN is wrong.", attempts_left=max(left, 0))


def _name_of(edge: Edge, caller: Principal) -> str:
    return edge.names.of(edge.desk.setup()).agents.get(caller.actor.id, "")


def _printed(name: str) -> str:
    if not name:
        raise SignerNotProved("A signature needs a printed name: have your name configured, or told by the issuer.")
    return name
