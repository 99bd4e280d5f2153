"""The AsyncAPI document: every event is described, what is stored fits, and what would tell of a person does not."""

import json
import os
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jsonschema import Draft7Validator

from consumers.asyncapi import checkpoints, document, events
from consumers.kafka.cloudevents import Envelope, key_of
from domain.envelope import EVENT_TYPES, personal_fields
from domain.store import codec, privacy
from domain.store.recorder import SealedEvent
from examples import ALICE, EXAMPLES, MONDAY, PERSON, TICKET

DOCUMENT: dict[str, Any] = json.loads(
    msgspec.json.encode(document([events("desk.events"), checkpoints("desk.checkpoints")]))
)
MESSAGES = DOCUMENT["components"]["messages"]


def valid(part: dict[str, Any], told: Any) -> bool:
    """Whether something is as a part of the document says."""
    return Draft7Validator(part | {"components": DOCUMENT["components"]}).is_valid(told)


def stored(name: str) -> bytes:
    """The bytes of an example, as they are stored and sent."""
    event = msgspec.structs.replace(EXAMPLES[name], act=ALICE)
    sealed, _ = privacy.seal(event, TICKET, 1, PERSON, AESGCM(os.urandom(32)))
    return codec.encode(sealed)


def test_every_event_is_a_message_of_one_topic_and_every_checkpoint_of_another():
    events, checkpoints = DOCUMENT["channels"].values()
    assert events["address"] == "desk.events"
    assert set(events["messages"]) == {*EVENT_TYPES, "head"}
    assert checkpoints["address"] == "desk.checkpoints"
    assert set(MESSAGES) - set(events["messages"]) == set(checkpoints["messages"]) == {"checkpoint"}
    assert DOCUMENT["operations"] == {
        f"send-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
        for name in ("events", "checkpoints")
    }


def test_every_reference_leads_somewhere():
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [part["$ref"]] if "$ref" in part else [r for one in part.values() for r in references(one)]
        return [r for one in part for r in references(one)] if isinstance(part, list) else []

    found = references(DOCUMENT)
    assert found
    for reference in found:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


@pytest.mark.parametrize("schema", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(schema):
    Draft7Validator.check_schema(DOCUMENT["components"]["schemas"][schema])


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_is_sent_is_what_is_described(name: str):
    body = stored(name)
    message = MESSAGES[name]
    assert valid(message["payload"], json.loads(body))
    event = SealedEvent(TICKET, 1, name, body, 7, MONDAY)
    headers = {header: value.decode() for header, value in Envelope("/acta").of_event(event, key_of(TICKET))}
    assert valid(message["headers"], headers)
    assert not valid(message["headers"], headers | {"ce_type": "acta.ticket.lost.v1"})


@pytest.mark.parametrize("name", [name for name in sorted(EXAMPLES) if personal_fields(EVENT_TYPES[name])])
def test_what_tells_of_a_person_is_sealed_and_said_to_be(name: str):
    body = json.loads(stored(name))
    message = MESSAGES[name]
    assert message["x-sealed"] == list(personal_fields(EVENT_TYPES[name]))
    assert set(body.get("seal", {"fields": {}})["fields"]) <= set(message["x-sealed"])
    for field in message["x-sealed"]:
        assert not valid(message["payload"], body | {field: "in the clear"})
    assert not valid(message["payload"], dict.fromkeys(body, "") | {"seal": {"fields": {"other": ""}}})


def test_a_head_has_nothing_in_it():
    event = SealedEvent(TICKET, 1, "ticket.noted.v1", b"{}", 7, MONDAY)
    headers = {header: value.decode() for header, value in Envelope("/acta").of_head(event, 3)}
    assert valid(MESSAGES["head"]["headers"], headers)
    assert valid(MESSAGES["head"]["payload"], {})
    assert not valid(MESSAGES["head"]["payload"], {"text": "x"})
