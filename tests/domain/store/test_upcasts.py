"""An event whose class has moved on is read in today's shape, and its stored bytes stay."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.envelope import EVENT_TYPES, Event
from domain.errors import Unreadable
from domain.store import codec, upcasts
from examples import MONDAY, TICKET


class ParcelSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel left, with its weight in grams; version 1 had kilograms, version 2 had no carrier."""

    TYPE = "parcel.sent.v3"

    grams: int
    carrier: str


del EVENT_TYPES["parcel.sent.v3"]  # it is no event of the desk's


@pytest.fixture(autouse=True)
def _old_versions() -> Iterator[None]:
    @upcasts.upcast_from("parcel.sent.v1", to="parcel.sent.v2")
    def _kilograms(body: dict[str, Any]) -> dict[str, Any]:
        return {"grams": round(body["kilograms"] * 1000)}

    @upcasts.upcast_from("parcel.sent.v2", to="parcel.sent.v3")
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
        upcasts.upcast_from("parcel.sent.v1", to="parcel.sent.v3")(lambda body: body)


def test_what_cannot_be_read_says_where_and_never_what():
    with pytest.raises(Unreadable, match="position 1") as why:
        read("parcel.sent.v3", b'{"grams":"a secret"}')
    assert "secret" not in str(why.value)
