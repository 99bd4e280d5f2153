"""Leaks: what one may not see reaches them by no list, search, feed, past state, history, difference or error."""

import json
from typing import Any

import httpx
import psycopg
import pytest

from desk_files import attached, uploaded
from desk_talk import done, opened, refused
from domain.access.principal import system
from domain.envelope import Act
from domain.setup.events import PolicyVersioned

NOTE = "internalmurmur"
REASON = "hushreason"
TITLE = "salaryquestion"
SECRET = "hushfile.txt"
ACT = Act(actor=system("test").actor, channel="test")


def everywhere(client: httpx.Client, number: str) -> str:
    """Whatever this caller can get that might tell of a ticket, in one text."""
    last = "9007199254740991"
    addresses: list[tuple[str, dict[str, Any]]] = [
        (f"/tickets/{number}", {}),
        (f"/tickets/{number}", {"version": 2}),
        (f"/tickets/{number}", {"at": "2100-01-01T00:00:00Z"}),
        (f"/tickets/{number}", {"known_at": "2100-01-01T00:00:00Z"}),
        (f"/tickets/{number}/events", {"limit": 1000}),
        (f"/tickets/{number}/difference", {"from": "1", "to": "3"}),
        (f"/tickets/{number}/attachments", {}),
        (f"/tickets/{number}/clocks", {}),
        ("/tickets", {"state": "any"}),
        ("/tickets", {"state": "any", "own": True}),
        ("/tickets", {"state": "any", "at": "2100-01-01T00:00:00Z"}),
        *(("/tickets", {"state": "any", "q": word}) for word in (NOTE, REASON, TITLE, SECRET)),
        ("/queues", {"state": "any"}),
        ("/queues/it/tickets", {"state": "any"}),
        ("/queues/hr/tickets", {"state": "any"}),
        ("/sla/clocks", {"status": "running,paused,at_risk,breached,met"}),
        ("/events", {"limit": 1000}),
        ("/events", {"after": last}),
    ]
    return "\n".join(client.get(path, params=params).text for path, params in addresses)


def test_an_internal_note_never_reaches_a_requester(house, alice, rita):
    number = opened(rita, title=TITLE)
    done(alice, number, "note", text=NOTE)
    done(alice, number, "assign", assignee="alice", reason=REASON)
    done(alice, number, "hold", reason="vendor", comment=REASON)
    done(alice, number, "tag", tags=["hush-tag"])
    house.catch_up()
    told = everywhere(rita, number)
    assert TITLE in told
    for hidden in (NOTE, REASON, "ticket.noted", "hush-tag"):
        assert hidden not in told


def test_an_internal_note_never_reaches_a_service_that_may_not_read_notes(house, alice):
    crm = house.caller("crm", "service", "it", kind="service")
    number = opened(alice, title=TITLE)
    done(alice, number, "note", text=NOTE)
    house.catch_up()
    told = everywhere(crm, number)
    assert TITLE in told
    assert NOTE not in told
    assert "ticket.noted" not in told
    assert '"notes"' not in told


def test_a_ticket_of_another_department_reaches_nobody_of_this_one(house, alice, henry):
    number = opened(henry, "hr", title=TITLE)
    stream = henry.get(f"/tickets/{number}").json()["ticket"]
    done(henry, number, "note", text=NOTE)
    house.catch_up()
    told = everywhere(alice, number)
    for hidden in (NOTE, TITLE, stream):
        assert hidden not in told


def test_a_ticket_of_another_requester_does_not_exist_for_this_one(house, rita):
    tom = house.caller("tom", "requester", "it", kind="requester")
    number = opened(rita, title=TITLE)
    house.catch_up()
    assert TITLE not in everywhere(tom, number)
    for verb in ("reply", "close", "cancel", "watch"):
        body = {"text": "x"} if verb == "reply" else {}
        refused(tom.post(f"/tickets/{number}/{verb}", json=body), 404, "ticket-not-found")


def test_what_is_hidden_and_what_is_not_there_are_told_alike(alice, henry):
    number = opened(henry, "hr")
    hidden, missing = alice.get(f"/tickets/{number}"), alice.get("/tickets/99999")
    assert hidden.content == missing.content
    assert dict(hidden.headers) | {"date": ""} == dict(missing.headers) | {"date": ""}
    body = {"text": "x"}
    one, other = alice.post(f"/tickets/{number}/note", json=body), alice.post("/tickets/99999/note", json=body)
    assert one.content == other.content


def test_a_ticket_that_was_handed_over_is_gone_for_its_old_department_in_the_past_as_well(house, alice, henry, admin):
    number = opened(alice, title=TITLE)
    before = admin.get(f"/tickets/{number}").json()["updated_at"]
    done(admin, number, "transfer", department="hr")
    house.catch_up()
    refused(alice.get(f"/tickets/{number}"), 404, "ticket-not-found")
    refused(alice.get(f"/tickets/{number}", params={"at": before}), 404, "ticket-not-found")
    listed = alice.get("/tickets", params={"at": before, "state": "any"})
    assert TITLE not in listed.text
    clocks = alice.get("/sla/clocks", params={"at": before})
    assert clocks.json()["clocks"] == []
    assert TITLE in henry.get(f"/tickets/{number}", params={"at": before}).text


def test_where_a_ticket_is_today_decides_who_counts_it_then(house, alice, henry, admin):
    number = opened(alice, title=TITLE)
    done(admin, number, "resolve", code="fixed")
    before = admin.get(f"/tickets/{number}").json()["updated_at"]
    done(admin, number, "reopen", reason="again")
    done(admin, number, "transfer", department="hr")
    house.catch_up()

    def told(client: httpx.Client) -> list[int]:
        ended = {"state": "any", "at": before}
        met = {"status": "running,paused,at_risk,breached,met"}
        period = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
        return [
            len(client.get("/tickets", params=ended).json()["tickets"]),
            len(client.get("/tickets", params={**ended, "q": TITLE}).json()["tickets"]),
            len(client.get("/queues/it/tickets", params=ended).json()["tickets"]),
            sum(row["tickets"] for row in client.get("/queues", params=ended).json()["queues"]),
            len(client.get("/sla/clocks", params={**met, "at": before}).json()["clocks"]),
            sum(
                share["decided"]
                for share in client.get("/sla/attainment", params={**period, "at": before}).json()["shares"]
            ),
        ]

    assert told(alice) == [0, 0, 0, 0, 0, 0]
    assert told(henry) == [1, 1, 1, 1, 1, 1]


def test_a_clock_that_ended_goes_where_its_ticket_goes(house, alice, henry, admin):
    targets = {"first_response": {"calendar_minutes": 30}, "resolution": {"calendar_minutes": 60}}
    promised = PolicyVersioned(
        policy="standard", policy_version=2, calendar="always", calendar_version=1, terms={"targets": targets}
    )
    house.desk.configure(lambda _: [promised], ACT)
    number = opened(alice, title=TITLE)
    done(admin, number, "reply", text="We look into it.")
    done(admin, number, "transfer", department="hr")
    house.catch_up()
    period = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    for client, expected in ((alice, 0), (henry, 1)):
        assert len(client.get("/sla/clocks", params={"status": "met"}).json()["clocks"]) == expected
        shares = client.get("/sla/attainment", params=period).json()["shares"]
        assert sum(share["decided"] for share in shares) == expected


def test_a_reply_that_is_passed_on_tells_nothing_of_a_ticket_one_may_not_see(admin, rita):
    mine, others = opened(rita), opened(admin, "hr")
    stream = admin.get(f"/tickets/{others}").json()["ticket"]
    done(admin, mine, "merge", into=others)
    receipt = done(rita, mine, "reply", text="It is worse now.")
    assert (str(receipt["number"]), stream in str(receipt)) == (mine, False)
    assert admin.get(f"/tickets/{others}").json()["requester_replies"] == 1


def test_who_answers_for_the_desk_is_never_told_as_the_requester(admin, alice, rita):
    mine, others = opened(rita), opened(admin, "hr")
    done(admin, mine, "merge", into=others)
    version = admin.get(f"/tickets/{others}").json()["version"]
    refused(alice.post(f"/tickets/{mine}/reply", json={"text": "We are on it."}), 403, "not-allowed")
    assert admin.get(f"/tickets/{others}").json()["version"] == version


def test_what_is_written_to_a_merged_ticket_too_late_is_taken_up_for_whoever_wrote(admin, rita):
    mine, others = opened(rita), opened(admin, "hr")
    done(admin, mine, "merge", into=others)
    done(admin, others, "cancel")
    number = str(done(rita, mine, "reply", text=NOTE)["opened"])
    told = rita.get(f"/tickets/{number}").json()
    assert (told["title"], told["description"]) == (f"Follow-up of #{mine}", NOTE)


def test_a_link_to_a_ticket_one_may_not_see_is_not_shown(admin, alice):
    mine, other = opened(admin), opened(admin, "hr")
    done(admin, mine, "link", kind="relates", other=other)
    stream = admin.get(f"/tickets/{other}").json()["ticket"]
    assert len(admin.get(f"/tickets/{mine}").json()["links"]) == 1
    assert alice.get(f"/tickets/{mine}").json()["links"] == []
    assert stream not in alice.get(f"/tickets/{mine}/events").text


def test_a_sealed_field_is_sealed_in_what_is_stored(alice, database):
    opened(alice, title=TITLE, description=NOTE)
    with psycopg.connect(database) as owner:
        bodies = b"".join(bytes(body) for (body,) in owner.execute("SELECT body FROM acta.events").fetchall())
    assert TITLE.encode() not in bodies
    assert NOTE.encode() not in bodies


def test_answers_to_a_form_that_tell_of_a_person_are_sealed_and_read_again(house, alice, admin, database):
    form = {"properties": {"system": {"enum": ["vpn", "crm"]}, "reason": {"type": "string"}}}
    put = admin.put("/setup/request-types/access", json={"name": "Access", "department": "it", "form": form})
    assert put.status_code == 200, put.text
    number = opened(alice, request_type="access", form={"system": "vpn", "reason": "my mother's house"})
    told = alice.get(f"/tickets/{number}").json()
    assert told["fields"] == {"system": "vpn", "reason": "my mother's house"}
    assert told["personal"] == ["reason"]
    with psycopg.connect(database) as owner:
        bodies = b"".join(bytes(body) for (body,) in owner.execute("SELECT body FROM acta.events").fetchall())
    assert b"vpn" in bodies
    assert b"mother" not in bodies
    house.catch_up()
    assert [row["number"] for row in alice.get("/tickets").json()["tickets"]] == [int(number)]


def test_a_keys_digest_is_in_no_feed_and_no_list(house, admin):
    answer = admin.post("/setup/keys", json={"holder": "alice"})
    secret = answer.json()["secret"]
    digests = [key.digest for key in house.desk.setup().keys.values()]
    told = admin.get("/events", params={"limit": 1000}).text + admin.get("/setup/keys").text + admin.get("/setup").text
    assert "setup.api-key-issued.v1" in told
    assert secret not in told
    assert not [digest for digest in digests if digest in told]


def test_refusals_are_recorded_without_what_was_sent(house, alice, henry, rita):
    number = opened(henry, "hr")
    before = house.desk.store.head()
    alice.post(f"/tickets/{number}/note", json={"text": NOTE})
    alice.get(f"/tickets/{number}")
    rita.get("/events")
    house.settle()
    recorded = [event for event in house.desk.feed(before, 100) if event.TYPE == "access.refused.v1"]
    assert [(event.act.actor.id, event.code) for event in recorded] == [
        ("alice", "ticket-not-found"),
        ("alice", "ticket-not-found"),
        ("rita", "not-allowed"),
    ]
    assert NOTE not in str(recorded)


def test_a_log_holds_nothing_of_what_people_write(caplog, house, alice, rita):
    caplog.set_level("DEBUG")
    number = opened(alice, title=TITLE)
    done(alice, number, "note", text=NOTE)
    alice.get("/tickets", params={"q": NOTE})
    rita.get(f"/tickets/{number}")
    for hidden in (TITLE, NOTE):
        assert hidden not in "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")


@pytest.mark.parametrize("path", ["/tickets/{}", "/tickets/{}/events"])
def test_nothing_is_shown_without_a_token(alice, stranger, path):
    number = opened(alice, title=TITLE)
    answer = stranger.get(path.format(number))
    refused(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TITLE not in json.dumps(answer.json())


def test_an_internal_file_never_reaches_a_requester_or_who_reads_no_notes(
    house, alice: httpx.Client, rita: httpx.Client
) -> None:
    crm = house.caller("crm", "service", "it", kind="service")
    number = opened(rita)
    file = attached(alice, number, b"for us alone", SECRET, internal=True)
    shown = attached(alice, number, b"for all", "shown.txt")
    supervisor = house.caller("bob", "supervisor", "it")
    done(alice, number, "quarantine", attachment=file, reason="hushreason")
    done(supervisor, number, "release-attachment", attachment=file, reason="hushreason")
    house.catch_up()
    version = alice.get(f"/tickets/{number}/attachments").json()["attachments"][0]["version"]
    for other in (rita, crm):
        told = everywhere(other, number)
        assert "shown.txt" in told
        for hidden in (SECRET, file, "hushreason", '"internal":true'):
            assert hidden not in told
        for named in (file, str(version)):
            refused(other.get(f"/tickets/{number}/attachments/{named}"), 404, "attachment-not-found")
        assert other.get(f"/tickets/{number}/attachments/{shown}").content == b"for all"
    assert alice.get(f"/tickets/{number}/attachments/{file}").content == b"for us alone"
    refused(crm.post(f"/tickets/{number}/quarantine", json={"attachment": file}), 404, "attachment-not-found")


def test_a_file_of_a_ticket_that_one_may_not_see_is_not_there(
    house, alice: httpx.Client, henry: httpx.Client, rita: httpx.Client
) -> None:
    tom = house.caller("tom", "requester", "it", kind="requester")
    number = opened(rita)
    file = attached(rita, number, b"x", SECRET)
    house.catch_up()
    for other in (henry, tom):
        assert SECRET not in everywhere(other, number)
        for path in ("", f"/{file}", "/2"):
            refused(other.get(f"/tickets/{number}/attachments{path}"), 404, "ticket-not-found")
        body = {"upload": uploaded(other, b"y")["upload"]}
        refused(other.post(f"/tickets/{number}/attach", json=body), 404, "ticket-not-found")
