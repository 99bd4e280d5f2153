"""Tickets to measure with, made through the desk."""

from collections import deque
from collections.abc import Iterable
from itertools import cycle, islice
from uuid import uuid4

from domain.desk import Desk, Order, Receipt
from domain.ticket.commands import COMMANDS
from tests.bench.place import BENCH

TEXT = "The printer on the second floor prints every page twice since the update of Monday morning. " * 3
_IN_FLIGHT = 64
_ALTERNATION = (
    ("assign", {"assignee": "alice"}),
    ("note", {"text": TEXT}),
    ("reply", {"text": TEXT}),
    ("hold", {"reason": "requester"}),
    ("resume", {}),
    ("assign", {"assignee": "bob"}),
)


def order(verb: str, ticket: str = "", **fields: object) -> Order:
    """One command of the bench's own."""
    return Order(command=COMMANDS[verb].model_validate(fields), principal=BENCH, ticket=ticket, channel="bench")


def opening() -> Order:
    """A ticket to be opened."""
    return order("open", department="it", title="Printer prints twice", description=TEXT)


_OPENING = opening()
_LIFE = [order(verb, **fields) for verb, fields in _ALTERNATION]


def life(commands: int) -> tuple[Order, ...]:
    """A ticket's opening and what follows, so many commands in all, one event each."""
    ticket = str(uuid4())
    given = [_OPENING, *islice(cycle(_LIFE), commands - 1)]
    return tuple(Order(command=one.command, principal=BENCH, ticket=ticket, channel="bench") for one in given)


def fill(desk: Desk, lengths: Iterable[int]) -> list[Receipt]:
    """Tickets of so many commands each."""
    flying = deque()
    receipts = []
    for length in lengths:
        if len(flying) >= _IN_FLIGHT:
            receipts.append(flying.popleft().result())
        flying.append(desk.submit(*life(length)))
    return receipts + [future.result() for future in flying]
