"""Who looked, who broke the glass, and who could have looked: asked by those who must answer for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from desk_talk import done, looks, opened, refused
from domain.access.events import AccessRead, AccessRefused, GlassBroken
from domain.setup.events import ApiKeyRevoked, RoleRevoked

REASON = "The auditor is on the phone – “now”, he says."
HEADER = "Acta-Break-Glass"


def because(reason: str) -> dict[str, bytes]:
    return {HEADER: reason.encode()}


@pytest.fixture
def auditor(house) -> httpx.Client:
    """One who audits every department."""
    return house.caller("audrey", "compliance", "*")


@pytest.fixture
def bob(house) -> httpx.Client:
    """A supervisor of IT."""
    return house.caller("bob", "supervisor", "it")


def told(house, client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    """What the access view says of what was recorded before."""
    house.catch_up()
    answer = client.get("/record/access", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["looks"]


def test_who_looked_at_a_ticket_is_told_with_what_right_from_where_and_in_what_order(
    house, auditor, alice, henry, rita
):
    number, other = opened(rita), opened(alice)
    rita.get(f"/tickets/{number}")
    alice.get(f"/tickets/{number}/events")
    alice.get(f"/tickets/{other}")
    henry.get(f"/tickets/{number}")
    found = told(house, auditor, ticket=f"#{number}")
    assert [(one["actor"]["id"], one["allowed"], one["permission"], one["operation"]) for one in found] == [
        ("rita", True, "ticket.read-own", "get-ticket"),
        ("alice", True, "ticket.read", "get-ticket-events"),
        ("henry", False, "ticket.read", ""),
    ]
    assert [named["number"] for one in found for named in one["named"]] == [int(number)] * 3
    assert {one["origin"] for one in found} == {found[0]["origin"]}
    assert found[-1]["code"] == "ticket-not-found"
    by_id = told(house, auditor, ticket=found[0]["named"][0]["ticket"])
    assert by_id[:3] == found


def test_a_list_is_found_under_each_ticket_that_it_showed(house, auditor, alice):
    first, second = opened(alice), opened(alice)
    house.catch_up()
    alice.get("/tickets")
    for number in (first, second):
        (look,) = told(house, auditor, ticket=number, actor="alice")
        assert (look["operation"], look["tickets"]) == ("list-tickets", 2)
        assert sorted(named["number"] for named in look["named"]) == sorted(map(int, (first, second)))


def test_who_looked_at_a_person_is_told_whatever_ticket_it_was(house, auditor, alice, rita):
    one, other, _ = opened(rita), opened(rita), opened(alice)
    for number in (one, other):
        alice.get(f"/tickets/{number}")
    person = alice.get(f"/tickets/{one}").json()["requester"]
    assert len(told(house, auditor, person=person, actor="alice")) == 3
    assert told(house, auditor, person="00000000-0000-4000-8000-000000000000") == []


def test_what_one_caller_saw_and_was_refused_is_told_by_period(house, auditor, alice, henry):
    mine, theirs = opened(alice), opened(henry, "hr")
    alice.get(f"/tickets/{mine}")
    middle = datetime.now(UTC)
    alice.get(f"/tickets/{theirs}")
    house.settle()
    assert [one["allowed"] for one in told(house, auditor, actor="alice")] == [True, False]
    assert [one["allowed"] for one in told(house, auditor, actor="alice", allowed=False)] == [False]
    assert [one["allowed"] for one in told(house, auditor, actor="alice", to=middle.isoformat())] == [True]
    assert [one["allowed"] for one in told(house, auditor, actor="alice", **{"from": middle.isoformat()})] == [False]
    assert [one["operation"] for one in told(house, auditor, operation="get-ticket")] == ["get-ticket"]
    refused(
        auditor.get("/record/access", params={"from": "2030-01-01T00:00:00Z", "to": "2029-01-01T00:00:00Z"}),
        422,
        "not-valid",
    )


def test_looks_are_paged_without_a_gap(house, auditor, alice):
    number = opened(alice)
    for _ in range(5):
        alice.get(f"/tickets/{number}")
    whole = [one["position"] for one in told(house, auditor, actor="alice")]
    found, cursor = [], None
    while True:
        page = auditor.get(
            "/record/access", params={"actor": "alice", "limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        found += [one["position"] for one in page.json()["looks"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert found == whole
    assert len(whole) == 5


def test_asking_who_looked_is_recorded_too(house, auditor, alice):
    number = opened(alice)
    told(house, auditor, ticket=number)
    (look,) = [look for look in told(house, auditor, actor="audrey") if look["operation"] == "list-looks"]
    assert look["question"] == f"ticket={number}"


def test_an_auditor_of_one_department_is_told_of_its_tickets_and_no_others(house, alice, henry, auditor):
    local = house.caller("lena", "compliance", "it")
    ours, theirs = opened(alice), opened(henry, "hr")
    alice.get(f"/tickets/{ours}")
    henry.get(f"/tickets/{theirs}")
    auditor.get(f"/tickets/{theirs}")
    house.catch_up()
    auditor.get("/tickets", params={"state": "any"})
    found = told(house, local)
    assert [(one["actor"]["id"], len(one["named"]), one["tickets"]) for one in found] == [
        ("alice", 1, 1),
        ("audrey", 1, 1),
    ]
    assert told(house, local, ticket=theirs) == []
    person = house.desk.ticket(house.desk.find(theirs)).requester
    assert told(house, local, person=person) == []
    assert "hr" not in str(told(house, local))


@pytest.mark.parametrize("role", ["agent", "supervisor", "analyst", "requester", "service"])
def test_who_looked_is_told_to_auditors_only(house, role):
    caller = house.caller("sam", role, "*")
    for path in ("/record/access", "/record/access/could?ticket=1"):
        refused(caller.get(path), 403, "not-allowed")


# Breaking the glass


@pytest.mark.parametrize("path", ["", "/events", "/difference?from=1&to=1", "/clocks", "/clocks.svg"])
def test_with_a_reason_a_supervisor_reads_a_ticket_of_another_department(house, bob, henry, path):
    number = opened(henry, "hr", title="salary")
    before = house.desk.store.head()
    refused(bob.get(f"/tickets/{number}{path}"), 404, "ticket-not-found")
    assert bob.get(f"/tickets/{number}{path}", headers=because(REASON)).status_code == 200
    assert looks(house, before) == []
    assert [refusal.permission for refusal in looks(house, before, AccessRefused)] == ["ticket.read"]
    (broken,) = looks(house, before, GlassBroken)
    assert (broken.act.actor.id, broken.ticket, broken.department) == ("bob", house.desk.find(number), "hr")
    assert broken.persons == (house.desk.ticket(broken.ticket).requester,)


def test_breaking_the_glass_is_listed_told_in_the_tickets_audit_and_counted(house, bob, henry, auditor, stranger):
    number = opened(henry, "hr")
    bob.get(f"/tickets/{number}", headers=because(REASON))
    (look,) = told(house, auditor, break_glass=True)
    assert (look["actor"]["id"], look["reason"], look["permission"]) == ("bob", REASON, "ticket.break-glass")
    assert [named["number"] for named in look["named"]] == [int(number)]
    assert told(house, auditor, break_glass=False, actor="bob") == []
    local = house.caller("lena", "compliance", "hr")
    for reader in (auditor, local):
        sentences = [line["sentence"] for line in reader.get("/audit", params={"ticket": number}).json()["lines"]]
        assert len([one for one in sentences if "broke the glass" in one and REASON in one]) == 1
    assert "acta_glass_broken_total 1" in stranger.get("/metrics").text


def test_the_reason_is_sealed_and_in_no_list_of_analysts(house, bob, henry, database):
    number = opened(henry, "hr")
    bob.get(f"/tickets/{number}", headers=because("hushreason"))
    house.settle()
    house.catch_up()
    with psycopg.connect(database) as owner:
        (body,) = owner.execute("SELECT body FROM acta.events WHERE type = 'access.glass-broken.v1'").fetchone()
        (line,) = owner.execute("SELECT l::text FROM audit.lines l WHERE type = 'access.glass-broken.v1'").fetchone()
    assert b"hushreason" not in bytes(body)
    assert "hushreason" not in line
    (broken,) = looks(house, kind=GlassBroken)
    assert broken.seal.subject == house.desk.keys.stream_of("person", "agent", "bob")


def test_what_one_may_read_anyway_breaks_no_glass(house, bob):
    number = opened(bob)
    assert bob.get(f"/tickets/{number}", headers=because(REASON)).status_code == 200
    assert looks(house, kind=GlassBroken) == []
    assert [look.permission for look in looks(house)] == ["ticket.read"]


def test_who_may_not_break_the_glass_is_refused_with_a_reason_as_without(house, alice, henry):
    number = opened(henry, "hr")
    without, given = alice.get(f"/tickets/{number}"), alice.get(f"/tickets/{number}", headers=because(REASON))
    refused(given, 404, "ticket-not-found")
    assert given.content == without.content
    assert HEADER not in given.text
    assert [refusal.permission for refusal in looks(house, kind=AccessRefused)] == ["ticket.read", "ticket.break-glass"]


def test_who_may_is_told_of_the_way_whether_or_not_there_is_a_ticket(bob, henry):
    number = opened(henry, "hr")
    hidden, missing = bob.get(f"/tickets/{number}"), bob.get("/tickets/99999")
    assert HEADER in refused(hidden, 404, "ticket-not-found")["detail"]
    assert hidden.content == missing.content
    refused(bob.get("/tickets/99999", headers=because(REASON)), 404, "ticket-not-found")


def test_the_glass_opens_no_command_and_no_list(house, bob, henry):
    number = opened(henry, "hr", title="salary")
    house.catch_up()
    refused(bob.post(f"/tickets/{number}/note", json={"text": "x"}, headers=because(REASON)), 404, "ticket-not-found")
    for path in ("/tickets?state=any", "/tickets?q=salary"):
        assert bob.get(path, headers=because(REASON)).json()["tickets"] == []
    assert bob.get(f"/tickets/{number}", headers=because(REASON)).json()["possible"] == []


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"x" * 501,
        b"\xff\xfe",
        "a\x85b".encode(),
        "line\u2028line".encode(),
        "right\u202eleft".encode(),
        "zero\u200bwidth".encode(),
        b"a\tb",
    ],
)
def test_a_reason_that_is_none_is_refused_and_not_repeated(bob, henry, value):
    number = opened(henry, "hr")
    answer = bob.get(f"/tickets/{number}", headers={HEADER: value})
    (fault,) = refused(answer, 422, "not-valid")["faults"]
    assert fault["field"] == HEADER
    assert "left" not in answer.text


def test_of_two_reasons_none_is_believed(bob, henry):
    number = opened(henry, "hr")
    answer = bob.get(f"/tickets/{number}", headers=[(HEADER, "one"), (HEADER, "two")])
    refused(answer, 422, "not-valid")


# Who could have


def could(house, client: httpx.Client, number: str, **asked: Any) -> dict[str, list[tuple[str, str]]]:
    """Way and role of everybody who could see a ticket."""
    house.catch_up()
    answer = client.get("/record/access/could", params={"ticket": number, **asked})
    assert answer.status_code == 200, answer.text
    return {
        one["principal"]: [(right["way"], right["role"]) for right in one["rights"]] for one in answer.json()["could"]
    }


def test_who_could_see_a_ticket_is_told_by_role_as_its_requester_and_through_the_glass(
    house, auditor, alice, henry, rita, bob
):
    house.caller("ann", "analyst", "*")
    house.caller("tom", "requester", "it", kind="requester")
    number = opened(rita, "hr")
    assert could(house, auditor, number) == {
        "audrey": [("department", "compliance")],
        "bob": [("break-glass", "supervisor")],
        "henry": [("department", "agent")],
        "rita": [("own", "requester")],
    }


def test_grants_keys_and_the_department_are_those_of_then(house, auditor, admin, alice, henry):
    number = opened(alice)
    before = admin.get(f"/tickets/{number}").json()["updated_at"]
    done(admin, number, "transfer", department="hr")
    key = alice.headers["authorization"].split("_")[1]
    house.desk.configure(
        lambda _: [RoleRevoked(grantee="alice", role="agent"), ApiKeyRevoked(key=key)], looks(house)[0].act
    )
    then, now = could(house, auditor, number, at=before), could(house, auditor, number)
    assert ("alice" in then, "henry" in then) == (True, False)
    assert ("alice" in now, "henry" in now) == (False, True)
    told = auditor.get("/record/access/could", params={"ticket": number, "at": before}).json()
    (found,) = [one for one in told["could"] if one["principal"] == "alice"]
    assert [one["key"] for one in found["keys"]] == [key]
    assert told["department"] == "it"
    assert "identity provider" in told["outside"]


def test_a_key_that_had_expired_opened_nothing(house, auditor, alice):
    late = house.key("alice", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    number = opened(alice)
    house.catch_up()
    told = auditor.get("/record/access/could", params={"ticket": number}).json()
    (found,) = [one for one in told["could"] if one["principal"] == "alice"]
    assert late.split("_")[1] not in [one["key"] for one in found["keys"]]
    assert len(found["keys"]) == 1


def test_who_did_look_is_told_beside_who_could(house, auditor, alice, bob, henry):
    number = opened(henry, "hr")
    henry.get(f"/tickets/{number}")
    bob.get(f"/tickets/{number}", headers=because(REASON))
    alice.get(f"/tickets/{number}")
    house.settle()
    house.catch_up()
    told = auditor.get("/record/access/could", params={"ticket": number}).json()
    assert [one["id"] for one in told["looked"]] == ["bob", "henry"]


def test_a_ticket_of_a_department_one_does_not_audit_is_not_there(house, henry):
    local = house.caller("lena", "compliance", "it")
    number = opened(henry, "hr")
    house.catch_up()
    hidden, missing = (local.get("/record/access/could", params={"ticket": one}) for one in (number, "99999"))
    refused(hidden, 404, "ticket-not-found")
    assert hidden.content == missing.content
    assert [refusal.ticket for refusal in looks(house, kind=AccessRefused)] == [house.desk.find(number)]


def test_before_a_ticket_was_opened_nobody_could_see_it(house, auditor, alice):
    number = opened(alice)
    house.catch_up()
    answer = auditor.get("/record/access/could", params={"ticket": number, "at": "2000-01-01T00:00:00Z"})
    refused(answer, 404, "ticket-not-found")


def test_a_look_is_told_of_as_soon_as_a_view_waits_for_it(house, auditor, alice):
    number = opened(alice)
    alice.get(f"/tickets/{number}")
    (look,) = looks(house, kind=AccessRead)
    house.catch_up()
    answer = auditor.get("/record/access", params={"ticket": number, "wait_for": look.position})
    assert [one["position"] for one in answer.json()["looks"]] == [look.position]
