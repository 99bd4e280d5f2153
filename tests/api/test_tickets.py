"""Tickets over HTTP: commands, receipts, states of now and then, history and differences."""

from datetime import datetime, timedelta

import pytest

from desk_talk import done, opened, refused


@pytest.fixture
def house(shared_house):
    return shared_house


def test_an_opened_ticket_is_answered_with_its_receipt_and_address(rita):
    answer = rita.post("/tickets", json={"department": "it", "title": "VPN down"})
    receipt = answer.json()
    assert answer.status_code == 201
    assert receipt["events"][0] == "ticket.opened.v1"
    assert answer.headers["location"] == f"/tickets/{receipt['number']}"
    assert answer.headers["etag"] == f'"{receipt["version"]}"'
    assert answer.headers["acta-position"] == str(receipt["position"])


def test_every_ref_of_a_ticket_finds_it(alice):
    number = opened(alice)
    stream = alice.get(f"/tickets/{number}").json()["ticket"]
    assert alice.get(f"/tickets/%23{number}").json()["ticket"] == stream
    assert alice.get(f"/tickets/{stream}").json()["number"] == int(number)


def test_a_ticket_says_which_commands_are_possible_for_its_reader(alice, rita):
    number = opened(rita)
    assert {"assign", "note", "resolve"} <= set(alice.get(f"/tickets/{number}").json()["possible"])
    own = rita.get(f"/tickets/{number}").json()["possible"]
    assert {"reply", "close", "cancel", "watch"} <= set(own)
    assert not {"assign", "note", "resolve"} & set(own)


def test_a_refused_command_says_which_are_possible(alice):
    number = opened(alice)
    problem = refused(alice.post(f"/tickets/{number}/resume", json={}), 409, "ticket-is-elsewhere")
    assert "assign" in problem["possible"]
    assert problem["ticket_status"] == "new"


def test_a_ticket_is_shown_as_of_a_version_a_time_and_what_was_known(alice):
    number = opened(alice)
    first = alice.get(f"/tickets/{number}").json()
    done(alice, number, "assign", assignee="alice")
    last = alice.get(f"/tickets/{number}").json()
    assert last["assignee"] == "alice"
    assert alice.get(f"/tickets/{number}", params={"version": first["version"]}).json()["assignee"] == ""
    for axis in ("at", "known_at"):
        then = alice.get(f"/tickets/{number}", params={axis: first["recorded_at"]}).json()
        assert then["assignee"] == ""
        assert "possible" not in then


def test_a_backdated_act_shows_by_when_it_happened_and_by_when_it_was_known(admin):
    number = opened(admin)
    opened_at = datetime.fromisoformat(admin.get(f"/tickets/{number}").json()["opened_at"])
    done(admin, number, "note", text="later")
    done(admin, number, "assign", assignee="alice", occurred_at=(opened_at - timedelta(hours=1)).isoformat())
    state = admin.get(f"/tickets/{number}").json()
    assert state["assignee"] == "alice"
    assert admin.get(f"/tickets/{number}", params={"known_at": opened_at.isoformat()}).json()["assignee"] == ""


def test_a_version_yet_to_come_and_a_time_before_the_ticket_are_not_found(alice):
    number = opened(alice)
    refused(alice.get(f"/tickets/{number}", params={"version": 99}), 404, "event-not-found")
    refused(alice.get(f"/tickets/{number}", params={"at": "2001-01-01T00:00:00Z"}), 404, "ticket-not-found")


def test_a_history_is_paged_without_a_gap(alice):
    number = opened(alice)
    for n in range(5):
        done(alice, number, "note", text=f"note {n}")
    whole = alice.get(f"/tickets/{number}/events").json()
    assert whole["next"] is None
    found, after = [], 0
    while after is not None:
        page = alice.get(f"/tickets/{number}/events", params={"after": after, "limit": 2}).json()
        found += page["events"]
        after = page["next"]
    assert found == whole["events"]
    assert [event["version"] for event in found] == list(range(1, len(found) + 1))


def test_the_requesters_name_is_shown_to_who_may_read_the_ticket(alice, rita):
    number = opened(alice, requester={"email": "kim@example.org", "name": "Kim Koe"})
    assert alice.get(f"/tickets/{number}").json()["requester_name"] == "Kim Koe"


def test_a_command_that_names_an_old_version_is_refused_with_the_current_one(alice):
    number = opened(alice)
    version = alice.get(f"/tickets/{number}").json()["version"]
    done(alice, number, "assign", assignee="alice")
    answer = alice.post(f"/tickets/{number}/note", json={"text": "late"}, headers={"If-Match": f'"{version}"'})
    assert refused(answer, 412, "ticket-moved-on")["version"] == version + 1
    fresh = alice.post(f"/tickets/{number}/note", json={"text": "now"}, headers={"If-Match": f'"{version + 1}"'})
    assert fresh.status_code == 200


def test_a_repeated_request_is_carried_out_once_and_answered_alike(alice, admin):
    headers = {"Idempotency-Key": "monday-1"}
    body = {"department": "it", "title": "Once"}
    first = alice.post("/tickets", json=body, headers=headers)
    again = alice.post("/tickets", json=body, headers=headers)
    assert again.status_code == 201
    assert again.json()["number"] == first.json()["number"]
    assert again.headers["etag"] == first.headers["etag"]
    other = admin.post("/tickets", json=body, headers=headers)
    assert other.json()["number"] != first.json()["number"]


def test_a_refusal_is_repeated_too(alice):
    number = opened(alice)
    headers = {"Idempotency-Key": "too-early"}
    first = refused(alice.post(f"/tickets/{number}/resume", json={}, headers=headers), 409, "ticket-is-elsewhere")
    done(alice, number, "hold", reason="vendor")
    again = refused(alice.post(f"/tickets/{number}/resume", json={}, headers=headers), 409, "ticket-is-elsewhere")
    assert again == first


def test_who_acts_for_another_is_recorded_with_both(admin):
    number = opened(admin)
    headers = {"Acta-On-Behalf-Of": "kim", "Acta-Correlation-Id": "case-7"}
    assert admin.post(f"/tickets/{number}/note", json={"text": "x"}, headers=headers).status_code == 200
    event = admin.get(f"/tickets/{number}/events").json()["events"][-1]
    assert (event["actor"]["id"], event["on_behalf_of"], event["correlation_id"]) == ("root", "kim", "case-7")


def test_whoever_asks_for_the_head_gets_what_get_would_say_without_the_body(alice, admin):
    number = opened(alice)
    for path in (f"/tickets/{number}", "/healthz", "/openapi.json"):
        head = alice.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == alice.get(path).headers["content-length"]
    endless = admin.head("/events", headers={"Accept": "text/event-stream"})
    assert endless.headers["content-type"].startswith("text/event-stream")
    assert refused_head(alice.head("/nothing/here")) == 404
    assert refused_head(alice.head(f"/tickets/{number}/start")) == 405


def refused_head(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.content == b""
    return answer.status_code
