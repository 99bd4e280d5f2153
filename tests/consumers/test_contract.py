"""Whatever the desk tells a department is as the published contract says, in today's words and in all earlier ones."""

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator

from api.problems import ProblemTold, kinds, told
from consumers.asyncapi import document
from consumers.asyncapi_doors import doors_of
from consumers.doors import Doors
from consumers.telling import FACTS
from consuming import until
from desks import ACT, TESTER, give
from domain.desk import Desk
from domain.desk.doors import doorkeeper
from domain.errors import Particulars
from domain.request.asking import KINDS
from domain.setup.events import RequestTypeVersioned
from domain.store.places import Directory
from door_talk import Door, Told
from examples import TICKET
from given_when_then import agent
from lying_files import uploaded
from published import editions

WHOLE = json.loads(msgspec.json.encode(document(doors_of(Doors("acta", ["it", "hr"]), ProblemTold))))
EDITIONS = editions()


def strict(schema: Any) -> Any:
    """The same, but nothing may come that it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = schema.get("type") == "object" and "properties" in schema and "allOf" not in schema
    return {name: strict(part) for name, part in schema.items()} | ({"additionalProperties": False} if closed else {})


SCHEMAS = strict(WHOLE["components"]["schemas"])


def faults(name: str, part: str, said: Any) -> list[str]:
    """What is not as described in the headers or the payload of a message, today or in an edition."""
    today = {**strict(WHOLE["components"]["messages"][name][part]), "components": {"schemas": SCHEMAS}}
    earlier = [{**edition[part], "components": {"schemas": edition["schemas"]}} for edition in EDITIONS[name]]
    return [fault.message for schema in (today, *earlier) for fault in Draft7Validator(schema).iter_errors(said)]


def must_be_as_described(door: Door, department: str = "it") -> list[Told]:
    """Every message that the department is told; what is not as published fails."""
    found = [*door.outcomes(department), *door.letters()]
    for one in found:
        name = one.headers["ce_type"].removeprefix("acta.")
        assert not faults(name, "headers", dict(one.headers)), one.headers
        assert not faults(name, "payload", one.body), one.body
    return found


ACCESS = RequestTypeVersioned(
    request_type="access",
    request_type_version=1,
    department="it",
    name="Access to a system",
    form={"type": "object", "properties": {"system": {"enum": ["vpn"]}}, "required": ["system"]},
)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.configure(lambda setup: [ACCESS], ACT)
    return desk


def test_each_kind_of_request_is_answered_as_described(door: Door) -> None:
    bodies = {
        "open": {"title": "A laptop"},
        "reply": {"text": "a blue one"},
        "note": {"text": "she is a contractor"},
        "escalate": {"kind": "hierarchical", "reason": "she starts tomorrow"},
        "attach": {"content": "aGVsbG8=", "name": "hello.txt", "media_type": "text/plain"},
        "withdraw": {"reason": "she does not come"},
    }
    assert {f"acta.request.{kind}.v1" for kind in bodies} == KINDS.keys()
    for id, (kind, body) in enumerate(bodies.items()):
        assert not faults(f"request.{kind}.v1", "payload", body)
        assert faults(f"request.{kind}.v1", "payload", body | {"department": "hr"})
        door.sender.request("it", kind, "HR-1", str(id), **body)
    assert [told.kind for told in door.settled(len(bodies))] == ["accepted"] * len(bodies)
    must_be_as_described(door)


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("not-valid", "open", {"title": 7, "colour": "blue"}),
    ("not-valid", "open", {"title": "x", "form": {"system": 10**300}}),
    ("not-understood", "open", {"title": "x", "tags": ["No Tag"]}),
    ("request-type-not-found", "open", {"title": "x", "request_type": "none"}),
    ("form-not-valid", "open", {"title": "x", "request_type": "access", "form": {"system": "mail"}}),
    ("form-not-valid", "open", {"title": "x", "form": {"system": "mail"}}),
    ("group-not-found", "open", {"title": "x", "group": "people"}),
    ("time-in-the-future", "open", {"title": "x", "occurred_at": "2999-01-01T00:00:00Z"}),
    ("person-not-found", "open", {"title": "x", "requester": {"id": "7a000000-0000-4000-8000-000000000001"}}),
    ("request-kind-not-known", "bribe", {"text": "take this"}),
    ("ticket-not-found", "reply", {"text": "to nothing", "ticket": "4000"}),
    ("nobody-to-escalate-to", "escalate", {"kind": "functional", "reason": "x"}),
    ("group-not-found", "escalate", {"kind": "functional", "skill": "juggling", "reason": "x"}),
    ("reference-taken", "open", {"title": "A phone"}),
]


def test_each_refusal_is_told_as_described(door: Door) -> None:
    door.sender.request("it", "open", "HR-1", "first", title="A laptop")
    for id, (_, kind, body) in enumerate(REFUSED):
        door.sender.request(
            "it", kind, "HR-1" if kind != "open" or body["title"] == "A phone" else f"HR-n{id}", str(id), **body
        )
    door.sender.raw("it", b"HR-2", HEADERS, b"nothing")
    door.sender.raw("it", b"HR-2", [], b"nothing")
    opened = next(one for one in door.settled(1 + len(REFUSED) + 1, 1) if one.kind == "accepted")
    give(door.desk, "cancel", opened.body["ticket"])
    door.sender.request("it", "escalate", "HR-1", "late", kind="hierarchical", reason="x")
    door.settled(3 + len(REFUSED), 1)
    found = {one.body["request"]["id"]: one for one in must_be_as_described(door) if one.kind == "refused"}
    assert [found[str(id)].body["problem"]["code"] for id in range(len(REFUSED))] == [code for code, *_ in REFUSED]
    assert found["late"].body["problem"]["possible"]
    assert found["4711"].body["problem"]["code"] == "malformed-body"


HEADERS = [("ce_specversion", b"1.0"), ("ce_type", b"acta.request.open.v1"), ("ce_source", b"/hr"), ("ce_id", b"4711")]

LIFE: list[tuple[str, dict[str, Any]]] = [
    ("classify", {"title": "Two laptops", "description": "Soon", "category": "hardware", "request_type": "access"}),
    ("prioritise", {"impact": 1, "urgency": 1}),
    ("prioritise", {"priority": 5, "reason": "they can wait"}),
    ("start", {}),
    ("assign", {"assignee": "alice"}),
    ("release", {}),
    ("claim", {}),
    ("hold", {"reason": "date", "until": "2999-01-01T00:00:00Z"}),
    ("resume", {}),
    ("hold", {"reason": "requester"}),
    ("reply", {"text": "which colour?"}),
    ("transfer", {"department": "hr"}),
    ("transfer", {"department": "it"}),
    ("resolve", {"code": "fixed", "notes": "it has come"}),
    ("rate", {"score": 5, "comment": "quick"}),
    ("reopen", {"reason": "it broke"}),
    ("close", {}),
    ("follow-up", {"text": "it broke again"}),
]


def test_each_fact_of_a_ticket_is_told_as_described(door: Door, place: Directory) -> None:
    door.sender.request("it", "open", "HR-1", "1", title="A laptop")
    door.sender.request("it", "open", "HR-3", "3", title="A mouse")
    ticket = next(one for one in door.settled(2) if one.key == "HR-1").body["ticket"]
    other = give(door.desk, "open", department="it", title="Opened by hand").number
    requester = msgspec.structs.replace(TESTER, person=doorkeeper(door.desk.keys, "it").person)
    give(door.desk, "merge", ticket, into=str(other))
    give(door.desk, "unmerge", ticket)
    upload = uploaded(door.desk, place, b"some bytes")
    give(door.desk, "attach", ticket, upload=upload)
    give(door.desk, "quarantine", ticket, attachment=upload)
    give(door.desk, "release-attachment", ticket, attachment=upload)
    for verb, fields in LIFE:
        give(door.desk, verb, ticket, by={"claim": agent(), "rate": requester}.get(verb, TESTER), **fields)
    door.sender.request("it", "reply", "HR-1", "4", text="and a bag")
    door.sender.request("it", "withdraw", "HR-3", "5", reason="she has one")
    last = {"ticket.requester-replied.v1", "ticket.cancelled.v1"}
    with door.open() as runs:
        until(lambda: last <= {one.body.get("event") for one in door.outcomes()}, *runs)
    happened = [one.body["event"] for one in must_be_as_described(door) if one.kind == "happened"]
    assert set(happened) == {kind.TYPE for kind in FACTS}


@pytest.mark.parametrize("event", sorted(kind.TYPE for kind in FACTS))
def test_what_is_told_of_an_event_is_described_for_its_kind(event: str) -> None:
    body = {"reference": "HR-1", "ticket": str(TICKET), "number": 1, "version": 1, "position": 1, "event": event}
    assert faults("outcome.happened.v1", "payload", body | {"told": {"colour": "blue"}})
    assert not faults("outcome.happened.v1", "payload", body | {"event": "ticket.sung.v1", "told": {"song": 7}})


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.code)
def test_every_refusal_is_a_problem_as_described(kind: Any) -> None:
    problem = {**SCHEMAS["ProblemTold"], "components": {"schemas": SCHEMAS}}
    assert Draft7Validator(problem).is_valid(told(kind()))
    assert Draft7Validator(problem).is_valid(told(kind("In words.", status="new", version=3, field="(body)")))
    assert not Draft7Validator(problem).is_valid(told(kind(version="3")))
    assert not Draft7Validator(problem).is_valid(told(kind(colour="blue")))


def test_every_particular_of_a_refusal_is_described() -> None:
    named = set(SCHEMAS["ProblemTold"]["properties"])
    assert {"ticket_status" if name == "status" else name for name in Particulars.__annotations__} <= named
