"""Legal holds over HTTP: who may place them, and what is shown of them to whom."""

import pytest

from desk_talk import opened, refused
from domain.access.events import AccessRead

GROUND = {"ground": "Petra Prosser sues."}


def placed(client, **fields) -> dict:
    answer = client.post("/record/holds", json=GROUND | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_hold_is_placed_listed_and_lifted(house, admin):
    number = opened(admin, requester={"email": "petra@example.org"})
    ticket = admin.get(f"/tickets/{number}").json()
    hold = placed(admin, name="Prosser", tickets=[number], persons=[ticket["requester"]], departments=["hr"])
    assert hold["tickets"] == [ticket["ticket"]]
    assert hold["in_force"] is True
    assert admin.get("/record/holds").json()["holds"] == [hold]
    lifted = admin.post(f"/record/holds/{hold['hold']}/lift", json={"reason": "Settled."})
    assert int(lifted.headers["acta-position"]) == house.desk.setup().position
    assert (lifted.json()["lifted_by"], lifted.json()["in_force"]) == ("root", False)
    assert [event.operation for event in house.desk.feed(0, 100) if isinstance(event, AccessRead)][-1] == "lift-hold"
    assert admin.get("/record/holds").json()["holds"] == []
    assert admin.get("/record/holds?all=true").json()["holds"] == [lifted.json()]
    refused(admin.post(f"/record/holds/{hold['hold']}/lift", json={"reason": "Settled."}), 409, "nothing-changes")


def test_a_repeated_request_places_no_second_hold(admin):
    headers = {"Idempotency-Key": "claim-1"}
    body = GROUND | {"departments": ["it"]}
    first = admin.post("/record/holds", json=body, headers=headers)
    again = admin.post("/record/holds", json=body, headers=headers)
    assert first.json() == again.json()
    other = admin.post("/record/holds", json=body | {"ground": "Another."}, headers=headers)
    refused(other, 422, "key-used-differently")
    assert len(admin.get("/record/holds").json()["holds"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "hold-covers-nothing"),
        ({"tickets": ["4711"]}, 404, "ticket-not-found"),
        ({"persons": ["00000000-0000-4000-8000-000000000007"]}, 422, "person-not-found"),
        ({"departments": ["moon"]}, 422, "department-not-found"),
        ({"departments": ["it"], "until": "2020-01-01T00:00:00Z"}, 409, "hold-ends-in-the-past"),
        ({"departments": ["it"], "ground": ""}, 422, "not-valid"),
    ],
)
def test_what_cannot_be_held_is_refused(admin, body, status, code):
    refused(admin.post("/record/holds", json=GROUND | body), status, code)


def test_holds_are_for_those_who_may_hold_everywhere(house, alice, rita):
    local = house.caller("local", "compliance", "it")
    audrey = house.caller("audrey", "compliance", "*")
    for caller in (alice, rita, local):
        refused(caller.post("/record/holds", json=GROUND | {"departments": ["it"]}), 403, "not-allowed")
        refused(caller.get("/record/holds"), 403, "not-allowed")
    assert placed(audrey, departments=["it"])["placed_by"] == "audrey"


def test_whoever_may_not_hold_reads_no_ground_in_the_journal_or_the_feed(house, admin):
    placed(admin, departments=["it"])
    house.catch_up()
    service = house.caller("mirror", "service", "*")
    house.grant("alice", "agent", "*")
    feed = service.get("/events?after=0&limit=1000").json()["events"]
    assert "setup.legal-hold-placed.v1" not in [event["type"] for event in feed]
    (line,) = admin.get("/audit?type=setup.legal-hold-placed.v1").json()["lines"]
    assert "Petra Prosser sues." in line["sentence"]
    assert "ground" not in line["content"]
