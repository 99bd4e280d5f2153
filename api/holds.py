"""Legal holds: what must not be erased meanwhile, placed and lifted by whoever may do so in every department."""

from collections.abc import Collection
from secrets import token_hex
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi, parameters
from api.edge import edge_of
from api.gate import Witnessed, looking, permitted
from api.setup import act_of, must_be_allowed_everywhere
from domain.access.principal import Principal
from domain.desk.legal_holds import LegalHold, legal_holds, lift, place
from domain.moments import Moment

router = APIRouter(tags=["record"], route_class=Witnessed)
Steward = Annotated[Principal, permitted("record.hold")]
Placer = Annotated[Principal, permitted("record.hold", personal=False)]
"""Is told no more than what they said themselves."""
_MOST = 1_000


class NewHold(BaseModel):
    """What must not be erased, on what ground, and until when; at least one ticket, person or department."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=200, description="What the case is called; stored sealed.")
    ground: str = Field(min_length=1, max_length=10_000, description="Why, and who ordered it; stored sealed.")
    tickets: tuple[Annotated[str, Field(max_length=64)], ...] = Field(
        default=(), max_length=_MOST, description="Tickets, by number or UUID."
    )
    persons: tuple[UUID, ...] = Field(default=(), max_length=_MOST, description="Persons, with all their tickets.")
    departments: tuple[Annotated[str, Field(max_length=64)], ...] = Field(
        default=(), max_length=_MOST, description='Departments, with all tickets that are or were there; "*": all.'
    )
    until: Moment | None = Field(default=None, description="When it ends by itself; else when it is lifted.")


class Lifting(BaseModel):
    """Why a hold is lifted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=10_000, description="Stored sealed.")


class HoldList(msgspec.Struct, kw_only=True):
    """Legal holds, in the order in which they were placed."""

    holds: list[LegalHold]


BODIES: tuple[type[BaseModel], ...] = (NewHold, Lifting)
SHAPES: list[type[msgspec.Struct]] = [LegalHold, HoldList]
_EXAMPLE = {"ground": "Letter of the court of 2 March.", "tickets": ["1"], "departments": []}


@router.post(
    "/record/holds",
    operation_id="place-hold",
    status_code=201,
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("NewHold", _EXAMPLE),
        "parameters": [openapi.header("Idempotency-Key")],
        **openapi.answer(LegalHold, "Placed, or was already by this idempotency key.", 201),
    },
)
async def place_hold(request: Request, caller: Placer) -> Response:
    """Place a legal hold: nothing that it covers is erased, by whomever, before it is lifted or ends."""
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.hold")
    given = parameters.idempotency_key(request)
    wanted = bodies.parse(NewHold, await bodies.read(request, edge.settings))
    sender = (caller.actor.kind, caller.actor.id)
    hold = edge.desk.keys.blind("legal hold", *sender, given).hex()[:16] if given else token_hex(8)
    content = {name: getattr(wanted, name) for name in NewHold.model_fields}
    placed, position = await edge.read(lambda: place(edge.desk, act_of(caller), hold=hold, **content))
    return answers.json(placed, 201, {"Acta-Position": str(position)} if position else None)


@router.post(
    "/record/holds/{hold}/lift",
    operation_id="lift-hold",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Lifting", {"reason": "The court has closed the case."}),
        **openapi.answer(LegalHold, "Lifted."),
    },
)
async def lift_hold(
    request: Request,
    hold: Annotated[str, Path(max_length=64, description="The hold's id.", examples=["0123456789abcdef"])],
    caller: Steward,
) -> Response:
    """Lift a legal hold. What it covered may be erased again, and is by the rules of retention when it is due."""
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.hold")
    wanted = bodies.parse(Lifting, await bodies.read(request, edge.settings))
    lifted, position = await edge.read(lambda: lift(edge.desk, act_of(caller), hold=hold, reason=wanted.reason))
    await edge.read(lambda: _show(request, [lifted]))
    return answers.json(lifted, headers={"Acta-Position": str(position)})


@router.get(
    "/record/holds",
    operation_id="get-holds",
    response_model=None,
    openapi_extra=openapi.answer(HoldList, "The holds, with their grounds."),
)
async def get_holds(
    request: Request,
    caller: Steward,
    all: Annotated[bool, Query(description="Those that were lifted or have ended, too.")] = False,
) -> Response:
    """The legal holds in force: what they cover, who placed them, on what ground."""
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.hold")

    def ask() -> HoldList:
        shown = [hold for hold in legal_holds(edge.desk).values() if all or hold.in_force]
        _show(request, shown)
        return HoldList(holds=shown)

    return answers.json(await edge.read(ask))


def _show(request: Request, holds: Collection[LegalHold]) -> None:
    """Record that the caller is shown these holds."""
    tickets = edge_of(request).tickets_today.of(ticket for hold in holds for ticket in hold.tickets)
    looking(request).shows("record.hold", tickets.values(), (person for hold in holds for person in hold.persons))
