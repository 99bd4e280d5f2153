"""The log for process mining over HTTP: of the caller's departments, streamed, nothing personal."""

import json
from xml.etree import ElementTree

import pytest

from consumers.exporting import Selection, ocel, xes
from desk_talk import done, opened, refused

XES = "{http://www.xes-standard.org/}"


@pytest.fixture
def analyst(house):
    return house.caller("ann", "analyst", "it")


def numbers(answer) -> list[str]:
    """The tickets of an export as XES."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    traces = ElementTree.fromstring(answer.text).iter(f"{XES}trace")
    return [trace.find(f"{XES}string[@key='concept:name']").get("value") for trace in traces]


def test_an_analyst_exports_their_departments(house, analyst, alice, henry, admin):
    mine, theirs = opened(alice, title="xylophone"), opened(henry, "hr", title="xylophone")
    done(alice, mine, "note", text="xylophone")
    assert numbers(analyst.get("/exports/xes")) == [mine]
    assert numbers(admin.get("/exports/xes")) == [mine, theirs]
    assert numbers(admin.get("/exports/xes", params={"department": "hr"})) == [theirs]
    everything = Selection(head=house.desk.store.head())
    assert admin.get("/exports/xes").content == b"".join(xes(house.desk, everything))
    answer = admin.get("/exports/ocel")
    assert answer.content == b"".join(ocel(house.desk, everything))
    assert answer.headers["content-type"].startswith("application/json")
    assert "xylophone" not in admin.get("/exports/xes").text + answer.text


def test_a_department_tells_nothing_of_a_ticket_of_another(analyst, alice, henry, admin):
    mine, theirs = opened(alice), opened(henry, "hr")
    done(admin, mine, "link", kind="relates", other=theirs)
    other = admin.get(f"/tickets/{theirs}").json()["ticket"]
    for form in ("xes", "ocel"):
        text = analyst.get(f"/exports/{form}").text
        assert other not in text
        assert f"ticket:{theirs}" not in text


def test_who_may_not_see_figures_exports_nothing(analyst, alice, rita):
    opened(alice)
    refused(alice.get("/exports/xes"), 403, "not-allowed")
    refused(rita.get("/exports/ocel"), 403, "not-allowed")
    refused(analyst.get("/exports/xes", params={"department": "hr"}), 422, "department-not-found")
    refused(analyst.get("/exports/xes", params={"department": "nowhere"}), 422, "department-not-found")


def test_a_period_selects_tickets_by_their_opening(analyst, alice):
    first, second = opened(alice), opened(alice)
    moment = alice.get(f"/tickets/{second}").json()["opened_at"]
    assert numbers(analyst.get("/exports/xes", params={"to": moment})) == [first]
    assert numbers(analyst.get("/exports/xes", params={"from": moment})) == [second]
    refused(analyst.get("/exports/xes", params={"from": moment, "to": moment}), 422, "not-valid")
    refused(analyst.get("/exports/pdf"), 422, "not-valid")


def test_a_large_export_comes_in_pieces(house, analyst, alice):
    tickets = [opened(alice) for _ in range(450)]
    with analyst.stream("GET", "/exports/ocel") as answer:
        assert "content-length" not in answer.headers
        document = json.loads(b"".join(answer.iter_bytes()))
    assert [one["id"] for one in document["objects"] if one["type"] == "ticket"] == [f"ticket:{one}" for one in tickets]
