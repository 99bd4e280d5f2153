"""What became of a ticket between two moments: whole, in words, and no more than its reader may see."""

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import httpx
import pytest

from desk_talk import done, opened, refused


@pytest.fixture
def house(shared_house):
    return shared_house


def difference(client: httpx.Client, number: str, since: object, until: object = None, **more: str) -> dict[str, Any]:
    asked = {"from": str(since), **({} if until is None else {"to": str(until)}), **more}
    answer = client.get(f"/tickets/{number}/difference", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(found: dict[str, Any]) -> dict[str, str]:
    return {change["field"]: change["text"] for change in found["changes"]}


def version(client: httpx.Client, number: str) -> int:
    return int(client.get(f"/tickets/{number}").json()["version"])


def test_a_field_that_differs_is_told_with_old_and_new_and_no_other_is(alice):
    number = opened(alice)
    before = version(alice, number)
    done(alice, number, "assign", assignee="alice")
    found = difference(alice, number, before, before + 1)
    assert [(change["field"], change["old"], change["new"]) for change in found["changes"]] == [
        ("status", "new", "in_progress"),
        ("assignee", "", "alice"),
    ]
    assert texts(found) == {"status": "status: new → in progress", "assignee": "assignee: nothing → Alice Ames"}


def test_a_list_is_told_by_what_was_added_and_removed(alice):
    number = opened(alice)
    done(alice, number, "tag", tags=["old", "kept"])
    before = version(alice, number)
    done(alice, number, "untag", tags=["old"])
    done(alice, number, "tag", tags=["new"])
    (change,) = difference(alice, number, before)["changes"]
    assert (change["field"], change["added"], change["removed"]) == ("tags", ["“new”"], ["“old”"])
    assert change["text"] == "tags: added “new”; removed “old”"


def test_what_was_written_the_clocks_and_the_events_in_between_are_told(alice):
    number = opened(alice, requester={"email": "kim@example.org"})
    before = version(alice, number)
    done(alice, number, "reply", text="Please try the new profile.")
    done(alice, number, "note", text="Third case this week.")
    done(alice, number, "resolve", code="fixed", notes="It works.")
    found = difference(alice, number, before, timezone="Europe/Berlin")
    assert [(one["kind"], one["by"], one["text"]) for one in found["messages"]] == [
        ("reply", "Alice Ames", "Please try the new profile."),
        ("note", "Alice Ames", "Third case this week."),
    ]
    (clock,) = [one for one in found["clocks"] if one["clock"] == "resolution"]
    assert (clock["before"]["stage"], clock["after"]["stage"]) == ("running", "stopped")
    assert (clock["before"]["verdict"], clock["after"]["verdict"]) == ("undecided", "met")
    assert clock["before"]["due_at"] is not None
    assert [event["type"] for event in found["events"]][:2] == ["ticket.agent-replied.v1", "ticket.noted.v1"]
    for told in ("resolution notes: nothing → “It works.”", "Third case this week.", "before: running", "CE"):
        assert told in found["text"]
    assert all(event["sentence"] in found["text"] for event in found["events"])


def test_two_states_that_are_the_same_do_not_differ(alice):
    number = opened(alice)
    now = version(alice, number)
    found = difference(alice, number, now, now)
    assert (found["changes"], found["messages"], found["clocks"], found["events"]) == ([], [], [], [])
    assert "Nothing differs." in found["text"]


def test_times_and_versions_tell_the_same(alice):
    number = opened(alice)
    first = alice.get(f"/tickets/{number}").json()
    done(alice, number, "assign", assignee="alice")
    last = alice.get(f"/tickets/{number}").json()
    by_version = difference(alice, number, first["version"], last["version"])
    assert difference(alice, number, first["updated_at"], last["updated_at"]) == by_version
    assert difference(alice, number, first["version"])["changes"] == by_version["changes"]


def test_before_it_was_opened_all_of_a_ticket_is_new(alice):
    number = opened(alice, title="VPN down")
    found = difference(alice, number, "2001-01-01T00:00:00Z")
    assert found["from"]["version"] == 0
    assert texts(found)["title"] == "title: nothing → “VPN down”"
    assert texts(found)["department"] == "department: nothing → IT"
    assert "rating" not in texts(found)
    assert found["clocks"][0]["before"] is None
    assert "not there yet" in found["text"]


def test_moments_that_cannot_be_compared_are_refused(alice):
    number = opened(alice)
    done(alice, number, "note", text="x")
    refused(alice.get(f"/tickets/{number}/difference", params={"from": "2", "to": "1"}), 422, "not-valid")
    refused(alice.get(f"/tickets/{number}/difference", params={"from": "1", "to": "99"}), 404, "event-not-found")
    past = {"from": "2000-01-01T00:00:00Z", "to": "2001-01-01T00:00:00Z"}
    refused(alice.get(f"/tickets/{number}/difference", params=past), 404, "ticket-not-found")
    for nonsense in ("yesterday", "-1", "2026-01-01", "9" * 30, "2999-01-01T00:00:00Z", ""):
        refused(alice.get(f"/tickets/{number}/difference", params={"from": nonsense}), 422, "not-valid")
    zone = {"from": "1", "timezone": "Europe/Brelin"}
    refused(alice.get(f"/tickets/{number}/difference", params=zone), 422, "not-valid")


def test_what_was_not_known_then_does_not_count(admin):
    number = opened(admin)
    first = admin.get(f"/tickets/{number}").json()
    done(admin, number, "note", text="later")
    earlier = datetime.fromisoformat(first["opened_at"]) - timedelta(hours=1)
    done(admin, number, "assign", assignee="alice", occurred_at=earlier.isoformat())
    assert "assignee" in texts(difference(admin, number, 1))
    found = difference(admin, number, first["version"], known_at=first["recorded_at"])
    assert (found["changes"], found["messages"]) == ([], [])
    assert "as was known on" in found["text"]


def test_a_requester_is_told_of_their_ticket_what_they_see_of_it_and_no_more(alice, rita):
    number = opened(rita)
    before = version(alice, number)
    done(alice, number, "note", text="internalmurmur")
    done(alice, number, "tag", tags=["hushtag"])
    done(alice, number, "assign", assignee="alice", reason="hushreason")
    done(alice, number, "reply", text="Please try the new profile.")
    found = difference(rita, number, before)
    assert found["clocks"] is None
    assert {change["field"] for change in found["changes"]} == {"status", "assignee"}
    assert [one["text"] for one in found["messages"]] == ["Please try the new profile."]
    for hidden in ("murmur", "hush", "noted", "tagged"):
        assert hidden not in str(found)


def test_a_reader_who_may_not_read_notes_is_told_of_none(house, alice):
    crm = house.caller("crm", "service", "it", kind="service")
    number = opened(alice)
    done(alice, number, "note", text="internalmurmur")
    assert "murmur" not in str(difference(crm, number, 1))
    assert difference(crm, number, 1)["clocks"] is None


def test_a_ticket_that_the_reader_may_not_see_is_not_named(alice, henry, admin):
    number, hidden = opened(alice), opened(henry, "hr", title="salaryquestion")
    done(admin, number, "link", kind="relates", other=hidden)
    told = str(difference(alice, number, 1))
    assert f"#{hidden}" not in told
    assert "salary" not in told
    assert f"links: added relates #{hidden}" in difference(admin, number, 1)["text"]


def test_what_was_erased_is_told_as_changed_and_not_as_the_same(house, alice):
    number = opened(alice, title="firsttitle")
    before = version(alice, number)
    done(alice, number, "reply", text="erasedmessage")
    done(alice, number, "classify", title="secondtitle")
    stream = alice.get(f"/tickets/{number}").json()["ticket"]
    with house.views.connection() as owner:
        owner.execute("DELETE FROM acta.message_keys WHERE stream = %s", [stream])
    found = difference(alice, number, before)
    changes = {change["field"]: change for change in found["changes"]}
    assert changes["title"]["withheld"] == "erased"
    assert changes["title"]["text"] == "title: changed; what it says was erased"
    assert [one["withheld"] for one in found["messages"]] == ["erased"]
    assert "(erased)" in found["text"]
    for gone in ("firsttitle", "secondtitle", "erasedmessage"):
        assert gone not in str(found)


def test_any_two_versions_differ_in_just_the_fields_that_do(admin):
    number = opened(admin)
    acts: list[tuple[str, dict[str, Any]]] = [
        ("assign", {"assignee": "alice"}),
        ("tag", {"tags": ["a", "b"]}),
        ("prioritise", {"impact": 1, "urgency": 1}),
        ("hold", {"reason": "vendor"}),
        ("set-field", {"fields": {"floor": 3}}),
        ("untag", {"tags": ["a"]}),
        ("log-time", {"minutes": 15}),
        ("remind", {"at": "2099-03-01T09:00:00Z"}),
        ("escalate", {"kind": "hierarchical", "reason": "Late."}),
        ("resolve", {"code": "fixed"}),
        ("close", {}),
        ("rate", {}),
        ("reopen", {}),
        ("set-field", {"fields": {"floor": None}}),
    ]
    for verb, fields in acts:
        admin.post(f"/tickets/{number}/{verb}", json=fields)
    last = version(admin, number)
    assert last > 12
    states = {n: admin.get(f"/tickets/{number}", params={"version": n}).json() for n in range(1, last + 1)}
    beside = {"version", "updated_at", "recorded_at", "notes", "reminders_set", "group_changes", "public_replies"}
    for one, other in combinations(states, 2):
        old, new = states[one], states[other]
        expected = {name for name in new.keys() - beside if old[name] != new[name]}
        found = {change["field"].split(".")[0] for change in difference(admin, number, one, other)["changes"]}
        assert found == expected, (one, other)
