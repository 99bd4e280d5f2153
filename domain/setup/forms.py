"""Forms of request types as JSON Schema (2020-12): what a form may refer to.

Answers are checked while the desk decides, so a form is whole in itself: nothing is fetched, nothing goes in circles.
"""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

_OWN = "#/$defs/"


def must_refer_to_itself_only(form: dict[str, Any]) -> None:
    """ValueError for a form that refers to anything but its own ``$defs``, or to one of those in a circle."""
    parts = form.get("$defs", {})
    for target in _references(form):
        if not target.startswith(_OWN) or target.removeprefix(_OWN) not in parts:
            raise ValueError("a form may refer to its own $defs only, as '#/$defs/<name>'")
    named = {name: {target.removeprefix(_OWN) for target in _references(part)} for name, part in parts.items()}
    try:
        TopologicalSorter(named).prepare()
    except CycleError:
        raise ValueError("the $defs of a form must not refer to each other in a circle") from None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    if isinstance(schema, dict):
        for keyword, part in schema.items():
            if keyword in ("$ref", "$dynamicRef") and isinstance(part, str):
                yield part
            yield from _references(part)
