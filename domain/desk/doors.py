"""The doors of departments: where their software hands in requests, each of which is decided once for ever.

A door decides the department and as whom one acts; a letter claims neither. What is decided, an acceptance or a
refusal, is recorded together with what follows from it, so that whoever tells outcomes finds exactly one per request.
"""

from concurrent.futures import Future

import msgspec

from domain.access.principal import ROLES, Principal
from domain.desk.desk import Desk
from domain.desk.order import IdempotencyKey, Order, Receipt
from domain.envelope import Actor
from domain.errors import DepartmentNotFound, Refused
from domain.request.asking import asked
from domain.request.letter import Letter
from domain.store.keys import SubjectKeys

SEND = "request.send"
"""The permission to hand in requests for a department."""

DOOR = ROLES["service"] | {"ticket.note", "ticket.work"}
"""What may be done through a door, in its department; the kinds of requests limit it further."""


def door_of(department: str) -> str:
    """What the door of a department is called: as an actor, and as the system whose handles its requests use."""
    return f"door:{department}"


def doorkeeper(keys: SubjectKeys, department: str) -> Principal:
    """The service on whose behalf the requests act that come through a department's topic."""
    name = door_of(department)
    return Principal(
        actor=Actor(kind="service", id=name),
        person=keys.stream_of("person", "service", name),
        grants=((DOOR, frozenset({department})),),
    )


def at_the_door(caller: Principal, department: str) -> Principal:
    """A caller of another edge as they may act here; raises ``DepartmentNotFound`` if they may hand in nothing."""
    if not caller.may(SEND, department):
        raise DepartmentNotFound()
    return msgspec.structs.replace(caller, grants=((DOOR, frozenset({department})),))


def take(desk: Desk, letter: Letter, sender: Principal, channel: str) -> "Future[Receipt]":
    """Have a request decided; the future has the receipt or the refusal, for a repeated request those of the first.

    ``KeyUsedDifferently`` is the one refusal that is not recorded as the request's decision.
    """
    keys = desk.keys
    key = IdempotencyKey(
        principal=door_of(letter.department),
        source=letter.source,
        key=letter.id,
        digest=keys.blind("request", letter.type, letter.reference, _canonical(letter.data)).hex(),
        department=letter.department,
        reference=letter.reference,
    )
    try:
        command, ticket = asked(letter)
    except Refused as refused:
        return desk.decline(refused, sender, key, channel=channel, correlation_id=letter.traceparent)
    order = Order(
        command=command,
        principal=sender,
        ticket=ticket or str(keys.stream_of("requested", letter.department, letter.source, letter.reference)),
        channel=channel,
        correlation_id=letter.traceparent,
        handles_of=door_of(letter.department),
    )
    return desk.submit(order, key=key)


def _canonical(data: bytes) -> str:
    """The same for the same JSON, however it is spaced; else the bytes."""
    try:
        return msgspec.json.encode(msgspec.json.decode(data), order="sorted").decode()
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return data.hex()
