"""Exports for process mining: someone else's software reads in them what the store holds, and nothing personal."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from consumers import histories
from consumers.exporting import Selection, ocel, xes
from consumers.exporting.attributes import activity, ticket_types
from desks import opened
from domain.desk import Desk
from domain.envelope import Event
from domain.ticket import state
from domain.ticket.events import TicketEvent

FORMS: tuple[Callable[..., Iterator[bytes]], ...] = (xes, ocel)


@pytest.fixture(scope="module")
def pm4py() -> Any:
    found = pytest.importorskip("pm4py", reason="PM4PY IS NOT THERE: no foreign software has read the exports")
    found.util.constants.SHOW_PROGRESS_BAR = False
    return found


@pytest.fixture(scope="module")
def stored(desk: Desk) -> dict[str, list[Event]]:
    """The history of every ticket, by its number."""
    openings = [event for page in desk.pages(0, 500, types=("ticket.opened.v1",), opened=False) for event in page]
    return {str(one.number): desk.history(one.stream) for one in openings}


def written(path: Path, pieces: Iterator[bytes]) -> Path:
    path.write_bytes(b"".join(pieces))
    return path


def activities(history: list[Event]) -> tuple[str, ...]:
    return tuple(activity(type(event)) for event in history)


def test_xes_is_read_by_pm4py_as_the_store_has_it(pm4py: Any, desk: Desk, stored, everything: Selection, path: Path):
    log = pm4py.read_xes(str(written(path.with_suffix(".xes"), xes(desk, everything))), variant="iterparse")
    assert len(log) == sum(map(len, stored.values()))
    cases = dict(iter(log.groupby("case:concept:name", sort=False)))
    assert list(cases) == list(stored)
    for number, history in stored.items():
        rows = cases[number]
        assert tuple(rows["concept:name"]) == activities(history)
        assert list(rows["time:timestamp"].dt.to_pydatetime()) == [event.effective_at for event in history]
        assert list(rows["org:resource"]) == [event.act.actor.id for event in history]
        assert list(rows["position"]) == [event.position for event in history]
        assert set(rows["case:status"]) == {state.fold(history).status}
    expected = Counter(map(activities, stored.values()))
    assert pm4py.get_variants(log) == dict(expected)
    assert set(log["lifecycle:transition"]) == {"complete"}


def test_ocel_is_read_by_pm4py_as_the_store_has_it(pm4py: Any, desk: Desk, stored, everything: Selection, path: Path):
    log = pm4py.read_ocel2_json(str(written(path.with_suffix(".json"), ocel(desk, everything))))
    events = {f"event:{event.position}": event for history in stored.values() for event in history}
    rows = {row["ocel:eid"]: row for row in log.events.to_dict("records")}
    assert set(rows) == set(events)
    for name, event in events.items():
        assert rows[name]["ocel:activity"] == activity(type(event))
        assert rows[name]["ocel:timestamp"].to_pydatetime() == event.effective_at
        assert rows[name]["recorded_at"].to_pydatetime() == event.recorded_at
    counts = Counter(log.objects["ocel:type"])
    tickets = [state.fold(history) for history in stored.values()]
    assert counts["ticket"] == len(stored)
    assert counts["person"] == len({event.requester for event in _openings(stored)} | _later_requesters(stored))
    assert counts["department"] == 2
    own = log.relations[log.relations["ocel:qualifier"] == "ticket"].groupby("ocel:oid").size()
    assert own.to_dict() == {f"ticket:{number}": len(history) for number, history in stored.items()}
    assert {(row["ocel:oid"], row["ocel:oid_2"]) for row in _o2o(log, "assignee")} == {
        (f"ticket:{ticket.number}", f"agent:{ticket.assignee}") for ticket in tickets if ticket.assignee
    }
    assert {(row["ocel:oid"], row["ocel:oid_2"]) for row in _o2o(log, "relates")} == {
        ("ticket:1", "ticket:2"),
        ("ticket:2", "ticket:1"),
    }


def _openings(stored: dict[str, list[Event]]) -> list[Any]:
    return [history[0] for history in stored.values()]


def _later_requesters(stored: dict[str, list[Event]]) -> set[Any]:
    return {
        event.new for history in stored.values() for event in history if event.TYPE == "ticket.requester-changed.v1"
    }


def _o2o(log: Any, qualifier: str) -> list[dict[str, str]]:
    return log.o2o[log.o2o["ocel:qualifier"] == qualifier].to_dict("records")


def test_an_object_has_each_attribute_since_when_it_was_so(desk: Desk, stored, everything: Selection):
    document = json.loads(b"".join(ocel(desk, everything)))
    objects = {one["id"]: one for one in document["objects"]}
    for number, history in stored.items():
        status, expected = "", []
        ticket = state.Ticket()
        for event in history:
            ticket = state.evolve(ticket, event)
            if ticket.status != status:
                status = ticket.status
                expected.append((status, event.effective_at))
        told = [
            (one["value"], datetime.fromisoformat(one["time"]))
            for one in objects[f"ticket:{number}"]["attributes"]
            if one["name"] == "status"
        ]
        assert told == expected


def test_ocel_keeps_to_its_own_declarations(desk: Desk, everything: Selection):
    document = json.loads(b"".join(ocel(desk, everything)))
    assert set(document) == {"objectTypes", "eventTypes", "objects", "events"}
    ids = [one["id"] for one in document["objects"]]
    assert len(ids) == len(set(ids))
    for part, types in (("objects", "objectTypes"), ("events", "eventTypes")):
        declared = {one["name"]: {it["name"]: it["type"] for it in one["attributes"]} for one in document[types]}
        for one in document[part]:
            for attribute in one["attributes"]:
                assert isinstance(attribute["value"], str)
                _read_as[declared[one["type"]][attribute["name"]]](attribute["value"])
            assert {it["objectId"] for it in one["relationships"]} <= set(ids)
            assert all(it["qualifier"] for it in one["relationships"])


_read_as: dict[str, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": ("true", "false").index,
    "time": datetime.fromisoformat,
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_nothing_personal_is_in_an_export(desk: Desk, everything: Selection, form, secrets: tuple[str, ...]):
    text = b"".join(form(desk, everything)).decode()
    assert [secret for secret in secrets if secret.casefold() in text.casefold()] == []
    assert "alice" in text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_an_export_is_the_same_bytes_whenever_it_is_made(desk: Desk, everything: Selection, form):
    first = list(form(desk, everything))
    opened(desk, title="Later")
    assert list(form(desk, everything)) == first


def test_no_key_stands_twice_in_an_event(desk: Desk, everything: Selection):
    document = ElementTree.fromstring(b"".join(xes(desk, everything)))
    for element in document.iter():
        keys = [child.get("key") for child in element if child.get("key")]
        if not element.tag.endswith("log"):
            assert len(keys) == len(set(keys)), keys


def test_every_fact_of_a_ticket_is_an_activity_of_its_own():
    names: dict[str, set[str]] = {}
    for kind in ticket_types():
        names.setdefault(activity(kind), set()).add(kind.TYPE.rpartition(".")[0])
    assert all(len(facts) == 1 for facts in names.values())
    assert activity(_kind("ticket.put-on-hold.v1")) == "put on hold"
    assert activity(_kind("sla.breached.v1")) == "sla breached"


def _kind(name: str) -> type[TicketEvent]:
    return next(kind for kind in ticket_types() if name == kind.TYPE)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_department_names_no_ticket_of_another(desk: Desk, everything: Selection, form):
    hr = Selection(head=everything.head, departments=frozenset({"hr"}))
    assert b"ticket:" not in b"".join(form(desk, hr))
    it = Selection(head=everything.head, departments=frozenset({"it"}))
    assert b"".join(form(desk, it)) == b"".join(form(desk, everything))


def test_a_linked_ticket_that_was_not_selected_is_not_named(desk: Desk, stored, everything: Selection):
    first, second = stored["1"][0], stored["2"][0]
    only = Selection(head=everything.head, since=first.effective_at, until=second.effective_at)
    text = b"".join(xes(desk, only)).decode()
    assert text.count("<trace>") == 1
    assert str(second.stream) not in text
    document = json.loads(b"".join(ocel(desk, only)))
    assert [one["id"] for one in document["objects"] if one["type"] == "ticket"] == ["ticket:1"]
    assert "ticket:2" not in json.dumps(document)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_period_selects_whole_tickets_by_their_opening(desk: Desk, stored, everything: Selection, form):
    moments = sorted(event.effective_at for event in _openings(stored))
    middle = moments[len(moments) // 2]
    before = Selection(head=everything.head, until=middle)
    after = Selection(head=everything.head, since=middle)
    early, late = b"".join(form(desk, before)), b"".join(form(desk, after))
    positions = {event.position for history in stored.values() for event in history}
    for history in stored.values():
        chosen, other = (early, late) if history[0].effective_at < middle else (late, early)
        for event in history:
            mark = f'"position" value="{event.position}"' if form is xes else f'"event:{event.position}"'
            assert mark.encode() in chosen
            assert mark.encode() not in other
    assert len(positions) == sum(map(len, stored.values()))


def test_nothing_selected_is_an_empty_log(desk: Desk, everything: Selection):
    none = Selection(head=everything.head, until=datetime.fromisoformat("1999-01-01T00:00:00+00:00"))
    assert json.loads(b"".join(ocel(desk, none)))["events"] == []
    assert ElementTree.fromstring(b"".join(xes(desk, none))).tag.endswith("log")
    assert ElementTree.fromstring(b"".join(xes(desk, Selection(head=0)))).tag.endswith("log")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_memory_does_not_grow_with_the_log(desk: Desk, stored, everything: Selection, form, monkeypatch):
    monkeypatch.setattr(histories, "PAGE", 4)
    moments = sorted(event.effective_at for event in _openings(stored))

    def peak(selection: Selection) -> int:
        tracemalloc.start()
        for _ in form(desk, selection):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(everything)
    half = Selection(head=everything.head, until=moments[len(moments) // 2])
    assert peak(everything) < 1.25 * peak(half)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_progress_ends_at_the_whole(desk: Desk, everything: Selection, form):
    seen: list[tuple[int, int]] = []
    for _ in form(desk, everything, lambda done, total: seen.append((done, total))):
        pass
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
