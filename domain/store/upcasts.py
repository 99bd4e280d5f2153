"""How events written under an earlier schema version are read today. They are never rewritten.

A changed event gets the next version in its name (``ticket.assigned.v2``), its class takes that name, and an upcast
from the old name stands here: a pure function from the old body (a JSON object) to the new one. Upcasts are chained.
"""

from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Upcast = Callable[[Body], Body]

UPCASTS: dict[str, tuple[str, Upcast]] = {}
"""Old type name → (next type name, function)."""


def upcast_from(old: str, to: str) -> Callable[[Upcast], Upcast]:
    """Enter a function that turns a body of type ``old`` into one of type ``to``."""

    def enter(function: Upcast) -> Upcast:
        if old in UPCASTS:
            raise TypeError(f"{old!r} is upcast already")
        UPCASTS[old] = (to, function)
        return function

    return enter


def upcast(type_name: str, body: Body) -> tuple[str, Body]:
    """The newest type name and body that follow from an old one."""
    while type_name in UPCASTS:
        type_name, function = UPCASTS[type_name]
        body = function(body)
    return type_name, body
