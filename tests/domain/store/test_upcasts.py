"""An event whose class has moved on is read in today's shape, and its stored bytes stay."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from jsonschema import Draft7Validator

from consumers import asyncapi
from desks import open_desk, prepare
from domain.envelope import EVENT_TYPES, Event
from domain.errors import Unreadable
from domain.store import codec, upcasts
from domain.store.recorder import SealedEvent
from examples import MONDAY, TICKET


class ParcelSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel left, with its weight in grams; version 1 had kilograms, version 2 had no carrier."""

    TYPE = "parcel.sent.v3"

    grams: int
    carrier: str


class ParcelSentByMail(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The event as version 2 had it."""

    grams: int


class ParcelSentInKilograms(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The event as version 1 had it."""

    kilograms: float


del EVENT_TYPES["parcel.sent.v3"]  # it is no event of the desk's


@pytest.fixture(autouse=True)
def _old_versions() -> Iterator[None]:
    @upcasts.upcast_from("parcel.sent.v1", to="parcel.sent.v2", was=ParcelSentInKilograms)
    def _kilograms(body: dict[str, Any]) -> dict[str, Any]:
        return {"grams": round(body["kilograms"] * 1000)}

    @upcasts.upcast_from("parcel.sent.v2", to="parcel.sent.v3", was=ParcelSentByMail)
    def _carrier(body: dict[str, Any]) -> dict[str, Any]:
        return body | {"carrier": "unknown"}

    yield
    upcasts.UPCASTS.clear()
    EVENT_TYPES.pop("parcel.sent.v3", None)


def read(type_name: str, body: bytes) -> Event:
    EVENT_TYPES["parcel.sent.v3"] = ParcelSent
    return codec.decode(type_name, body, stream=TICKET, version=1, position=1, recorded_at=MONDAY)


def test_the_oldest_version_is_read_through_the_whole_chain():
    event = read("parcel.sent.v1", b'{"kilograms":1.25}')
    assert isinstance(event, ParcelSent)
    assert (event.grams, event.carrier, event.occurred_at) == (1250, "unknown", MONDAY)


def test_a_version_in_the_middle_is_read_from_there():
    event = read("parcel.sent.v2", b'{"grams":3}')
    assert isinstance(event, ParcelSent)
    assert event.carrier == "unknown"


def test_two_upcasts_from_one_version_are_a_mistake():
    with pytest.raises(TypeError):
        upcasts.upcast_from("parcel.sent.v1", to="parcel.sent.v3", was=ParcelSentByMail)(lambda body: body)


def test_who_asks_for_a_type_is_given_its_older_versions_too(database: str):
    EVENT_TYPES["parcel.sent.v3"] = ParcelSent
    prepare(database)
    with open_desk(database) as desk:
        body, stream = b'{"kilograms":1.25}', uuid4()
        desk.store.append([[SealedEvent(stream, 1, "parcel.sent.v1", body)]])
        (found,) = desk.store.page(0, 10, types=["parcel.sent.v3"])
        assert (found.topic, found.state) == ("parcel.sent.v1", body)


def test_every_version_that_may_stand_on_a_topic_is_described_as_it_was():
    EVENT_TYPES["parcel.sent.v3"] = ParcelSent
    described = json.loads(msgspec.json.encode(asyncapi.document([asyncapi.events("events")])))
    for version, body in ((1, {"kilograms": 1.25}), (2, {"grams": 3}), (3, {"grams": 3, "carrier": "post"})):
        name = f"parcel.sent.v{version}"
        assert name in described["channels"]["events"]["messages"]
        message = described["components"]["messages"][name]
        assert message["name"] == f"acta.{name}"
        schema = Draft7Validator({**message["payload"], "components": described["components"]})
        assert schema.is_valid({"act": {"actor": {"kind": "system", "id": ""}}, **body})
        assert not schema.is_valid({})


def test_what_cannot_be_read_says_where_and_never_what():
    with pytest.raises(Unreadable, match="position 1") as why:
        read("parcel.sent.v3", b'{"grams":"a secret"}')
    assert "secret" not in str(why.value)
