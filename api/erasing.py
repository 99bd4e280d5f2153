"""Forgetting a person: what would be touched, the order, and whether it has been carried out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi
from api.edge import edge_of
from api.gate import Witnessed, looking, permitted
from api.setup import act_of, must_be_allowed_everywhere
from api.visibility import ActorShown
from domain.access.principal import Principal
from domain.desk.forgetting import (
    erase,
    erased_through,
    erasures_of,
    files_touched,
    files_under,
    holds_against,
    person_named,
    touched,
)
from domain.errors import NotKnown, PersonNotFound

router = APIRouter(tags=["record"], route_class=Witnessed)
Reader = Annotated[Principal, permitted("record.erase")]
Eraser = Annotated[Principal, permitted("record.erase", personal=False)]
_Person = Annotated[
    str,
    Path(
        description="The person's UUID, as tickets name their requester, or an agent's handle: `agent:alice`.",
        pattern=r"^([0-9A-Fa-f-]{32,36}|(agent|requester|service):[A-Za-z0-9][A-Za-z0-9._|:-]{0,199})$",
        examples=["agent:alice"],
    ),
]


class Erase(BaseModel):
    """On what ground the person is to be forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    ground: str = Field(
        min_length=1,
        max_length=200,
        description="A short public ground, without a name in it; it is stored readable and stays.",
        examples=["GDPR Art. 17(1)(b): consent withdrawn"],
    )


BODIES: tuple[type[BaseModel], ...] = (Erase,)


class ErasureOrdered(msgspec.Struct, frozen=True, kw_only=True):
    """The order stands in the record at ``position``; it is carried out from there."""

    person: UUID
    position: int


class StreamTouched(msgspec.Struct, frozen=True, kw_only=True):
    """A stream in which so many events are sealed for the person; with its number if it is a ticket's."""

    stream: UUID
    number: int | None
    events: int


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """An order to forget the person, with so many ``files``; ``completed``: nothing of what it covers is left."""

    position: int
    ordered_at: datetime
    by: ActorShown
    ground: str
    files: int
    completed: bool


class ErasureShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed for a person now, the legal holds that forbid to erase it, and what was ordered.

    Of the events that many put ``files`` to tickets, which go as well.
    """

    person: UUID
    events: int
    files: int
    touched: list[StreamTouched]
    holds: list[str]
    orders: list[OrderShown]


SHAPES: list[type[msgspec.Struct]] = [ErasureOrdered, ErasureShown]


@router.get(
    "/persons/{ref}/erasure",
    operation_id="get-erasure",
    response_model=None,
    openapi_extra=openapi.answer(ErasureShown, "What erasing them would touch, and what was ordered."),
)
async def get_erasure(request: Request, ref: _Person, caller: Reader) -> Response:
    """What erasing the person would touch, and the orders there are with their state."""
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.erase")

    def ask() -> ErasureShown:
        desk = edge.desk
        with _in_the_address():
            person = person_named(ref, desk.keys)
            streams = touched(desk, person)
        tickets = edge.tickets_today.of(one.stream for one in streams)
        looking(request).shows("record.erase", tickets.values(), (person,))
        through = erased_through(desk)
        orders = [
            OrderShown(
                position=order.position,
                ordered_at=order.recorded_at,
                by=ActorShown(order.act.actor.kind, order.act.actor.id),
                ground=order.ground,
                files=files_under(desk, order.subject),
                completed=order.position <= through,
            )
            for order in erasures_of(desk, person)
        ]
        return ErasureShown(
            person=person,
            events=sum(one.events for one in streams),
            files=files_touched(desk, person),
            touched=[StreamTouched(stream=one.stream, number=one.number, events=one.events) for one in streams],
            holds=[hold.hold for hold in holds_against(desk, person, streams, desk.setup())],
            orders=orders,
        )

    return answers.json(await edge.read(ask))


@router.post(
    "/persons/{ref}/erase",
    operation_id="erase-person",
    status_code=202,
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Erase", {"ground": "GDPR Art. 17(1)(b): consent withdrawn"}),
        **openapi.answer(ErasureOrdered, "Ordered; `GET …/erasure` says when it is complete.", 202),
    },
)
async def erase_person(request: Request, ref: _Person, caller: Eraser) -> Response:
    """Order that a person be forgotten: who they are, all they wrote, and all that was written on their tickets.

    Events, figures and proofs stay. It cannot be undone.
    """
    edge = edge_of(request)
    must_be_allowed_everywhere(edge, caller, "record.erase")
    wanted = bodies.parse(Erase, await bodies.read(request, edge.settings))
    with _in_the_address():
        person = person_named(ref, edge.desk.keys)
        position = await edge.read(lambda: erase(edge.desk, person, wanted.ground, act_of(caller)))
    return answers.json(ErasureOrdered(person=person, position=position), 202, headers={"Acta-Position": str(position)})


@contextmanager
def _in_the_address() -> Iterator[None]:
    """A person whom the address names and nobody knows is a page that is not there."""
    try:
        yield
    except PersonNotFound as unknown:
        raise NotKnown(unknown.title) from None
