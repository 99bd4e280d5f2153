"""Who looked: what holds personal data is shown to nobody before it is recorded that it was."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg import sql

from api import app as edge_app
from api.gate import Permitted, guard_of
from desk_talk import done, looks, opened, refused
from domain.access.events import AccessRefused
from domain.store import recorder

SHOWING = {
    "get-ticket": "/tickets/{}",
    "get-ticket-events": "/tickets/{}/events",
    "get-ticket-difference": "/tickets/{}/difference?from=1&to=2",
    "list-attachments": "/tickets/{}/attachments",
    "get-ticket-signatures": "/tickets/{}/signatures",
    "get-ticket-clocks": "/tickets/{}/clocks",
    "draw-ticket-clocks": "/tickets/{}/clocks.svg",
    "list-tickets": "/tickets?state=any",
    "list-queue": "/queues/first/tickets",
    "list-audit-lines": "/audit?ticket={}",
    "get-events": "/events?types=ticket.opened.v1",
    "get-holds": "/record/holds",
    "list-looks": "/record/access?ticket={}",
    "list-who-could-look": "/record/access/could?ticket={}",
}
"""A request to each route that may show personal data. All of them show the one ticket there is."""
ELSEWHERE = {
    "lift-hold",
    "find-person",
    "export-person",
    "export-me",
    "get-erasure",
    "get-ticket-bundle",
    "get-dead-letter",
    "get-attachment",
}
"""Routes that change something, too, or show a person: their own tests see that it is recorded what they show."""

ROUTES = [
    route
    for router in edge_app.ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and isinstance(guard := guard_of(route), Permitted) and guard.personal
]


def stream_of(house, number: str) -> UUID:
    return house.desk.find(number)


def test_every_route_that_may_show_personal_data_is_tried_here():
    assert {route.operation_id for route in ROUTES} == SHOWING.keys() | ELSEWHERE


@pytest.mark.parametrize("operation", sorted(SHOWING))
def test_whoever_is_shown_a_ticket_is_recorded_with_the_ticket_and_its_people(house, admin, alice, rita, operation):
    number = opened(rita, title="salary")
    done(alice, number, "note", text="x")
    admin.post("/record/holds", json={"ground": "A court.", "tickets": [number]})
    alice.get(f"/tickets/{number}")
    house.catch_up()
    before = house.desk.store.head()
    answer = admin.get(SHOWING[operation].format(number))
    assert answer.status_code == 200, answer.text
    (look,) = looks(house, before)
    assert (look.operation, look.act.actor.id, look.tickets) == (operation, "root", (stream_of(house, number),))
    assert look.persons == (house.desk.ticket(look.tickets[0]).requester,)
    assert look.departments == ("it",)
    assert look.permission in ("ticket.read", "audit.read", "feed.read", "record.hold")
    assert look.key == admin.headers["authorization"].split("_")[1]


@pytest.mark.parametrize("path", ["/queues", "/setup", "/setup/keys", "/sla/clocks", "/record/checkpoint", "/healthz"])
def test_what_tells_nothing_of_a_person_is_not_recorded(house, admin, alice, path):
    opened(alice)
    house.catch_up()
    before = house.desk.store.head()
    admin.get(path)
    assert looks(house, before) == []


def test_a_requester_reading_their_own_ticket_is_recorded_as_such(house, rita):
    number = opened(rita)
    assert rita.get(f"/tickets/{number}").status_code == 200
    (look,) = looks(house)
    assert (look.act.actor.kind, look.act.actor.id, look.permission) == ("requester", "rita", "ticket.read-own")


def test_for_whom_a_service_looked_is_recorded_and_only_who_may_say_so_does(house, alice, rita):
    portal = house.caller("portal", "service", "it", kind="service")
    number = opened(rita)
    headers = {"Acta-On-Behalf-Of": "kim", "Acta-Correlation-Id": "visit-7"}
    assert portal.get(f"/tickets/{number}", headers=headers).status_code == 200
    refused(rita.get(f"/tickets/{number}", headers=headers), 403, "not-allowed")
    refused(portal.get(f"/tickets/{number}", headers={"Acta-On-Behalf-Of": "kim@example.org"}), 422, "not-valid")
    (look,) = looks(house)
    assert (look.act.actor.id, look.act.on_behalf_of, look.act.correlation_id) == ("portal", "kim", "visit-7")


def test_a_list_names_those_tickets_that_were_shown_and_no_others(house, admin, alice, henry):
    ours, theirs = opened(alice), opened(henry, "hr")
    house.catch_up()
    alice.get("/tickets")
    admin.get("/tickets", params={"department": "hr", "limit": 1})
    mine, all_of_hr = looks(house)
    assert mine.tickets == (stream_of(house, ours),)
    assert (all_of_hr.tickets, all_of_hr.departments) == ((stream_of(house, theirs),), ("hr",))


def test_an_empty_answer_to_a_search_is_recorded_too(house, alice):
    opened(alice)
    house.catch_up()
    alice.get("/tickets", params={"q": "nobody"})
    (look,) = looks(house)
    assert (look.tickets, look.persons, look.question) == ((), (), "q")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("state=any&limit=3&sort=number", "state=any&limit=3&sort=number"),
        ("q=Petra+Prosser&department=it", "q&department=it"),
        ("department=petra.prosser%40example.org", "department"),
        ("queue=first&assignee=Petra", "queue=first&assignee"),
        ("tag=petra&at=2030-01-01T00:00:00Z", "tag&at=2030-01-01T00:00:00Z"),
        ("assignee=", "assignee"),
    ],
)
def test_what_was_asked_is_kept_only_as_far_as_it_can_tell_of_nobody(house, alice, query, told):
    house.catch_up()
    assert alice.get(f"/tickets?{query}").status_code == 200
    (look,) = looks(house)
    assert look.question == told


def test_where_a_request_came_from_is_told_alike_each_time_and_by_no_address(house, alice, stranger):
    number = opened(alice)
    alice.get(f"/tickets/{number}")
    alice.get(f"/tickets/{number}/events")
    stranger.get(f"/tickets/{number}")
    house.close()
    one, other = looks(house)
    (nobody,) = looks(house, kind=AccessRefused)
    assert one.origin == other.origin == nobody.origin
    assert one.origin.startswith("http:")
    assert "127.0.0.1" not in one.origin


def test_reading_does_not_lengthen_a_ticket(house, alice):
    number = opened(alice)
    version = alice.get(f"/tickets/{number}").json()["version"]
    assert alice.get(f"/tickets/{number}").json()["version"] == version
    assert len({look.stream for look in looks(house)}) == 1


def test_each_process_has_a_stream_of_its_own(build_house, house, alice):
    other = build_house()
    again = other.client(alice.headers["authorization"].removeprefix("Bearer "))
    number = opened(alice)
    for client in (alice, again) * 3:
        assert client.get(f"/tickets/{number}").status_code == 200
    streams = [look.stream for look in looks(house)]
    assert len(streams) == 6
    assert len(set(streams)) == 2


@pytest.mark.parametrize("path", ["", "/events", "/difference?from=1&to=1", "/clocks", "/clocks.svg"])
def test_who_is_refused_a_ticket_is_recorded_with_it_and_is_not_told(house, alice, henry, path):
    number = opened(henry, "hr")
    before = house.desk.store.head()
    hidden, missing = alice.get(f"/tickets/{number}{path}"), alice.get(f"/tickets/99999{path}")
    refused(hidden, 404, "ticket-not-found")
    assert hidden.content == missing.content
    assert looks(house, before) == []
    (refusal,) = looks(house, before, AccessRefused)
    assert (refusal.ticket, refusal.act.actor.id) == (stream_of(house, number), "alice")
    assert refusal.origin.startswith("http:")


def test_a_refusal_at_the_gate_names_the_ticket_if_there_is_one(house, alice):
    ann = house.caller("ann", "analyst", "it")
    number = opened(alice)
    there, missing = ann.get(f"/tickets/{number}"), ann.get("/tickets/99999")
    assert refused(there, 403, "not-allowed") == refused(missing, 403, "not-allowed")
    assert [refusal.ticket for refusal in looks(house, kind=AccessRefused)] == [stream_of(house, number), None]


def test_a_requester_is_refused_the_clocks_of_their_ticket_and_that_is_recorded(house, rita):
    house.grant("rita", "analyst", "hr")
    number = opened(rita)
    refused(rita.get(f"/tickets/{number}/clocks"), 403, "not-allowed")
    assert looks(house) == []
    assert [refusal.ticket for refusal in looks(house, kind=AccessRefused)] == [stream_of(house, number)]


def test_following_who_looked_comes_to_an_end(house, admin, alice):
    number = opened(alice)
    alice.get(f"/tickets/{number}")
    after = 0
    for _ in range(3):
        after = admin.get("/events", params={"after": after, "limit": 1000}).json()["next"]
    assert after == house.desk.store.head()
    assert [look.operation for look in looks(house)] == ["get-ticket", "get-events"]


def test_a_stream_is_recorded_batch_by_batch(house, alice):
    crm = house.caller("crm", "service", "it", kind="service")
    first = opened(alice)
    with crm.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.iter_lines()
        assert any(line == "event: ticket.opened.v1" for line in lines)
        second = opened(alice)
        assert any(line == "event: ticket.opened.v1" for line in lines)
        named = [look.tickets for look in looks(house) if look.operation == "get-events"]
    assert named == [(stream_of(house, first),), (stream_of(house, second),)]


def test_a_service_that_follows_is_told_of_no_reading(house, alice):
    crm = house.caller("crm", "service", "it", kind="service")
    number = opened(alice)
    alice.get(f"/tickets/{number}")
    assert "access." not in crm.get("/events", params={"limit": 1000}).text


@contextmanager
def nothing_can_be_recorded(owner_dsn: str) -> Iterator[None]:
    """The store takes no new connection and has lost the one it was written through; those that read go on."""
    name = str(psycopg.conninfo.conninfo_to_dict(owner_dsn)["dbname"])
    opening = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(owner_dsn, dbname="postgres", autocommit=True) as owner:
        owner.execute(opening.format(sql.Identifier(name), sql.SQL("false")))
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'acta append'",
            (name,),
        )
        yield
        owner.execute(opening.format(sql.Identifier(name), sql.SQL("true")))


@pytest.mark.parametrize("operation", sorted(SHOWING))
def test_what_cannot_be_recorded_is_not_shown(house, admin, alice, database, operation, monkeypatch):
    monkeypatch.setattr(recorder, "_PATIENCE_S", 0.0)
    number = opened(alice, title="salary")
    done(alice, number, "start")
    house.catch_up()
    path = SHOWING[operation].format(number)
    assert admin.get(path).status_code == 200
    with nothing_can_be_recorded(database):
        answer = admin.get(path)
        problem = refused(answer, 503, "database-unreachable")
        assert "salary" not in str(problem)
    assert admin.get(path).status_code == 200


def test_a_stream_that_cannot_be_recorded_ends_before_it_shows_anything(house, alice, database, monkeypatch):
    monkeypatch.setattr(recorder, "_PATIENCE_S", 0.0)
    crm = house.caller("crm", "service", "it", kind="service")
    opened(alice, title="salary")
    with nothing_can_be_recorded(database):
        answer = crm.get("/events", headers={"Accept": "text/event-stream"})
    assert "salary" not in answer.text
    assert answer.text.startswith(": acta")


def test_an_answer_waits_for_its_record(house, alice, database):
    number = opened(alice)
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(alice.get(f"/tickets/{number}")))
    with psycopg.connect(database, autocommit=True) as owner:
        with owner.transaction():
            owner.execute("SELECT pg_advisory_xact_lock(4021985)")
            asking.start()
            waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while owner.execute(waits).fetchone() is None:
                assert asking.is_alive()
            assert answers == []
        asking.join()
    assert answers[0].status_code == 200


def test_what_a_route_forgets_to_say_is_not_shown(house, alice):
    number = opened(alice)
    app = house.app

    @edge_app.tickets.router.get("/forgotten/{ref}", operation_id="forgotten")
    async def forgotten(request: edge_app.Request, caller: edge_app.tickets.Reader) -> str:
        return "salary"

    app.router.routes.append(edge_app.tickets.router.routes.pop())
    answer = alice.get(f"/forgotten/{number}")
    refused(answer, 500, "fault")
    assert "salary" not in answer.text
