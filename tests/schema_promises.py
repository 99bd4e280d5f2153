"""What a change of a JSON Schema breaks for those who were told the old one.

A schema of what we take promises that it goes on being taken: all that was valid must be valid. A schema of what we
send promises what can be relied upon: all that may come now must have been valid, except that readers ignore fields
they do not know. So the one must not narrow and the other not widen, and neither may lose a field. Nothing is promised
of a field that was not named, unless ``additionalProperties`` says of what form it is. What holds under a condition
(``if``, ``then``) is promised under that condition: what we send may keep to more of them, what we take to fewer.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft7Validator

Json = Any
Parts = Mapping[str, Json]

PREFIX = "#/components/schemas/"
NOTHING: Json = {"not": {}}
_AT_MOST = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_AT_LEAST = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_BY_THEIR_OWN_RULE = {
    *("type", "enum", "required", "properties", "patternProperties", "additionalProperties", "propertyNames"),
    *("items", "additionalItems", "conditions", *_AT_MOST, *_AT_LEAST),
}


@dataclass(frozen=True)
class Promise:
    """An old and a new schema compared; ``taken`` if others send it to us. The parts are what references lead to."""

    taken: bool
    old_parts: Parts
    new_parts: Parts

    def broken(self, old: Json, new: Json, where: str = "", seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """Each thing that is broken, named by its path; nothing, if the new schema keeps what the old one said."""
        pair = f"{old}{new}"
        if pair in seen:  # a schema that contains itself: it is being compared further up
            return
        seen |= {pair}
        told = alternatives(old, self.old_parts)
        now = alternatives(new, self.new_parts)
        must_fit, into = (told, now) if self.taken else (now, told)
        for one in must_fit:
            found = []
            for other in into:
                before, after = (one, other) if self.taken else (other, one)
                faults = list(self._of_one(before, after, where, seen))
                found.append((one.get("type") != other.get("type"), len(faults), faults))
            kept = any(not faults for *_, faults in found)
            nearest = [f"{where}: is no longer taken" if self.taken else f"{where}: is new"]
            yield from [] if kept else min(found, default=(True, 1, nearest))[-1]

    def _of_one(self, old: Json, new: Json, where: str, seen: frozenset[str]) -> Iterator[str]:
        narrow, wide, parts = (old, new, self.new_parts) if self.taken else (new, old, self.old_parts)
        if "enum" in narrow:
            conditions = [{"if": json.loads(said), "then": then} for said, then in _conditions(wide).items()]
            validator = Draft7Validator({**wide, "allOf": conditions, "components": {"schemas": parts}})
            lost = [value for value in narrow["enum"] if not validator.is_valid(value)]
            if lost:
                yield f"{where}: {lost} " + ("no longer taken" if self.taken else "may come now")
            return
        if "enum" in wide:
            yield f"{where}: was {_said(old)}, is {_said(new)}"
            return
        if "type" in wide and narrow.get("type") not in (wide["type"], "integer" if wide["type"] == "number" else ""):
            yield f"{where}: was {_said(old)}, is {_said(new)}"
            return
        for bound in _AT_MOST + _AT_LEAST:
            sign = 1 if bound in _AT_MOST else -1
            if bound in wide and (bound not in narrow or sign * narrow[bound] > sign * wide[bound]):
                yield f"{where}: {bound} was {old.get(bound)}, is {new.get(bound)}"
        for keyword in sorted(wide.keys() - _BY_THEIR_OWN_RULE):
            if narrow.get(keyword) != wide[keyword]:
                yield f"{where}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"
        yield from self._of_fields(old, new, where, seen)
        yield from self._of_elements(old, new, where, seen)
        before, after = _conditions(old), _conditions(new)
        for said in sorted(before.keys() | after.keys()):
            if said in before and said in after:
                yield from self.broken(before[said], after[said], f"{where}, if {said}", seen)
            elif said in (after if self.taken else before):
                yield f"{where}, if {said}: " + ("is asked for now" if self.taken else "nothing is promised now")

    def _of_fields(self, old: Json, new: Json, where: str, seen: frozenset[str]) -> Iterator[str]:
        narrow, wide = (old, new) if self.taken else (new, old)
        for name in sorted({*wide.get("required", ())} - {*narrow.get("required", ())}):
            yield f"{where}.{name}: " + ("is required now" if self.taken else "may be missing now")
        before, after = _fields(old), _fields(new)
        others = old.get("additionalProperties", True)
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                yield f"{where}.{name}: is gone"
            elif name in before:
                yield from self.broken(before[name], after[name], f"{where}.{name}", seen)
            elif isinstance(others, dict):
                yield from self.broken(others, after[name], f"{where}.{name}", seen)
        if self.taken or others is not False:
            rest = new.get("additionalProperties", True)
            yield from self.broken(others, rest, f"{where}.*", seen)
        patterns = old.get("patternProperties", {}), new.get("patternProperties", {})
        if patterns[0].keys() != patterns[1].keys():
            yield f"{where}: patternProperties were {sorted(patterns[0])}, are {sorted(patterns[1])}"
        for pattern in patterns[0].keys() & patterns[1].keys():
            yield from self.broken(patterns[0][pattern], patterns[1][pattern], f"{where}./{pattern}/", seen)
        names = old.get("propertyNames", True), new.get("propertyNames", True)
        if all(isinstance(said, dict) and "enum" in said for said in names):
            for name in sorted({*names[0]["enum"]} - {*names[1]["enum"]}):
                yield f"{where}.{name}: is gone"
        else:
            yield from self.broken(*names, f"{where}, names", seen)

    def _of_elements(self, old: Json, new: Json, where: str, seen: frozenset[str]) -> Iterator[str]:
        before, after = old.get("items", True), new.get("items", True)
        if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for place, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from self.broken(one, other, f"{where}[{place}]", seen)
            more = "additionalItems"
            yield from self.broken(old.get(more, True), new.get(more, True), f"{where}[…]", seen)
        elif isinstance(before, list) or isinstance(after, list):
            yield f"{where}: is another tuple"
        else:
            yield from self.broken(before, after, f"{where}[]", seen)


def alternatives(schema: Json, parts: Parts) -> list[Json]:
    """The schemas of which one must hold, each without a reference, a choice or a conjunction at its top."""
    if schema is False or schema == NOTHING:
        return []
    whole: list[Json] = [{}]
    schema = {} if schema is True else dict(schema)
    all_of = schema.pop("allOf", [])
    if "if" in schema:
        schema["conditions"] = {json.dumps(schema.pop("if"), sort_keys=True): schema.pop("then")}
    if "$ref" in schema:
        all_of = [*all_of, parts[schema.pop("$ref").removeprefix(PREFIX)]]
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if isinstance(schema.get("type"), list):
        all_of = [*all_of, {"anyOf": [{"type": kind} for kind in schema.pop("type")]}]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            options = [one for option in schema.pop(choice) for one in alternatives(option, parts)]
            whole = [_both(one, option) for one in whole for option in options]
    for part in all_of:
        whole = [_both(one, other) for one in whole for other in alternatives(part, parts)]
    return [_both(one, schema) for one in whole]


def _both(one: Json, other: Json) -> Json:
    met = {**one, **other}
    for keyword in one.keys() & other.keys():
        if keyword == "required":
            met[keyword] = sorted({*one[keyword], *other[keyword]})
        elif keyword == "properties":
            fields = one[keyword], other[keyword]
            met[keyword] = fields[0] | fields[1]
            for name in fields[0].keys() & fields[1].keys():
                met[keyword][name] = {"allOf": [fields[0][name], fields[1][name]]}
        elif keyword == "conditions" and not one[keyword].keys() & other[keyword].keys():
            met[keyword] = one[keyword] | other[keyword]
        elif one[keyword] != other[keyword]:
            raise ValueError(f"{keyword} is said twice, and differently: {one[keyword]}, {other[keyword]}")
    return met


def _fields(schema: Json) -> dict[str, Json]:
    return {name: said for name, said in schema.get("properties", {}).items() if said not in (False, NOTHING)}


def _conditions(schema: Json) -> dict[str, Json]:
    """What holds under a condition, by the condition as text."""
    found: dict[str, Json] = schema.get("conditions", {})
    return found


def _said(schema: Json) -> str:
    return f"one of {schema['enum']}" if "enum" in schema else str(schema.get("type", "anything"))
