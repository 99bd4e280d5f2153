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
NAMES = st.sampled_from(["content-type", *(f"ce_{name}" for name in ATTRIBUTES), "traceparent"]) | st.text()
VALUES = st.binary() | st.sampled_from([b"1.0", b"acta.request.open.v1", b"application/cloudevents+json"])


@given(
    key=st.none() | st.binary(),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=9),
    value=st.none() | st.binary() | JSON.map(lambda found: json.dumps(found).encode()),
)
def test_any_message_is_a_letter_or_none(key, headers, value):
    try:
        letter = letter_in("it", Message(key, tuple(headers), value))
    except NotARequest:
        return
    assert letter.id.isascii()
    assert letter.reference


@given(kind=st.sampled_from(sorted(KINDS)), data=st.binary() | JSON.map(lambda found: json.dumps(found).encode()))
def test_any_body_is_a_command_or_is_refused(kind, data):
    must_be_answered(kind, data)


@given(kind=st.sampled_from(sorted(KINDS)), data=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_body_with_our_names_is_a_command_or_is_refused(kind, data):
    must_be_answered(kind, json.dumps(data).encode())


def must_be_answered(kind: str, data: bytes) -> None:
    try:
        command, _ = asked(letter_of("it", {**ATTRIBUTES, "type": kind}, "HR-1", data))
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
