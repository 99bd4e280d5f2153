"""Who gets in: API keys, their end, roles by department, and what refusals leave behind."""

from datetime import UTC, datetime, timedelta

import pytest

from consuming import until
from desk_talk import done, opened, refused
from domain.access.events import AccessRefused


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer acta_0123_nothing", "Bearer x.y.z", "Basic YTpi", "Bearer " + "x" * 20_000],
)
def test_what_is_no_valid_token_opens_nothing(stranger, header):
    answer = stranger.get("/tickets/1", headers={"Authorization": header} if header else {})
    assert refused(answer, 401, "not-authenticated")["title"] == "A valid credential is needed."


def test_a_key_is_issued_once_and_opens_until_it_is_revoked(house, admin):
    admin.put("/setup/grants/bob", json={"roles": {"agent": ["it"]}})
    issued = admin.post("/setup/keys", json={"holder": "bob"}).json()
    bob = house.client(issued["secret"])
    number = opened(bob)
    assert admin.get(f"/tickets/{number}").json()["opened_by"] == "bob"
    assert admin.delete(f"/setup/keys/{issued['key']}").status_code == 200
    refused(bob.get(f"/tickets/{number}"), 401, "not-authenticated")
    refused(admin.delete(f"/setup/keys/{issued['key']}"), 404, "key-not-found")


def test_a_repeated_request_for_a_key_issues_no_second_one(admin):
    headers = {"Idempotency-Key": "key-for-bob"}
    first = admin.post("/setup/keys", json={"holder": "bob"}, headers=headers)
    assert first.status_code == 201
    again = admin.post("/setup/keys", json={"holder": "bob"}, headers=headers)
    assert refused(again, 409, "key-issued-already")["key"] == first.json()["key"]
    other = admin.post("/setup/keys", json={"holder": "eve"}, headers=headers)
    refused(other, 422, "key-used-differently")


def test_no_key_is_issued_that_has_expired(admin):
    late = {"holder": "bob", "expires_at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
    (fault,) = refused(admin.post("/setup/keys", json=late), 422, "not-valid")["faults"]
    assert fault["field"] == "body/expires_at"


def test_an_expired_key_opens_nothing(house):
    house.grant("bob", "agent", "it")
    late = house.key("bob", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    refused(house.client(late).get("/tickets/1"), 401, "not-authenticated")


def test_what_another_process_revokes_is_closed_here_within_a_second(build_house, house):
    other = build_house()
    house.grant("bob", "agent", "it")
    token = house.key("bob")
    bob = other.client(token)
    key = token.split("_")[1]
    until(lambda: bob.get("/tickets/1").status_code == 404)
    admin = house.caller("root", "admin", "*")
    assert admin.delete(f"/setup/keys/{key}").status_code == 200
    until(lambda: bob.get("/tickets/1").status_code == 401)
    refused(bob.get("/tickets/1"), 401, "not-authenticated")


def test_a_grant_taken_back_closes_what_it_opened(admin, alice):
    number = opened(alice)
    assert admin.put("/setup/grants/alice", json={"roles": {}}).json()["changed"] is True
    refused(alice.get(f"/tickets/{number}"), 403, "not-allowed")


def test_a_role_reaches_no_further_than_its_permissions(house, alice, rita):
    analyst = house.caller("ann", "analyst", "it")
    number = opened(alice)
    refused(analyst.get(f"/tickets/{number}"), 403, "not-allowed")
    refused(alice.get("/setup/keys"), 403, "not-allowed")
    refused(alice.get("/events"), 403, "not-allowed")
    refused(alice.post(f"/tickets/{number}/correct", json={"fields": {"priority": 1}, "why": "x"}), 403, "not-allowed")
    refused(rita.get("/setup"), 403, "not-allowed")


def test_who_configures_one_department_cannot_grant_themselves_the_others(house):
    local = house.caller("local", "admin", "it")
    refused(local.put("/setup/grants/local", json={"roles": {"admin": ["*"]}}), 403, "not-allowed")
    refused(local.post("/setup/keys", json={"holder": "root"}), 403, "not-allowed")
    refused(local.get("/setup/keys"), 403, "not-allowed")


def test_only_who_may_act_for_others_says_so(rita, alice):
    headers = {"Acta-On-Behalf-Of": "kim"}
    refused(rita.post("/tickets", json={"department": "it", "title": "x"}, headers=headers), 403, "not-allowed")
    refused(
        rita.post("/tickets", json={"department": "it", "title": "x", "requester": {"email": "k@example.org"}}),
        403,
        "not-allowed",
    )
    assert alice.post("/tickets", json={"department": "it", "title": "x"}, headers=headers).status_code == 201


def test_requests_without_a_token_are_counted_and_recorded_as_one_fact(house, stranger):
    before = house.desk.store.head()
    for _ in range(5):
        stranger.get("/tickets/1")
    house.close()
    house.settle()
    recorded = [event for event in house.desk.feed(before, 10) if isinstance(event, AccessRefused)]
    assert [(event.code, event.count) for event in recorded] == [("not-authenticated", 5)]
    assert "127.0.0.1" not in recorded[0].origin


def test_a_requester_finishes_and_rates_their_own_ticket_only(alice, rita):
    number, other = opened(rita), opened(alice)
    done(alice, number, "resolve", code="fixed")
    done(rita, number, "close")
    done(rita, number, "rate", score=5)
    refused(rita.post(f"/tickets/{other}/close", json={}), 404, "ticket-not-found")
    refused(alice.post(f"/tickets/{number}/rate", json={"score": 1}), 403, "not-allowed")


def test_reaching_for_a_closed_department_is_recorded_and_a_mistyped_name_is_not(house, alice):
    number = opened(alice)
    before = house.desk.store.head()
    refused(alice.post(f"/tickets/{number}/assign", json={"assignee": "alicia"}), 422, "agent-not-found")
    refused(alice.post("/tickets", json={"department": "moon", "title": "x"}), 422, "department-not-found")
    refused(alice.post("/tickets", json={"department": "hr", "title": "x"}), 422, "department-not-found")
    recorded = [event for event in house.desk.feed(before, 10) if isinstance(event, AccessRefused)]
    assert [(event.code, event.department) for event in recorded] == [("department-not-found", "hr")]
