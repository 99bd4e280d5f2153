"""How events written under an earlier schema version are read today. They are never rewritten.

A changed event gets the next version in its name (``ticket.assigned.v2``), and its class takes that name. The class as
it was stays, without a ``TYPE``: what stands in the store and on the topics goes on being described by it. An upcast
from the old name stands here: a pure function from the old body (a JSON object) to the new one. Upcasts are chained.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from domain.envelope import Event

Body = dict[str, Any]
Upcast = Callable[[Body], Body]


class Superseded(NamedTuple):
    """An event type that is not written any more: as what it was written, the next name, how its body is turned."""

    was: type[Event]
    to: str
    turn: Upcast


UPCASTS: dict[str, Superseded] = {}
"""By the old type's name."""


def upcast_from(old: str, to: str, was: type[Event]) -> Callable[[Upcast], Upcast]:
    """Enter a function that turns a body of type ``old``, which ``was`` describes, into one of type ``to``."""

    def enter(function: Upcast) -> Upcast:
        if old in UPCASTS:
            raise TypeError(f"{old!r} is upcast already")
        UPCASTS[old] = Superseded(was, to, function)
        return function

    return enter


def upcast(type_name: str, body: Body) -> tuple[str, Body]:
    """The newest type name and body that follow from an old one."""
    while type_name in UPCASTS:
        _, type_name, function = UPCASTS[type_name]
        body = function(body)
    return type_name, body


def stored_names(types: Iterable[str]) -> list[str]:
    """The names under which events of these types may stand in the store: theirs, and the older ones."""
    found = dict.fromkeys(types)
    ahead = list(found)
    while ahead:
        newer = ahead.pop()
        older = [old for old, superseded in UPCASTS.items() if superseded.to == newer and old not in found]
        found |= dict.fromkeys(older)
        ahead += older
    return list(found)
