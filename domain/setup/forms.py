"""Forms of request types as JSON Schema (2020-12): what a form may say, and what is wrong with an answer.

Answers are checked while the desk decides, and everybody waits meanwhile. So a form is whole in itself: nothing is
fetched, nothing goes in circles, and patterns are matched by RE2, in time linear in the text whatever the pattern.
"""

from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import re2
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from domain.setup.formats import FORMATS

_OWN = "#/$defs/"
_QUIET = re2.Options()
_QUIET.log_errors = False


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


def must_match_in_linear_time(form: dict[str, Any]) -> None:
    """ValueError for a form with a pattern that cannot be matched without going back over the text."""
    for keyword, pattern in _patterns(form):
        if keyword == "patternProperties":
            raise ValueError("a form names its fields under properties: patternProperties is not possible")
        try:
            _compiled(pattern)
        except re2.error:
            raise ValueError(
                f"pattern {pattern!r} cannot be matched in linear time: lookarounds, backreferences and counts above"
                " 1000 are not possible"
            ) from None


def faults_of(form: dict[str, Any], answers: dict[str, Any]) -> Iterator[ValidationError]:
    """What is wrong with the answers to a form."""
    return _validator(form).iter_errors(answers)  # type: ignore[no-any-return]


def faults_of_field(form: dict[str, Any], field: str, answer: Any) -> Iterator[ValidationError]:
    """What is wrong with the answer to one field; nothing if the form does not know the field."""
    rule = (form.get("properties") or {}).get(field, True)
    return _validator(form).descend(answer, rule, path=field)  # type: ignore[no-any-return]


def _matches(_: Any, pattern: str, answer: Any, __: Any) -> Iterator[ValidationError]:
    """A pattern that was configured before it had to be linear matches nothing."""
    if not isinstance(answer, str):
        return
    try:
        found = _compiled(pattern).search(answer)
    except re2.error:
        found = None
    if not found:
        yield ValidationError("does not match the pattern")


_Linear: Any = extend(Draft202012Validator, {"pattern": _matches})  # type: ignore[no-untyped-call]


def _validator(form: dict[str, Any]) -> Any:
    return _Linear(form, format_checker=FORMATS)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, _QUIET)


def _patterns(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)
    if isinstance(schema, dict):
        for keyword, part in schema.items():
            if (keyword, type(part)) in (("pattern", str), ("patternProperties", dict)):
                yield keyword, part
            elif keyword not in ("enum", "const", "default", "examples"):
                yield from _patterns(part)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    if isinstance(schema, dict):
        for keyword, part in schema.items():
            if keyword in ("$ref", "$dynamicRef") and isinstance(part, str):
                yield part
            yield from _references(part)
