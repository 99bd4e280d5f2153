"""Forgetting over HTTP: who may order it, what it touches, what is refused, and that it reads erased everywhere."""

from collections.abc import Callable
from uuid import UUID

import pytest

from consumers.erasing import Eraser
from consumers.erasures import Erasures
from desk_talk import done, opened, refused
from domain.access.events import AccessRead
from domain.store.places import Directory
from projections.views import ALL

GROUND = {"ground": "GDPR Art. 17(1)(b): consent withdrawn"}
PETRA = {"email": "petra@example.org", "name": "Petra Prosser"}


@pytest.fixture
def house(build_house):
    """A desk that asks for its configuration, and what agents are called, each time."""
    house = build_house(setup_seconds=0.0)
    house.configure()
    return house


@pytest.fixture
def carry_out(house, database, tmp_path) -> Callable[[], None]:
    """What the eraser does."""
    eraser = Eraser(house.desk, database, ALL, Erasures(tmp_path / "erasures"), Directory(tmp_path / "attachments"))

    def carried_out() -> None:
        eraser.carry_out(eraser.waiting())

    return carried_out


@pytest.fixture
def carla(house):
    """A compliance officer of everywhere."""
    return house.caller("carla", "compliance", "*")


def test_a_redacted_message_reads_erased_in_every_answer(house, admin, alice, carla, carry_out):
    number = opened(alice, requester=PETRA, title="VPN drops")
    done(alice, number, "note", text="canary of the wrong person")
    version = int(alice.get(f"/tickets/{number}").json()["version"])
    house.catch_up()
    assert admin.get("/tickets?q=canary").json()["tickets"]
    answer = carla.post(f"/tickets/{number}/redact", json={"versions": [version], "reason": "wrong person"})
    assert answer.status_code == 200, answer.text
    carry_out()
    house.catch_up()
    for path in (f"/tickets/{number}", f"/tickets/{number}/events", f"/audit?ticket={number}", "/events?after=0"):
        assert "canary" not in admin.get(path).text
    assert admin.get("/tickets?q=canary").json()["tickets"] == []
    (event,) = [one for one in admin.get(f"/tickets/{number}/events").json()["events"] if one["version"] == version]
    assert (event["data"]["text"], event["withheld"]) == ("[erased]", "erased")
    assert "was erased" in event["sentence"]
    assert admin.get(f"/tickets/{number}").json()["title"] == "VPN drops"
    assert admin.get(f"/tickets/{number}").json()["redacted"] == [version]


def test_an_agent_may_not_redact_and_nobody_what_is_not_there(alice, carla):
    number = opened(alice)
    body = {"versions": [1], "reason": "wrong"}
    refused(alice.post(f"/tickets/{number}/redact", json=body), 403, "not-allowed")
    refused(carla.post(f"/tickets/{number}/redact", json=body | {"versions": [77]}), 404, "event-not-found")
    refused(carla.post(f"/tickets/{number}/redact", json=body | {"versions": []}), 422, "not-valid")


def test_a_person_is_forgotten_and_it_is_told_how_far_that_is(house, admin, alice, carla, carry_out):
    number = opened(alice, requester=PETRA, title="Petra is ill")
    done(alice, number, "note", text="Petra rang")
    person = admin.get(f"/tickets/{number}").json()["requester"]
    before = carla.get(f"/persons/{person}/erasure").json()
    assert (before["events"], before["holds"], before["orders"]) == (3, [], [])
    assert [(one["number"], one["events"]) for one in before["touched"]] == [(int(number), 2), (None, 1)]
    house.settle()
    (look,) = [
        event
        for event in house.desk.feed(0, 1000)
        if isinstance(event, AccessRead) and event.operation == "get-erasure"
    ]
    assert (look.persons, look.permission, look.act.actor.id) == ((UUID(person),), "record.erase", "carla")
    answer = carla.post(f"/persons/{person}/erase", json=GROUND)
    assert answer.status_code == 202
    assert answer.headers["acta-position"] == str(answer.json()["position"])
    (order,) = carla.get(f"/persons/{person}/erasure").json()["orders"]
    assert (order["by"]["id"], order["ground"], order["completed"]) == ("carla", GROUND["ground"], False)
    carry_out()
    house.catch_up()
    after = carla.get(f"/persons/{person}/erasure").json()
    assert (after["events"], after["orders"][0]["completed"]) == (0, True)
    shown = admin.get(f"/tickets/{number}").json()
    assert (shown["title"], shown["requester_name"]) == ("[erased]", "[erased]")
    for path in (f"/tickets/{number}/events", "/tickets", f"/audit?ticket={number}", "/events?after=0", "/audit"):
        text = admin.get(path).text
        assert "Petra" not in text
        assert "petra@" not in text
    assert "be forgotten, on the ground" in admin.get("/audit?type=person.erasure-ordered.v1").text
    assert "cleaned every view" in admin.get("/audit?type=erasure.completed.v1").text
    refused(carla.post(f"/persons/{person}/erase", json=GROUND), 409, "nothing-changes")


def test_an_agent_is_named_by_handle_and_told_as_one_afterwards(house, admin, alice, carla, carry_out):
    number = opened(alice)
    done(alice, number, "claim")
    assert "Alice Ames" in admin.get(f"/tickets/{number}/events").text
    assert carla.post("/persons/agent:alice/erase", json=GROUND).status_code == 202
    carry_out()
    events = admin.get(f"/tickets/{number}/events").text
    assert "Ames" not in events
    assert "alice took the ticket on" in events


def test_a_requester_who_was_forgotten_and_signs_in_again_is_somebody_else(house, rita, carla, admin, carry_out):
    number = opened(rita, title="before")
    person = rita.get(f"/tickets/{number}").json()["requester"]
    assert carla.post("/persons/requester:rita/erase", json=GROUND).status_code == 202
    carry_out()
    again = opened(rita, title="after")
    assert rita.get(f"/tickets/{again}").json()["requester"] != person
    refused(rita.get(f"/tickets/{number}"), 404, "ticket-not-found")


@pytest.mark.parametrize(
    "person", ["agent:nobody", "00000000-0000-4000-8000-000000000007", "5ec9e700-0000-4000-8000-000000000001"]
)
def test_nobody_is_not_found(carla, person):
    refused(carla.get(f"/persons/{person}/erasure"), 404, "not-known")
    refused(carla.post(f"/persons/{person}/erase", json=GROUND), 404, "not-known")


def test_a_person_is_forgotten_by_those_only_who_may_do_so_everywhere(house, alice):
    local = house.caller("lena", "compliance", "it")
    for client in (alice, local):
        refused(client.get("/persons/agent:alice/erasure"), 403, "not-allowed")
        refused(client.post("/persons/agent:alice/erase", json=GROUND), 403, "not-allowed")


def test_a_hold_forbids_it_and_is_named_by_its_id(admin, alice, carla):
    number = opened(alice, requester=PETRA)
    person = admin.get(f"/tickets/{number}").json()["requester"]
    hold = carla.post("/record/holds", json={"ground": "Prosser sues.", "tickets": [number]}).json()["hold"]
    assert carla.get(f"/persons/{person}/erasure").json()["holds"] == [hold]
    answer = refused(carla.post(f"/persons/{person}/erase", json=GROUND), 409, "under-legal-hold")
    assert answer["holds"] == [hold]
    assert "Prosser" not in str(answer)


def test_a_ground_is_needed(carla):
    refused(carla.post("/persons/agent:alice/erase", json={}), 422, "not-valid")
    refused(carla.post("/persons/agent:alice/erase", json={"ground": "x" * 201}), 422, "not-valid")
