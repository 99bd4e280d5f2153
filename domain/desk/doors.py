"""The doors of departments: where their software hands in requests, each of which is decided once for ever.

A door decides the department and as whom one acts; a letter claims neither. What is decided, an acceptance or a
refusal, is recorded together with what follows from it, so that whoever tells outcomes finds exactly one per request.
"""

from concurrent.futures import Future
from contextlib import suppress

import msgspec

from domain.access.principal import ROLES, Principal
from domain.desk.desk import Desk
from domain.desk.keeping import request_stream
from domain.desk.order import IdempotencyKey, Order, Receipt
from domain.envelope import Actor
from domain.errors import DepartmentNotFound, NotReadyYet, Refused
from domain.request.asking import Enclosed, asked
from domain.request.letter import Letter
from domain.store.keys import SubjectKeys
from domain.ticket.commands import Command
from domain.ticket.commands.attaching import Attach

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
        command, ticket, enclosed = asked(letter)
        if enclosed is not None:
            desk.enclosures.must_be_taken(enclosed)
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
    if enclosed is not None:
        return _with_file(desk, order, key, enclosed)
    return desk.submit(order, key=key)


def _with_file(desk: Desk, order: Order, key: IdempotencyKey, enclosed: Enclosed) -> "Future[Receipt]":
    """Store the file and have the request decided then; a file that it does not take is removed."""
    answer: Future[Receipt] = Future()
    holder = desk.uploads.holder(order.principal)

    def decide(with_file: Order) -> None:
        decided = desk.submit(with_file, key=key)
        decided.add_done_callback(lambda done: tell(done, with_file.command))

    def begin() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            if desk.store.events_of(request_stream(desk.keys, key), until=1):
                # It was decided, and is answered as it was then.
                decide(order)
                return
            upload = desk.enclosures.store(enclosed, holder)
            decide(msgspec.structs.replace(order, command=order.command.model_copy(update={"upload": upload})))
        except Exception as fault:
            answer.set_exception(fault)

    def tell(decided: "Future[Receipt]", command: Command) -> None:
        fault = decided.exception()
        if fault is None:
            answer.set_result(decided.result())
            return
        assert isinstance(command, Attach)
        with suppress(NotReadyYet):  # The desk is closing, and the file expires.
            desk.enclosures.submit(lambda: desk.enclosures.give_up(command.upload, holder))
        answer.set_exception(fault)

    def let_go(began: "Future[None]") -> None:
        if began.cancelled() and not answer.cancelled():
            answer.set_exception(NotReadyYet("The desk is closing."))

    desk.enclosures.submit(begin).add_done_callback(let_go)
    return answer


def _canonical(data: bytes) -> str:
    """The same for the same JSON, however it is spaced; else the bytes."""
    try:
        return msgspec.json.encode(msgspec.json.decode(data), order="sorted").decode()
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return data.hex()
