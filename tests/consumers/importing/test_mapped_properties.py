"""Whatever a mapped log tells, every row is accounted for, a rehearsal tells the same, and the last word stands."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.importing import Report, import_log
from consumers.importing.mapped import LogMap, MappedLog
from desks import open_desk
from domain.desk import Desk
from domain.desk.rehearsing import Rehearsal
from domain.ticket.events import TicketCorrected

MAP = LogMap.model_validate(
    {
        "source": "drawn",
        "case": "case",
        "activity": "what",
        "time": {"column": "when", "zone": "Europe/Berlin"},
        "actor": "who",
        "columns": {"group": "group", "assignee": {"column": "owner", "values": {"-": ""}}, "priority": "priority"},
        "activities": {
            "opened": "open",
            "changed": "update",
            "started": "start",
            "waits": {"act": "hold", "reason": "requester"},
            "waits for parts": {"act": "hold", "reason": "vendor"},
            "goes on": "resume",
            "mine": "claim",
            "nobody's": "release",
            "answered": "reply",
            "asked": "requester-reply",
            "noted": "note",
            "solved": "resolve",
            "closed": "close",
            "again": "reopen",
            "withdrawn": "cancel",
            "seen": "ignore",
        },
    }
)
AFTER = {
    "started": ("in_progress", ""),
    "goes on": ("in_progress", ""),
    "again": ("in_progress", ""),
    "waits": ("on_hold", "requester"),
    "waits for parts": ("on_hold", "vendor"),
    "solved": ("resolved", ""),
    "closed": ("closed", ""),
    "withdrawn": ("cancelled", ""),
}
BEGIN = datetime(2026, 3, 27, 20)  # noqa: DTZ001  clocks are put forward two days later, in the zone of the map

_TIMES = st.integers(0, 5_000).map(lambda minutes: (BEGIN + timedelta(minutes=minutes)).isoformat())
_NO_TIMES = st.sampled_from(["", "yesterday", "2999-01-01T00:00:00Z"])


def mostly(good: st.SearchStrategy[str], bad: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Now and then what has no place."""
    return st.integers(0, 15).flatmap(lambda n: good if n else bad)


rows = st.fixed_dictionaries(
    {
        "what": mostly(st.sampled_from([*MAP.activities, *AFTER]), st.sampled_from(["exploded", ""])),
        "when": mostly(st.one_of(_TIMES, st.just("2026-03-28T10:00:00+05:00")), _NO_TIMES),
        "who": mostly(st.sampled_from(["ada", "bea", ""]), st.just("cem@example.org")),
        "group": mostly(st.sampled_from(["", "", "one", "two"]), st.just("x" * 65)),
        "owner": st.sampled_from(["", "", "ada", "bea", "-"]),
        "priority": mostly(st.sampled_from(["", "1", "5"]), st.just("urgent")),
    }
)
COLUMNS = ("case", "what", "when", "who", "group", "owner", "priority")


@pytest.fixture(scope="module")
def lasting(databases, database_template) -> Iterator[Desk]:
    database = databases.fresh(database_template)
    with open_desk(database, configured=False) as desk:
        yield desk
    databases.drop(database)


def counted(report: Report) -> dict[str, object]:
    left_out = {"seconds", "cpu_seconds", "configured"}
    return {name: getattr(report, name) for name in report.__struct_fields__ if name not in left_out}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(rows, min_size=1, max_size=8))
def test_every_row_is_accounted_for_and_the_last_word_stands(
    lasting: Desk, tmp_path: Path, drawn: list[dict[str, str]]
):
    case = f"C{lasting.store.head()}"
    path = tmp_path / "log.csv"
    lines = [",".join((case, *(row[name] for name in COLUMNS[1:]))) for row in drawn]
    path.write_text("\n".join((",".join(COLUMNS), *lines, "")))
    rehearsed = import_log(Rehearsal(lasting, keep=(TicketCorrected.TYPE,)), MappedLog(path, "csv", MAP))
    report = import_log(lasting, MappedLog(path, "csv", MAP))
    assert counted(rehearsed) == counted(report)
    assert report.is_whole
    assert report.rows == len(drawn)
    head = lasting.store.head()
    again = import_log(lasting, MappedLog(path, "csv", MAP))
    assert lasting.store.head() == head
    assert again.told == 0
    refused = {it.row for it in report.refused}
    assert not any("the desk refused it" in it.reason for it in report.refused)
    placed = [update for update in MappedLog(path, "csv", MAP).rows(0, 1) if update.row not in refused]
    told = [update for update in sorted(placed, key=lambda update: update.at) if update.act != "ignore"]
    assert report.opened == bool(told)
    if not told:
        return
    ticket = lasting.ticket(lasting.keys.stream_of("import", "drawn", case))
    whats = [drawn[update.row - 1]["what"] for update in told]
    last = next((n for n in range(len(told) - 1, -1, -1) if whats[n] in AFTER), None)
    if last is not None and set(whats[last + 1 :]) <= {"changed", "noted", "nobody's"}:
        assert (ticket.status, ticket.hold_reason) == AFTER[whats[last]]
    groups = [update.group for update in told if update.group is not None]
    assert ticket.group == (groups[-1] if groups else "")
    priorities = [update.priority for update in told if update.priority is not None]
    assert ticket.priority == (priorities[-1] if priorities else 5)
    if told[-1].assignee is not None:
        assert ticket.assignee == told[-1].assignee
