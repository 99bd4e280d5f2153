"""XES files: what Acta exports comes back as it was; hostile files are refused and cost neither memory nor secrets."""

import gzip
import random
import tracemalloc
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consumers.exporting import Selection, xes
from consumers.importing import Destination, NotThisLayout, Report, import_log, import_servicenow
from consumers.importing.mapped import LogMap, MappedLog
from deploy.cli_import import OWN_EXPORTS, read_map
from desks import give, open_desk, opened
from domain.desk import Desk
from domain.desk.desk import as_of
from domain.ticket import state
from made_log import made_incidents, random_incident, written

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
FOREIGN = LogMap.model_validate(
    {
        "source": "hospital",
        "case": "case:concept:name",
        "activity": "concept:name",
        "time": "time:timestamp",
        "actor": "org:resource",
        "columns": {"group": "org:group", "category": "case:kind", "fields": {"cost": "amount"}},
        "activities": {"register": "open", "examine": "start", "decide": {"act": "resolve", "code": "decided"}},
    }
)


def own_map() -> LogMap:
    return read_map(OWN_EXPORTS)


def told(desk: Desk, path: Path, by: LogMap = FOREIGN) -> Report:
    return import_log(desk, MappedLog(path, "xes", by), to=Destination(request_type=by.request_type))


def event(name: str, hour: int, extra: str = "") -> str:
    return (
        f'<event><string key="concept:name" value="{name}"/><string key="org:resource" value="Sara"/>'
        f'<date key="time:timestamp" value="2026-03-02T{hour:02}:00:00+01:00"/>{extra}</event>\n'
    )


def trace(name: str, *events: str, attributes: str = "") -> str:
    return f'<trace><string key="concept:name" value="{name}"/>{attributes}\n{"".join(events)}</trace>\n'


def log(path: Path, *traces: str, head: str = HEAD) -> Path:
    path.write_text(f'{head}<log xes.version="1.0" xmlns="http://www.xes-standard.org/">\n{"".join(traces)}</log>\n')
    return path


# What Acta has exported


def stood(desk: Desk, stream: UUID, moment: datetime) -> tuple[Any, ...]:
    ticket = state.fold(as_of(desk.history(stream), at=moment, known_at=None))
    return (ticket.status, ticket.hold_reason, ticket.group, ticket.assignee, ticket.priority)


def numbered(desk: Desk) -> dict[str, UUID]:
    pages = desk.pages(0, 1_000, types=("ticket.opened.v1",), opened=False)
    return {str(event.number): event.stream for page in pages for event in page}  # type: ignore[attr-defined]


def imported(desk: Desk) -> dict[str, UUID]:
    pages = desk.pages(0, 1_000, types=("ticket.opened.v1",), opened=False)
    return {event.external_id: event.stream for page in pages for event in page}  # type: ignore[attr-defined]


def test_what_was_exported_comes_back_as_it_was_at_every_moment(
    databases, database_template, desk: Desk, tmp_path: Path
):
    whole = databases.fresh(database_template)
    with open_desk(whole) as first:
        _some_work(first)
        dice = random.Random(7)
        incidents = [*made_incidents(60), *(random_incident(f"INC9{n:06}", dice) for n in range(40))]
        import_servicenow(
            first, written(tmp_path / "log.csv", [row for one in incidents for row in one]), "Europe/Lisbon"
        )
        path = tmp_path / "log.xes.gz"
        path.write_bytes(gzip.compress(b"".join(xes(first, Selection(head=first.store.head())))))
        report = told(desk, path, own_map())
        assert report.refused == []
        assert report.is_whole
        assert report.rows == sum(len(first.history(stream)) for stream in numbered(first).values())
        there = imported(desk)
        assert there.keys() == numbered(first).keys()
        for number, stream in numbered(first).items():
            history = first.history(stream)
            for moment in {event.effective_at for event in history}:
                assert stood(desk, there[number], moment) == stood(first, stream, moment), (number, moment)
            was, now = first.ticket(stream), desk.ticket(there[number])
            assert (now.public_replies, now.requester_replies) == (was.public_replies, was.requester_replies)
            assert (now.category, now.impact, now.urgency) == (was.category, was.impact, was.urgency)
        head = desk.store.head()
        assert told(desk, path, own_map()).before == report.rows
        assert desk.store.head() == head
    databases.drop(whole)


def _some_work(desk: Desk) -> None:
    number = str(opened(desk, requester={"email": "petra@example.org"}).number)
    give(desk, "assign", number, assignee="alice")
    give(desk, "reply", number, text="Which network?")
    give(desk, "hold", number, reason="requester")
    give(desk, "note", number, text="Old certificate.")
    give(desk, "route", number, group="network")
    give(desk, "resolve", number, code="fixed")
    give(desk, "reopen", number)
    give(desk, "cancel", number)


def test_what_others_have_exported_has_no_place_without_a_map(desk: Desk, tmp_path: Path):
    report = told(desk, log(tmp_path / "log.xes", trace("1", event("register", 8))), own_map())
    assert [it.reason for it in report.refused] == ["event_type is empty: it says no activity"]
    assert report.opened == 0


# What others have


def test_a_trace_becomes_a_ticket(desk: Desk, tmp_path: Path):
    cost = '<float key="amount" value="17.5"><string key="currency" value="EUR"/></float><list key="x"><values/></list>'
    life = (event("register", 8, cost), event("examine", 9), event("decide", 10))
    path = log(tmp_path / "log.xes", trace("A", *life, attributes='<string key="kind" value="knee"/>'))
    report = told(desk, path)
    assert (report.refused, report.opened, report.told) == ([], 1, 3)
    ticket = desk.ticket(imported(desk)["A"])
    assert (ticket.status, ticket.category, ticket.resolution_code) == ("resolved", "knee", "decided")
    assert ticket.fields == {"cost": "17.5"}
    assert f"{ticket.resolved_at:%H:%M}" == "09:00"
    assert {event.act.actor.id for event in desk.history(ticket.ticket)} == {"Sara", "import"}


@pytest.mark.parametrize(
    ("rows", "reason", "line"),
    [
        (trace("A", event("register", 8), event("sing", 9)), "the activity 'sing' is not in the map", 5),
        (trace("A", event("register", 8)) + event("examine", 9), "the event stands in no trace", 6),
        (trace("A", event("register", 8)) + trace("A", event("examine", 9)), "an earlier trace", 7),
        (trace("A", event("register", 8), event("examine", 9).replace("+01:00", "")), "time:timestamp says no zone", 5),
        (trace("A", event("register", 8), event("examine", 9).replace("2026", "x")), "time:timestamp is no time", 5),
        (trace("A", event("register", 8), event("examine", 9, '<int key="concept:name" value="1"/>')), "the key", 5),
    ],
)
def test_an_event_without_a_place_is_named_and_the_others_are_told(
    desk: Desk, tmp_path: Path, rows: str, reason: str, line: int
):
    report = told(desk, log(tmp_path / "log.xes", rows))
    (refused,) = report.refused
    assert refused.reason.startswith(reason)
    assert (refused.row, refused.line) == (2, line)
    assert report.is_whole
    assert report.opened == 1


LETTERS = "abcdefghijklm"
BOMB = '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "' + 10 * f"&{before};" + '">' for before, name in pairwise(LETTERS)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{HEAD}{BOMB}]><log><string key="x" value="&m;"/></log>', "line 2: a document type"),
        (f'{HEAD}<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>', "line 2: a document type"),
        (f'{HEAD}<!DOCTYPE log [<!ENTITY x SYSTEM "http://localhost:1/">]><log>&x;</log>', "line 2: a document type"),
        (f"{HEAD}<log>&nbsp;</log>", "line 2: undefined entity"),
        (f"{HEAD}<html></html>", "it begins with <html>"),
        (f"{HEAD}<log><trace></log>", "line 2: mismatched tag"),
        (f"{HEAD}<log><trace>", "line 2: no element found"),
        ("", "no element found"),
        ("Case,Activity\n1,x\n", "syntax error"),
        (f"{HEAD}<log>" + '<string key="a" value="1">' * 500, "more than 100 deep"),
        (f'{HEAD}<log><string key="a" value="{"x" * 3_000_000}"/></log>', "without the end of a tag"),
        (f"{HEAD}<log><!-- {'x' * 3_000_000} --></log>", "without the end of a tag"),
        (HEAD.replace("UTF-8", "x-nothing") + "<log/>", "its encoding is not known"),
        (f"{HEAD}<log><trace>{event('register', 8)}<string key='k' value='v'/></trace></log>", "after its first event"),
    ],
)
def test_a_file_that_is_no_xes_or_hostile_is_refused_before_anything_is_recorded(
    desk: Desk, tmp_path: Path, text: str, reason: str
):
    path = tmp_path / "log.xes"
    path.write_text(text)
    with pytest.raises(NotThisLayout, match="is no XES") as why:
        told(desk, path)
    assert reason in str(why.value)
    assert desk.store.head() == 0


def test_bytes_that_are_no_text_are_refused_with_their_line(desk: Desk, tmp_path: Path):
    path = log(tmp_path / "log.xes", trace("A", event("register", 8)))
    path.write_bytes(path.read_bytes().replace(b"Sara", b"S\xff\xferra"))
    with pytest.raises(NotThisLayout, match="line 4"):
        told(desk, path)


def test_a_long_log_is_read_in_bounded_memory(tmp_path: Path):
    def peak(events: int) -> int:
        path = log(tmp_path / "log.xes", trace("A", *(event("examine", 9) for _ in range(events))))
        tracemalloc.start()
        rows = MappedLog(path, "xes", FOREIGN).rows(0, 1)
        assert sum(1 for _ in rows) == events
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(20_000) < 2 * peak(2_000)
