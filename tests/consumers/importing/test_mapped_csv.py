"""Another desk's CSV, read by a map: what happened becomes events, what has no place is named, once only."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consumers.importing import Destination, NotThisLayout, Report, import_in_shares, import_log
from consumers.importing.mapped import LogMap, MappedLog, NoSuchColumn
from consumers.importing.mapped.telling import NO_TEXT
from consuming import until
from deploy.cli_import import read_map
from desks import KEK, as_role, open_desk
from domain.desk import Desk
from domain.desk.rehearsing import Rehearsal
from domain.envelope import Event
from domain.ticket.events import TicketCorrected
from domain.ticket.state import Ticket
from held_store import held_beyond

EXAMPLE = Path(__file__).parents[3] / "deploy" / "import.example.yaml"
COLUMNS = (
    *("Ticket", "Entry", "Action", "When", "Who", "Subject", "Details", "Customer", "Team", "Owner", "Kind"),
    *("Urgency", "Comment", "Outcome", "Site", "New value"),
)
FIRST = {
    "Subject": "VPN drops",
    "Details": "From home.",
    "Customer": "petra@example.org",
    "Team": "First line",
    "Kind": "network",
    "Urgency": "High",
    "Site": "Bremen",
}


def a_map(**changes: Any) -> LogMap:
    by = read_map(EXAMPLE)
    return LogMap.model_validate({**by.model_dump(), "pseudonyms": False, **changes})


class Case:
    """The rows of one case, an hour apart."""

    def __init__(self, number: str, **first: str) -> None:
        self.number = number
        self.rows: list[dict[str, str]] = []
        self.row("Created", "Petra", **{**FIRST, **first})

    def row(self, action: str, who: str = "Bob", **cells: str) -> "Case":
        n = len(self.rows)
        place = {"Ticket": self.number, "Entry": f"{self.number}-{n}", "When": f"02.03.2026 {8 + n:02}:00"}
        self.rows.append(dict.fromkeys(COLUMNS, "") | place | {"Action": action, "Who": who, **cells})
        return self


def a_life(number: str = "T-1") -> Case:
    made = Case(number).row("Assigned", **{"New value": "Alice Archer"}).row("Started", "Alice Archer")
    made.row("Mail to customer", "Alice Archer", Comment="Which network?").row("Waiting for customer")
    made.row("Mail from customer", "Petra", Comment="The home one.").row("Internal comment", Comment="Old certificate.")
    made.row("Changed", Kind="certificate", Team="Network", Site="Hamburg").row("Viewed", "Carol")
    made.row("Solved", "Alice Archer", Outcome="New certificate").row("Reopened", "Petra").row(
        "Solved", Outcome="fixed"
    )
    return made.row("Closed")


def written(path: Path, rows: Sequence[dict[str, str]], by: LogMap | None = None) -> Path:
    delimiter = by.delimiter if by else ","
    encoding = by.encoding if by else "utf-8"
    lines = [delimiter.join(COLUMNS), *(delimiter.join(f'"{row[name]}"' for name in COLUMNS) for row in rows)]
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def told(desk: Desk | Rehearsal, path: Path, by: LogMap | None = None) -> Report:
    by = by or a_map()
    return import_log(desk, MappedLog(path, "csv", by), to=Destination(department="it", request_type=by.request_type))


def tickets(desk: Desk) -> dict[str, Ticket]:
    pages = desk.pages(0, 1_000, types=("ticket.opened.v1",), opened=False)
    found = [desk.ticket(event.stream) for page in pages for event in page]
    return {ticket.external_id: ticket for ticket in found}


def history(desk: Desk, number: str = "T-1") -> list[Event]:
    return desk.history(tickets(desk)[number].ticket)


def test_a_life_is_told_with_its_times_and_actors(desk: Desk, tmp_path: Path):
    report = told(desk, written(tmp_path / "log.csv", a_life().rows))
    assert report.refused == []
    assert report.is_whole
    assert report.corrections == {}
    assert (report.told, report.unchanged) == (11, 2)
    facts = [(event.TYPE, event.act.actor.id, f"{event.occurred_at:%H:%M}") for event in history(desk)]
    petra = str(tickets(desk)["T-1"].requester)
    assert facts == [
        ("ticket.opened.v1", "Petra", "07:00"),
        ("ticket.priority-overridden.v1", "Petra", "07:00"),
        ("ticket.assigned.v1", "Bob", "08:00"),
        ("ticket.agent-replied.v1", "alice", "10:00"),
        ("ticket.put-on-hold.v1", "Bob", "11:00"),
        ("ticket.requester-replied.v1", petra, "12:00"),
        ("ticket.resumed.v1", petra, "12:00"),
        ("ticket.noted.v1", "Bob", "13:00"),
        ("ticket.released.v1", "Bob", "14:00"),
        ("ticket.routed.v1", "Bob", "14:00"),
        ("ticket.category-changed.v1", "Bob", "14:00"),
        ("ticket.field-set.v1", "Bob", "14:00"),
        ("ticket.resolved.v1", "alice", "16:00"),
        ("ticket.reopened.v1", "Petra", "17:00"),
        ("ticket.resolved.v1", "Bob", "18:00"),
        ("ticket.closed.v1", "Bob", "19:00"),
        ("ticket.imported.v1", "import", "19:00"),
    ]
    ticket = tickets(desk)["T-1"]
    assert (ticket.title, ticket.description, ticket.category) == ("VPN drops", "From home.", "certificate")
    assert (ticket.status, ticket.group, ticket.priority, ticket.reopen_count) == ("closed", "Network", 2, 1)
    assert ticket.fields == {"site": "Hamburg"}
    assert ticket.resolution_code == "fixed"
    texts = [event.text for event in history(desk) if hasattr(event, "text")]
    assert texts == ["Which network?", "The home one.", "Old certificate."]


def test_a_dry_run_says_what_the_import_then_does_and_records_nothing(desk: Desk, tmp_path: Path):
    broken = a_life("T-2").row("Exploded").row("Reopened", When="x").rows
    log = written(
        tmp_path / "log.csv",
        [*a_life().rows, *broken, *Case("T-3").row("Closed").row("Assigned", **{"New value": "Zoe"}).rows],
    )
    rehearsed = told(Rehearsal(desk, keep=(TicketCorrected.TYPE,)), log)
    assert desk.store.head() == 0
    report = told(desk, log)
    unlike = {"seconds", "cpu_seconds"}
    for name in report.__struct_fields__:
        if name not in unlike:
            assert getattr(rehearsed, name) == getattr(report, name), name
    assert [kind.examples for kind in report.corrections.values()] == [["T-3"]]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Action": "Exploded"}, "the activity 'Exploded' is not in the map"),
        ({"Action": ""}, "Action is empty"),
        ({"When": "31.02.2026 08:00"}, "When is no time of the form %d.%m.%Y %H:%M"),
        ({"When": ""}, "When is empty"),
        ({"When": "02.03.2999 08:00"}, "When lies in the future"),
        ({"Ticket": ""}, "Ticket is empty"),
        ({"Urgency": "Soon"}, "Urgency is no priority: the map gives 'Soon' no meaning"),
        ({"Team": "x" * 65}, "Team is longer than 64 characters"),
        ({"Who": "bob@example.org"}, "the actor is an address"),
        ({"Owner": "bob@example.org"}, "the assignee is an address"),
        ({"Comment": "x" * 100_001}, "Comment is longer than 100,000 characters"),
        ({"Entry": "T-1-0"}, "an earlier row of the case has the same id"),
        ({"Action": "Created"}, "the case is open already"),
        ({"Kind": "a\x00b"}, "Kind has control characters"),
        ({"Site": 'a","b'}, "17 columns where 16 belong"),
    ],
)
def test_a_row_without_a_place_is_named_and_the_others_are_told(desk: Desk, tmp_path: Path, cells, reason: str):
    rows = a_life().rows
    rows[7] |= cells
    report = told(desk, written(tmp_path / "log.csv", rows))
    (refused,) = report.refused
    assert refused.reason.startswith(reason)
    assert (refused.row, refused.line) == (8, 9)
    assert report.is_whole
    assert report.rows == 13
    assert tickets(desk)["T-1"].status == "closed"
    assert any("Row 8 (line 9)" in line and reason in line for line in report.lines())


def test_a_second_run_changes_nothing(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", [*a_life().rows, *a_life("T-2").rows])
    first = told(desk, log)
    head = desk.store.head()
    second = told(desk, log)
    assert desk.store.head() == head
    assert (second.before, second.told, second.unchanged, second.configured) == (first.rows, 0, 0, 0)


def test_a_longer_file_goes_on_and_ends_as_if_told_at_once(databases, database_template, desk: Desk, tmp_path: Path):
    rows = a_life().rows
    whole = databases.fresh(database_template)
    with open_desk(whole, configured=False) as other:
        told(other, written(tmp_path / "log.csv", rows))
        expected = _comparable(other)
    for length in range(1, len(rows) + 1):
        report = told(desk, written(tmp_path / "log.csv", rows[:length]))
        assert report.is_whole
        assert report.refused == []
    assert _comparable(desk) == expected
    databases.drop(whole)


def _comparable(desk: Desk) -> list[dict[str, object]]:
    unlike = {"ticket", "version", "number", "recorded_at", "requester", "former_requesters", "taken_over", "opened_by"}
    return [
        {name: getattr(ticket, name) for name in ticket.__struct_fields__ if name not in unlike}
        for ticket in tickets(desk).values()
    ]


def test_rows_in_any_order_are_told_by_their_times(desk: Desk, tmp_path: Path):
    rows = a_life().rows
    assert told(desk, written(tmp_path / "log.csv", rows[::-1])).refused == []
    assert [event.occurred_at for event in history(desk)] == sorted(event.occurred_at for event in history(desk))
    assert tickets(desk)["T-1"].status == "closed"


def test_another_map_of_the_same_source_is_another_history(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", a_life().rows)
    told(desk, log)
    head = desk.store.head()
    report = told(desk, log, a_map(otherwise="update"))
    assert len(report.refused) == report.rows
    assert "another history" in report.refused[0].reason
    assert desk.store.head() == head


def test_people_get_pseudonyms_that_stay(desk: Desk, tmp_path: Path):
    by = a_map(pseudonyms=True)
    rows = a_life().rows
    rows[4]["Who"] = "bob@example.org"
    told(desk, written(tmp_path / "log.csv", [*rows, *a_life("T-2").rows]), by)
    actors = {event.act.actor.id for number in ("T-1", "T-2") for event in history(desk, number)}
    assert {"alice", "import"} < actors
    assert not {"Bob", "Petra", "Carol", "bob@example.org"} & actors
    bob = {event.act.actor.id for number in ("T-1", "T-2") for event in history(desk, number) if "noted" in event.TYPE}
    assert len(bob) == 1
    assert all(name.startswith("p-") for name in bob)


def test_what_was_written_in_a_finished_ticket_is_a_note(desk: Desk, tmp_path: Path):
    made = (
        Case("T-1").row("Closed").row("Mail from customer", Comment="Thanks!").row("Mail to customer", Comment="Bye.")
    )
    report = told(desk, written(tmp_path / "log.csv", made.rows))
    assert report.refused == []
    assert report.opened == 1
    assert [event.text for event in history(desk) if event.TYPE == "ticket.noted.v1"] == ["Thanks!", "Bye."]
    assert tickets(desk)["T-1"].status == "closed"


def test_a_reply_whose_text_is_not_given_counts_as_one(desk: Desk, tmp_path: Path):
    told(desk, written(tmp_path / "log.csv", Case("T-1").row("Mail to customer").rows))
    assert tickets(desk)["T-1"].public_replies == 1
    assert [event.text for event in history(desk) if hasattr(event, "text")] == [NO_TEXT]


def test_rows_with_a_status_need_no_activities(desk: Desk, tmp_path: Path):
    status = {
        "column": "Action",
        "values": {"Open": "new", "Working": "in_progress", "Waiting": "on_hold", "Done": "resolved"},
    }
    waiting = {"column": "Outcome", "values": {"Supplier": "vendor"}}
    by = a_map(activity="", activities={}, columns={"status": status, "hold_reason": waiting})
    rows = [
        {**row, "Action": action, "Outcome": "Supplier"}
        for row, action in zip(a_life().rows, ("Open", "Working", "Waiting", "Done", "Working", "Closed"), strict=False)
    ]
    report = told(desk, written(tmp_path / "log.csv", rows), by)
    assert [it.reason for it in report.refused] == ["Action is no status: the map gives 'Closed' no meaning"]
    assert [event.TYPE for event in history(desk)] == [
        "ticket.opened.v1",
        "ticket.started.v1",
        "ticket.put-on-hold.v1",
        "ticket.resumed.v1",
        "ticket.resolved.v1",
        "ticket.reopened.v1",
        "ticket.imported.v1",
    ]


@pytest.mark.parametrize(("encoding", "delimiter"), [("cp1252", ";"), ("utf-8", "\t"), ("iso-8859-15", "|")])
def test_a_file_is_read_in_its_encoding(desk: Desk, tmp_path: Path, encoding: str, delimiter: str):
    by = a_map(encoding=encoding, delimiter=delimiter)
    told(desk, written(tmp_path / "log.csv", Case("T-1", Subject="Schlüssel", Kind="Tür").rows, by), by)
    assert (tickets(desk)["T-1"].title, tickets(desk)["T-1"].category) == ("Schlüssel", "Tür")


def test_times_without_a_zone_need_one(desk: Desk, tmp_path: Path):
    rows = Case("T-1").row("Closed").rows
    rows[0]["When"], rows[1]["When"] = "2026-03-02T08:00:00", "2026-03-02T09:00:00+02:00"
    report = told(desk, written(tmp_path / "log.csv", rows), a_map(time={"column": "When"}))
    assert [it.reason for it in report.refused] == ["When says no zone, and none is given for it"]
    assert f"{tickets(desk)['T-1'].closed_at:%H:%M}" == "07:00"


def test_a_time_that_never_was_is_reported_with_its_rule(desk: Desk, tmp_path: Path):
    rows = Case("T-1").rows
    rows[0]["When"] = "29.03.2026 02:30"
    report = told(desk, written(tmp_path / "log.csv", rows))
    assert [(it.row, it.column, it.kind) for it in report.time_problems] == [(1, "When", "impossible")]


def test_a_column_that_the_file_has_not_stops_the_import_before_it_begins(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", a_life().rows)
    with pytest.raises(NoSuchColumn, match="Nowhere") as why:
        told(desk, log, a_map(columns={"group": "Nowhere"}))
    assert why.value.place == ("columns", "group")
    assert desk.store.head() == 0


def test_hostile_lines_cost_their_rows_and_nothing_else(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", a_life().rows)
    lines = log.read_bytes().splitlines(keepends=True)
    huge = b'"T-1",' + b"x" * 3_000_000 + b"\n"
    field = b'"T-1","' + b"y" * 200_000 + b'"\n'
    log.write_bytes(b"".join([*lines[:3], huge, field, b'"T-\xff"\n', *lines[3:], b'"T-9,\n']))
    report = told(desk, log)
    assert [(it.line, it.reason) for it in report.refused] == [
        (4, "longer than 1,048,576 bytes in one line"),
        (5, "not CSV: field larger than field limit (131072)"),
        (6, "not valid UTF-8"),
        (18, "1 columns where 16 belong"),
    ]
    assert report.is_whole
    assert tickets(desk)["T-1"].status == "closed"


KILLED = """
import sys
from pathlib import Path
from consumers.importing import import_log
from consumers.importing.mapped import MappedLog
from deploy.cli_import import read_map
from domain.desk import Desk
desk = Desk(sys.argv[1], bytes.fromhex(sys.argv[3]))
import_log(desk, MappedLog(Path(sys.argv[2]), "csv", read_map(Path(sys.argv[4]))), in_flight=4)
"""


def test_a_killed_import_resumes_and_one_in_shares_comes_to_the_same(databases, database_template, tmp_path: Path):
    log = written(tmp_path / "log.csv", [row for n in range(200) for row in a_life(f"T-{n}").rows])
    by = read_map(EXAMPLE)
    killed, shared = databases.fresh(database_template), databases.fresh(database_template)
    command = [sys.executable, "-c", KILLED, as_role(killed, "acta_app"), str(log), KEK.hex(), str(EXAMPLE)]
    with held_beyond(killed, 600) as waits, subprocess.Popen(command) as importing:
        until(lambda: waits() or importing.poll() is not None)
        importing.kill()
    with open_desk(killed, configured=False) as desk:
        report = import_log(desk, MappedLog(log, "csv", by))
        assert 0 < report.before < report.rows
        assert report.is_whole
        assert report.refused == []
        resumed = sorted(_comparable(desk), key=lambda ticket: str(ticket["external_id"]))
    opener = partial(Desk, as_role(shared, "acta_app"), KEK)
    both = import_in_shares(opener, MappedLog(log, "csv", by), shares=2)
    assert (both.rows, both.opened, both.is_whole, both.refused) == (2_600, 200, True, [])
    with open_desk(shared, configured=False) as desk:
        assert sorted(_comparable(desk), key=lambda ticket: str(ticket["external_id"])) == resumed
    databases.drop(killed)
    databases.drop(shared)


def test_a_file_that_is_none_is_refused_whole(desk: Desk, tmp_path: Path):
    (tmp_path / "log.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotThisLayout, match="header"):
        told(desk, tmp_path / "log.csv")
    assert desk.store.head() == 0
