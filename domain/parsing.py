"""Reading what somebody sent as JSON: what it says, or the field and the rule that it breaks; never what was sent."""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import takewhile
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.errors import FieldFault, MalformedBody, NotValid

M = TypeVar("M", bound=BaseModel)
_LARGEST = 2**53
"""Beyond this, whole numbers differ between readers of JSON (RFC 8259, 6)."""


def parse(kind: type[M], body: bytes, *, strict: bool = True) -> M:
    """What a body says; refuses what is malformed, unknown or not valid, and never repeats it."""
    try:
        model = kind.model_validate_json(body or b"{}", strict=strict)
    except ValidationError as fault:
        faults = fault.errors(include_url=False, include_context=False, include_input=False)
        if any(one["type"] == "json_invalid" for one in faults):
            raise MalformedBody() from None
        raise not_valid(faults, kind) from None
    for name, field in kind.model_fields.items():
        value = getattr(model, name)
        if field.exclude and name in model.model_fields_set:
            # Only imports state these.
            raise NotValid(faults=[{"field": "body", "rule": "has a field that is not known here"}])
        if isinstance(value, dict) and not _is_plain(value):
            raise NotValid(
                faults=[{"field": f"body/{name}", "rule": "holds a number that JSON cannot carry everywhere"}]
            )
    return model


def _is_plain(value: Any) -> bool:
    """Whether every number in it means the same to every reader of JSON."""
    if isinstance(value, dict):
        return all(_is_plain(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return True


def not_valid(faults: Iterable[Mapping[str, Any]], body: type[BaseModel] | None = None) -> NotValid:
    """Fields and rules out of the faults that pydantic found, in a ``body`` of this kind or else in the address.

    What was sent is left out, and so are names that the caller chose: a place ends where they begin.
    """
    if body is None:
        return NotValid(faults=[_fault(fault, fault["loc"]) for fault in faults])
    return NotValid(faults=[_fault_of(fault, body) for fault in faults])


def _fault_of(fault: Mapping[str, Any], body: type[BaseModel]) -> FieldFault:
    """With the fields that a body may have, for whoever named another; what only an import states is not told."""
    said = _fault(fault, ("body", *_place_of(fault, body)))
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        said["known"] = sorted(name for name, field in body.model_fields.items() if not field.exclude)
    return said


def _fault(fault: Mapping[str, Any], place: Iterable[Any]) -> FieldFault:
    kind = fault["type"]
    rule = _RULES.get(kind, fault["msg"] if kind in _HARMLESS else kind.replace("_", " "))
    return FieldFault(field="/".join(map(str, place)), rule=rule, code=kind.replace("_", "-"))


def _place_of(fault: Mapping[str, Any], body: type[BaseModel]) -> Iterable[Any]:
    names = _names_in(body)
    return takewhile(lambda part: isinstance(part, int) or part in names, fault["loc"])


@cache
def _names_in(body: type[BaseModel]) -> frozenset[str]:
    """The names of the fields of a body, at any depth."""
    kinds_of_objects = [schema := body.model_json_schema(), *schema.get("$defs", {}).values()]
    return frozenset(name for found in kinds_of_objects for name in found.get("properties", {}))


_RULES = {
    "extra_forbidden": "has a field that is not known here",
    "timezone_aware": "needs a time zone, such as 2026-01-31T09:00:00Z",
    "datetime_parsing": "must be a time as RFC 3339 has it",
    "datetime_from_date_parsing": "must be a time as RFC 3339 has it",
    "datetime_type": "must be a time as RFC 3339 has it, in quotes",
    "json_invalid": "must be JSON",
    "value_error": "cannot be meant like this",
}
_HARMLESS = {
    "missing",
    "string_type",
    "string_too_short",
    "string_too_long",
    "int_type",
    "int_parsing",
    "bool_type",
    "bool_parsing",
    "greater_than_equal",
    "less_than_equal",
    "literal_error",
    "tuple_type",
    "dict_type",
    "model_type",
    "too_short",
    "too_long",
    "string_pattern_mismatch",
    "datetime_out_of_range",
}
"""Kinds whose message is made of the rule alone."""
