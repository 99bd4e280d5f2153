"""What was published of the topics is kept: today's schemas beside every edition in golden/contract/."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from published import broken, editions, today
from schema_promises import PREFIX, Promise

TODAY = today()
EDITIONS = editions()


def breaks(taken: bool, old: Any, new: Any, parts: Any = None) -> list[str]:
    return list(Promise(taken, parts or {}, parts or {}).broken(old, new))


@pytest.mark.parametrize("name", sorted(EDITIONS))
def test_what_was_published_is_kept(name: str):
    stem, _, version = name.rpartition(".v")
    following = f"{stem}.v{int(version) + 1}" if stem else f"{name}.v2"
    assert name in TODAY, f"{name} was published and is gone: describe it again, a superseded event as it was"
    for edition, old in enumerate(EDITIONS[name], 1):
        found = broken(old, TODAY[name])
        assert not found, (
            f"{name} breaks what tests/golden/contract/{name}-{edition}.json promised others:\n  "
            + "\n  ".join(found)
            + f"\nKeep it (a new field of a request is optional, a field of ours stays), or make {following} beside it."
            "\nNever edit the golden file."
        )


@pytest.mark.parametrize("name", sorted(TODAY))
def test_what_is_published_has_an_edition(name: str):
    newest = EDITIONS.get(name, [None])[-1]
    assert newest == TODAY[name], (
        f"{name} is new, or says more than its newest edition: `PYTHONPATH=tests python -m golden` adds one, to be"
        " kept from then on. If it adds none, see what test_what_was_published_is_kept says"
    )


TEXT = {"type": "string"}
NULL = {"type": "null"}


def thing(*required: str, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


CLOSED = {"additionalProperties": False}
IF_A, IF_B = ({"if": {"properties": {"kind": {"const": kind}}}, "then": thing("n", n=TEXT)} for kind in "ab")
KEPT: list[tuple[str, bool, Any, Any]] = [
    ("an optional field more in what we take", True, thing() | CLOSED, thing(a=TEXT) | CLOSED),
    ("a field more in what we send", False, thing("b", b=TEXT), thing("a", "b", a=TEXT, b=TEXT)),
    ("a field more where nothing more was said to come", False, thing() | CLOSED, thing(a=TEXT) | CLOSED),
    ("a field no longer required of others", True, thing("a", a=TEXT), thing(a=TEXT)),
    ("a field that is always there now", False, thing(a=TEXT), thing("a", a=TEXT)),
    ("a longer text may be sent to us", True, TEXT | {"maxLength": 3}, TEXT | {"maxLength": 4}),
    ("only shorter texts come from us", False, TEXT | {"maxLength": 4}, TEXT | {"maxLength": 3}),
    ("another value is taken", True, {"enum": [1]}, {"enum": [1, 2]}),
    ("a value comes no more", False, {"enum": [1, 2]}, {"enum": [1]}),
    ("nothing may be said instead", True, TEXT, {"anyOf": [TEXT, NULL]}),
    ("it is always said", False, {"anyOf": [TEXT, NULL]}, TEXT),
    ("whole numbers are numbers", True, {"type": "integer"}, {"type": "number"}),
    ("the order of choices", True, {"anyOf": [TEXT, NULL]}, {"oneOf": [NULL, TEXT]}),
    ("a choice as a list of types", False, {"anyOf": [TEXT, NULL]}, {"type": ["null", "string"]}),
    ("a value of a type", True, {"const": "a"}, TEXT),
    ("more is said of a kind", False, IF_A, {"allOf": [IF_B, IF_A]}),
    ("less is asked of a kind", True, {"allOf": [IF_A, IF_B]}, IF_B),
    ("one more sealed field", False, {"propertyNames": {"enum": ["a"]}}, {"propertyNames": {"enum": ["a", "b"]}}),
]
BROKEN: list[tuple[str, bool, Any, Any, str]] = [
    ("a required field more in what we take", True, thing(), thing("a", a=TEXT), ".a: is required now"),
    ("a field that becomes required", True, thing(a=TEXT), thing("a", a=TEXT), ".a: is required now"),
    ("a field less in what we take", True, thing(a=TEXT), thing(), ".a: is gone"),
    ("a field less in what we send", False, thing(a=TEXT), thing(), ".a: is gone"),
    ("a field that is sealed from now on", False, thing(a=TEXT), thing(a={"not": {}}), ".a: is gone"),
    ("a field that may be missing", False, thing("a", a=TEXT), thing(a=TEXT), ".a: may be missing now"),
    ("nothing but known fields is taken", True, thing(), thing() | CLOSED, ".*: is no longer taken"),
    ("another type taken", True, TEXT, {"type": "integer"}, ": was string, is integer"),
    ("another type sent", False, TEXT, {"type": "integer"}, ": was string, is integer"),
    ("fewer numbers taken", True, {"type": "number"}, {"type": "integer"}, ": was number, is integer"),
    ("more numbers sent", False, {"type": "integer"}, {"type": "number"}, ": was integer, is number"),
    ("nothing is no longer taken", True, {"anyOf": [TEXT, NULL]}, TEXT, ": was null, is string"),
    ("nothing may come", False, TEXT, {"anyOf": [TEXT, NULL]}, ": was string, is null"),
    ("a value less taken", True, {"enum": [1, 2]}, {"enum": [1]}, ": [2] no longer taken"),
    ("a value more sent", False, {"enum": [1]}, {"enum": [1, 2]}, ": [2] may come now"),
    ("only some values taken", True, TEXT, {"enum": ["a"]}, ": was string, is one of ['a']"),
    ("any value sent", False, {"enum": ["a"]}, TEXT, ": was one of ['a'], is string"),
    ("a shorter text taken", True, TEXT | {"maxLength": 4}, TEXT | {"maxLength": 3}, ": maxLength was 4, is 3"),
    ("a first limit", True, TEXT, TEXT | {"maxLength": 3}, ": maxLength was None, is 3"),
    ("an empty text no longer taken", True, TEXT, TEXT | {"minLength": 1}, ": minLength was None, is 1"),
    ("a longer text sent", False, TEXT | {"maxLength": 3}, TEXT | {"maxLength": 4}, ": maxLength was 3, is 4"),
    ("a larger number sent", False, {"maximum": 9}, {}, ": maximum was 9, is None"),
    ("a pattern asked for", True, TEXT, TEXT | {"pattern": "^a"}, ": pattern was None, is ^a"),
    ("a format not kept", False, TEXT | {"format": "uuid"}, TEXT, ": format was uuid, is None"),
    ("a keyword that nobody compared before", True, {}, {"contains": TEXT}, ": contains was None, is "),
    ("elements of another type", True, {"items": TEXT}, {"items": NULL}, "[]: was string, is null"),
    ("an element of a tuple", False, {"items": [TEXT]}, {"items": [NULL]}, "[0]: was string, is null"),
    ("a longer tuple", False, {"items": [TEXT]}, {"items": [TEXT, TEXT]}, ": is another tuple"),
    ("a value under any name", True, {"additionalProperties": TEXT}, {"additionalProperties": NULL}, ".*: was string"),
    ("a name's length", True, {}, {"propertyNames": {"maxLength": 9}}, ", names: maxLength was None, is 9"),
    ("a sealed field less", False, {"propertyNames": {"enum": ["a"]}}, {"propertyNames": {"enum": []}}, ".a: is gone"),
    ("nothing is said of a kind", False, {"allOf": [IF_A, IF_B]}, IF_B, ": nothing is promised now"),
    ("something is asked of a kind", True, IF_A, {"allOf": [IF_A, IF_B]}, ": is asked for now"),
    ("another type in a kind", False, IF_A, IF_A | {"then": thing("n", n=NULL)}, ".n: was string, is null"),
    ("a field less in a kind", True, IF_A, IF_A | {"then": thing()}, ".n: is gone"),
    ("a pattern of names", True, {"patternProperties": {"^a": TEXT}}, {"patternProperties": {}}, ": patternProperties"),
]


@pytest.mark.parametrize(("taken", "old", "new"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_what_breaks_nothing_may_change(taken: bool, old: Any, new: Any):
    assert breaks(taken, old, new) == []
    assert breaks(taken, thing(a={"items": old}), thing(a={"items": new})) == []


@pytest.mark.parametrize(
    ("taken", "old", "new", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_each_kind_of_breaking_change_is_found_wherever_it_is(taken: bool, old: Any, new: Any, said: str):
    def ways(schema: Any) -> list[tuple[Any, dict[str, Any]]]:
        return [
            (schema, {}),
            (thing(x=schema), {}),
            ({"$ref": PREFIX + "X"}, {"X": thing(x=schema)}),
            ({"allOf": [thing("y", y=TEXT), {"properties": {"x": schema}}]}, {}),
            ({"type": "array", "items": {"anyOf": [NULL, thing(x=schema)]}}, {}),
        ]

    for (before, old_parts), (after, new_parts) in zip(ways(old), ways(new), strict=True):
        (found,) = Promise(taken, old_parts, new_parts).broken(before, after)
        assert said in found


@pytest.mark.parametrize("name", sorted(TODAY))
def test_a_message_keeps_its_own_promise(name: str):
    assert broken(TODAY[name], TODAY[name]) == []


@pytest.mark.parametrize("name", sorted(name for name in TODAY if "$ref" in TODAY[name]["payload"]))
def test_a_message_that_loses_a_field_or_has_another_name_or_key_is_found(name: str):
    body = TODAY[name]["payload"]["$ref"].removeprefix(PREFIX)
    fields = TODAY[name]["schemas"][body]["properties"]
    for field in [field for field, said in fields.items() if said not in ({"not": {}}, {"const": ""})]:
        less = copy.deepcopy(TODAY[name])
        del less["schemas"][body]["properties"][field]
        assert f"payload.{field}: is gone" in broken(TODAY[name], less)
    assert broken(TODAY[name], TODAY[name] | {"name": "acta.other.v1"})
    assert broken(TODAY[name], TODAY[name] | {"key": {"type": "integer"}})


def test_a_schema_that_contains_itself_is_compared_once_around():
    def tree(leaf: Any) -> dict[str, Any]:
        return {"Tree": thing(leaf=leaf, twigs={"type": "array", "items": {"$ref": PREFIX + "Tree"}})}

    root = {"$ref": PREFIX + "Tree"}
    assert list(Promise(True, tree(TEXT), tree(TEXT)).broken(root, root)) == []
    assert list(Promise(True, tree(TEXT), tree(NULL)).broken(root, root)) == [".leaf: was string, is null"]


VALUES = [
    None,
    0,
    1,
    7,
    "",
    "a",
    "aaaa",
    [],
    ["a"],
    [1, "a"],
    {},
    {"a": 1},
    {"a": "a"},
    {"a": "a", "b": None},
    {"c": 7},
]
LEAVES = st.one_of(
    st.just({}),
    st.just(NULL),
    st.builds(lambda n: TEXT | {"maxLength": n}, st.integers(0, 4)),
    st.builds(lambda n: TEXT | {"minLength": n}, st.integers(0, 4)),
    st.builds(lambda n: {"type": "integer", "maximum": n}, st.integers(0, 7)),
    st.builds(lambda found: {"enum": found}, st.lists(st.sampled_from(VALUES[:7]), min_size=1, max_size=3)),
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    return st.one_of(
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
        st.builds(lambda one: {"type": "array", "items": one}, inner),
        st.builds(
            lambda found, needed, rest: thing(*needed, **found) | {"additionalProperties": rest},
            fields,
            st.sets(st.sampled_from("ab")),
            st.one_of(st.just(False), inner),
        ),
    )


SCHEMAS = st.recursive(LEAVES, _larger, max_leaves=4)


@given(SCHEMAS, SCHEMAS)
def test_what_was_valid_is_taken_as_long_as_no_break_is_found(old: Any, new: Any):
    lost = [value for value in valid(old) if value not in valid(new)]
    assert not lost or breaks(True, old, new)


@given(SCHEMAS, SCHEMAS)
def test_what_may_come_could_come_before_as_long_as_no_break_is_found(old: Any, new: Any):
    unheard = [value for value in valid(new) if value not in valid(to_who_ignores_what_they_do_not_know(old))]
    assert not unheard or breaks(False, old, new)


def valid(schema: Any) -> list[Any]:
    return [value for value in VALUES if Draft7Validator(schema).is_valid(value)]


def to_who_ignores_what_they_do_not_know(schema: Any) -> Any:
    if isinstance(schema, list):
        return [to_who_ignores_what_they_do_not_know(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        keyword: to_who_ignores_what_they_do_not_know(said)
        for keyword, said in schema.items()
        if (keyword, said) != ("additionalProperties", False)
    }
