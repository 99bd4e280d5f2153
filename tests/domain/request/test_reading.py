"""Whatever comes through a door is a letter or is none, and whatever a letter says is a command or is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotARequest, Refused
from domain.request.asking import KINDS, asked
from domain.request.letter import STRUCTURED, letter_of, structured
from domain.request.message import Message, letter_in
from domain.ticket.commands import Command

ATTRIBUTES = {"specversion": "1.0", "type": "acta.request.open.v1", "source": "/hr", "id": "1"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = sorted({name for kind in KINDS.values() for name in kind.model_fields})
WHOLE = (*((f"ce_{name}", said.encode()) for name, said in ATTRIBUTES.items()),)
IN_ONE = (("content-type", STRUCTURED.encode()),)
READ = ["content-type", *(f"ce_{name}" for name in ATTRIBUTES), "CE_ID", "ce_", "traceparent"]
NAMES = st.sampled_from(READ) | st.text()
HANDLES = st.sampled_from([b"1.0", b"acta.request.open.v1", b"application/cloudevents+json", b"1", b"\xc3", b""])
VALUES = st.binary() | HANDLES | st.integers(0, 20_000).map(lambda size: b"x" * size)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=9)
KEYS = st.none() | st.binary() | st.sampled_from([b"HR-1", b"HR\x00", "HR\u202e1".encode(), b"\xff"])
EVENTS = st.dictionaries(st.sampled_from([*ATTRIBUTES, "partitionkey", "data", "data_base64"]), JSON)
BODIES = st.none() | st.binary() | (JSON | EVENTS).map(lambda found: json.dumps(found).encode())


@given(
    key=KEYS,
    whole=st.sampled_from([(), WHOLE, WHOLE[1:], IN_ONE]),
    headers=HEADERS,
    times=st.sampled_from([1, 1, 1, 8, 80]),
    value=BODIES,
)
def test_any_message_is_a_letter_or_none_and_any_letter_a_command_or_refused(key, whole, headers, times, value):
    letter, field = None, ""
    try:
        letter = letter_in("it", Message(key, (*whole, *headers * times), value))
    except NotARequest as refused:
        field = refused.particulars["field"]
    assert (letter is None) == bool(field)
    if letter is not None:
        assert letter.id.isascii()
        assert letter.reference
        must_be_answered(letter.type, letter.data)


@pytest.mark.parametrize(
    ("field", "key", "headers", "value"),
    [
        ("(headers)", b"HR-1", (*WHOLE, *((f"x{n}", b"") for n in range(61))), b"{}"),
        ("(headers)", b"HR-1", (*WHOLE, ("x", b"y" * 17_000)), b"{}"),
        ("(headers)", b"HR-1", (*WHOLE, ("y" * 17_000, b"")), b"{}"),
        ("(headers)", b"HR-1", (*WHOLE, ("x", b"\xff")), b"{}"),
        ("ce_id", b"HR-1", (*WHOLE, ("ce_id", b"2")), b"{}"),
        ("ce_id", b"HR-1", (*WHOLE, ("CE_ID", b"2")), b"{}"),
        ("content-type", b"HR-1", (*IN_ONE, ("Content-Type", b"text/plain")), b"{}"),
        ("id", b"HR-1", (*WHOLE[:-1], ("ce_id", "1\u200b".encode())), b"{}"),
        ("source", b"HR-1", (*WHOLE[:2], ("ce_source", "/h\u202er".encode()), *WHOLE[3:]), b"{}"),
        ("reference", b"HR\x00", WHOLE, b"{}"),
        ("reference", None, WHOLE, b"{}"),
        ("key", b"\xff", WHOLE, b"{}"),
        ("(body)", b"HR-1", WHOLE, None),
        ("(body)", b"HR-1", WHOLE, b" " * 10_000_000),
        ("(body)", b"HR-1", IN_ONE, b"[" * 1_000_000),
        ("(body)", b"HR-1", IN_ONE, b'"\xff"'),
        ("data_base64", b"HR-1", IN_ONE, b'{"data_base64": "e30="}'),
    ],
)
def test_what_is_no_request_is_refused_with_the_field_at_fault(field, key, headers, value):
    with pytest.raises(NotARequest) as refused:
        letter_in("it", Message(key, headers, value))
    assert refused.value.particulars["field"] == field


def test_a_header_that_comes_twice_and_says_the_same_is_read_once():
    assert letter_in("it", Message(b"HR-1", (*WHOLE, *WHOLE), b"{}")).id == "1"


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("malformed-body", b'{"title": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"),
        ("malformed-body", b'{"title": "\xff"}'),
        ("malformed-body", b'{"title": "\\ud800"}'),
        ("not-valid", b'{"title": "A laptop", "impact": ' + b"9" * 4000 + b"}"),
        ("not-valid", b'{"title": "A laptop", "impact": 1e400}'),
        ("not-valid", b'{"title": "A laptop", "form": {"n": 1e400}}'),
        ("not-valid", b'{"title": "A laptop", "form": {"n": ' + b"9" * 300 + b"}}"),
        ("not-valid", b'{"title": "' + b"x" * 1_000_000 + b'"}'),
        ("not-valid", b'{"title": "A laptop", "tags": [' + b'"x",' * 100_000 + b'"x"]}'),
    ],
)
def test_a_body_that_is_hostile_is_refused_with_its_code(code, data):
    with pytest.raises(Refused) as refused:
        asked(letter_of("it", ATTRIBUTES, "HR-1", data))
    assert refused.value.code == code


@given(kind=st.sampled_from(sorted(KINDS)), data=st.binary() | JSON.map(lambda found: json.dumps(found).encode()))
def test_any_body_is_a_command_or_is_refused(kind, data):
    must_be_answered(kind, data)


@given(kind=st.sampled_from(sorted(KINDS)), data=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_body_with_our_names_is_a_command_or_is_refused(kind, data):
    must_be_answered(kind, json.dumps(data).encode())


def must_be_answered(kind: str, data: bytes) -> None:
    try:
        command, *_ = asked(letter_of("it", {**ATTRIBUTES, "type": kind}, "HR-1", data))
    except Refused:
        return
    assert isinstance(command, Command)
    assert getattr(command, "department", "it") == "it"


@given(event=JSON | st.dictionaries(st.sampled_from([*ATTRIBUTES, "partitionkey", "data", "data_base64"]), JSON))
def test_any_json_is_a_letter_or_none(event):
    try:
        structured("it", json.dumps(event).encode())
    except NotARequest:
        return


@pytest.mark.parametrize("body", [b"{" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"9" * 100_000])
def test_depth_and_length_are_no_way_in(body):
    with pytest.raises(NotARequest):
        structured("it", body)
    with pytest.raises(Refused):
        asked(letter_of("it", ATTRIBUTES, "HR-1", body))
    with pytest.raises(NotARequest):
        letter_in("it", Message(b"HR-1", (("content-type", STRUCTURED.encode()),), body))


def test_a_body_is_that_of_its_command_without_what_the_door_decides():
    assert "department" not in KINDS["acta.request.open.v1"].model_fields
    for kind in KINDS.values():
        assert "signature" not in kind.model_fields


@pytest.mark.parametrize("reference", ["", "x" * 201, "HR\x00", "HR\u200b1", "HR\u202e1", "Ärger", "a\nb"])
def test_a_reference_is_printable_ascii(reference):
    with pytest.raises(NotARequest):
        letter_of("it", ATTRIBUTES, reference, b"{}")
