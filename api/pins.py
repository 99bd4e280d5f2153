"""Signing PINs: a code for a first one, or after one is locked, and setting it.

Neither a code nor a PIN is kept, shown or logged; the configuration has digests of them.
"""

from collections.abc import Sequence
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi
from api.edge import Edge, edge_of
from api.gate import permitted
from api.setup import HOLDER, Writer, act_of, must_write_everywhere, recorded
from api.setup_shapes import Configured, PinCode
from api.signing import right_pin
from domain.access import api_keys, pins
from domain.access.principal import Principal
from domain.errors import SignerNotProved
from domain.setup.events import PinCodeIssued, PinSet, SetupEvent
from domain.setup.state import Setup

router = APIRouter(tags=["setup"])
Signer = Annotated[Principal, permitted("ticket.sign", personal=False)]


class NewPinCode(BaseModel):
    """Who may set a signing PIN."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str = Field(pattern=HOLDER, description="Who holds API keys, by handle.", examples=["alice"])


class NewPin(BaseModel):
    """A signing PIN, and what allows its holder to set it: the PIN before, or a code."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"oneOf": [{"required": ["current"]}, {"required": ["code"]}]},
    )

    pin: SecretStr = Field(min_length=pins.SHORTEST, max_length=pins.LONGEST)
    current: SecretStr | None = Field(default=None, max_length=pins.LONGEST, description="The PIN so far.")
    code: SecretStr | None = Field(default=None, max_length=64, description="A code that an administrator issued.")

    @model_validator(mode="before")
    @classmethod
    def _is_allowed_by_one(cls, given: Any) -> Any:
        if isinstance(given, dict) and (given.get("current") is None) == (given.get("code") is None):
            raise ValueError("either the PIN so far or a code")
        return given


BODIES: tuple[type[BaseModel], ...] = (NewPinCode, NewPin)


@router.post(
    "/setup/pins",
    operation_id="issue-pin-code",
    status_code=201,
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("NewPinCode", {"holder": "alice"}),
        **openapi.answer(PinCode, "Issued; the code is shown this once.", 201),
    },
)
async def issue_pin_code(request: Request, caller: Writer) -> Response:
    """Issue a code with which a holder of API keys sets their signing PIN, once, within a day; also a locked one."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)
    wanted = bodies.parse(NewPinCode, await bodies.read(request, edge.settings))
    code = pins.new_code()
    issued = PinCodeIssued(
        holder=wanted.holder, digest=api_keys.digest(code), expires_at=edge.desk.now() + pins.CODE_LASTS
    )
    position = await edge.read(lambda: edge.desk.configure(lambda setup: [issued], act_of(caller)))
    answer = PinCode(holder=issued.holder, code=code, expires_at=issued.expires_at, position=position)
    return answers.json(answer, 201, {"Acta-Position": str(position)})


@router.put(
    "/me/pin",
    operation_id="set-pin",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("NewPin", {"pin": "740 211", "code": "2xV0…"}),
        **openapi.answer(Configured, "Set; the code, if it was one, is used up."),
    },
)
async def set_pin(request: Request, caller: Signer) -> Response:
    """Set the PIN with which the caller's API key signs."""
    edge = edge_of(request)
    wanted = bodies.parse(NewPin, await bodies.read(request, edge.settings))
    try:
        position = await edge.read(lambda: _set(edge, caller, wanted))
    except SignerNotProved as refused:
        edge.refusals.of(caller, refused, "ticket.sign")
        raise
    return await recorded(edge, position)


def _set(edge: Edge, caller: Principal, wanted: NewPin) -> int:
    holder = caller.actor.id
    if not caller.key or caller.actor.kind != "agent":
        raise SignerNotProved("A PIN goes with a person's API key; whoever signs in at the issuer needs none.")
    setup = edge.desk.setup()
    before = ""
    if wanted.code is not None:
        _must_open(wanted.code.get_secret_value(), holder, setup, edge)
    else:
        assert wanted.current is not None
        before = right_pin(edge, caller, setup, wanted.current.get_secret_value())
    fact = PinSet(holder=holder, digest=pins.digest(wanted.pin.get_secret_value(), holder, edge.desk.keys.blind))

    def once(setup: Setup) -> Sequence[SetupEvent]:
        if wanted.code is not None:
            _must_open(wanted.code.get_secret_value(), holder, setup, edge)
        elif setup.pins[holder].digest != before or setup.pins[holder].is_locked:
            raise SignerNotProved("The PIN has been changed or locked meanwhile.")
        return [fact]

    return edge.desk.configure(once, act_of(caller))


def _must_open(code: str, holder: str, setup: Setup, edge: Edge) -> None:
    issued = setup.pin_codes.get(holder)
    if issued is None or issued.expires_at <= edge.desk.now():
        raise SignerNotProved("There is no code for you that is good; an administrator issues one.")
    if not compare_digest(api_keys.digest(code), issued.digest):
        raise SignerNotProved("The code is wrong.")
