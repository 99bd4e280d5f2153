"""The import of a log: told by the desk's rules, agreeing with its source, once only, and whole after a kill."""

import lzma
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.importing import Destination, NotThisLayout, Progress, ServiceNowLog, import_in_shares, import_servicenow
from consumers.importing.servicenow.checking import check
from consumers.importing.servicenow.layout import SOURCE
from consuming import until
from desks import ACT, KEK, as_role, open_desk
from domain.clock.hearing import IMPORTED
from domain.desk import Desk
from domain.errors import SetupConflict
from domain.setup.events import SETUP, AgentDefined, DepartmentDefined, GroupDefined
from domain.ticket.state import Ticket
from held_store import held_beyond
from made_log import ODDITIES, interleaved, made_incidents, random_incident, written

ZONE = "Europe/Lisbon"


def tickets(desk: Desk) -> dict[str, Ticket]:
    """Every imported ticket by its number in the source, without what no two runs share."""
    found: dict[str, Ticket] = {}
    for page in desk.pages(0, 1_000, types=("ticket.opened.v1",), opened=False):
        for event in page:
            ticket = desk.ticket(event.stream)
            found[ticket.external_id] = ticket
    return found


def comparable(desk: Desk) -> dict[str, dict[str, object]]:
    """What two imports of the same history have in common: everything but numbers, ids and the time of recording."""
    unlike = {"ticket", "number", "recorded_at", "requester", "former_requesters"}
    return {
        number: {name: getattr(ticket, name) for name in ticket.__struct_fields__ if name not in unlike}
        for number, ticket in tickets(desk).items()
    }


def events(desk: Desk) -> int:
    return desk.store.head()


def test_every_oddity_is_told_and_agrees_with_its_source(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", [row for rows in made_incidents(120) for row in rows])
    report = import_servicenow(desk, log, ZONE)
    agreement = check(desk, log, ZONE)
    assert report.is_whole
    assert report.refused == []
    assert report.opened == 120
    assert agreement.is_good, "\n".join(agreement.lines())
    assert all(it.source == it.acta for name, it in agreement.figures.items() if "our rules allowed" not in name)


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda made: made.__name__.strip("_"))
def test_an_oddity_alone_agrees(desk: Desk, tmp_path: Path, oddity):
    log = written(tmp_path / "log.csv", oddity("INC0000001"))
    report = import_servicenow(desk, log, ZONE)
    assert report.is_whole
    assert report.refused == []
    agreement = check(desk, log, ZONE)
    assert agreement.is_good, "\n".join(agreement.lines())


def test_what_the_rules_forbid_is_recorded_as_a_correction(desk: Desk, tmp_path: Path):
    made = {made.__name__: made for made in ODDITIES}
    log = written(tmp_path / "log.csv", made["_reopened_after_the_window"]("INC0000001"))
    report = import_servicenow(desk, log, ZONE)
    (ticket,) = tickets(desk).values()
    assert report.events["ticket.reopened.v1"] == 0
    assert [kind.examples for why, kind in report.corrections.items() if "window" in why] == [["INC0000001"]]
    assert (ticket.status, ticket.reopen_count) == ("closed", 1)


def test_imported_events_are_silent_and_keep_their_actors(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", ODDITIES[0]("INC0000001"))
    import_servicenow(desk, log, ZONE)
    (ticket,) = tickets(desk).values()
    history = desk.history(ticket.ticket)
    assert {event.act.channel for event in history} == {IMPORTED}
    assert [event.act.actor.id for event in history] == [
        "Opened by  8",
        *["Updated by 21"] * (len(history) - 3),
        "Updated by 908",
        "import",
    ]
    assert desk.ticket(ticket.ticket, at=history[1].effective_at).status == "in_progress"


def test_a_second_run_changes_nothing(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", [row for rows in made_incidents(40) for row in rows])
    first = import_servicenow(desk, log, ZONE)
    head = events(desk)
    second = import_servicenow(desk, log, ZONE)
    assert events(desk) == head
    assert (second.before, second.told, second.unchanged, second.configured) == (first.rows, 0, 0, 0)
    assert second.is_whole


def test_a_longer_file_continues_the_tickets(desk: Desk, tmp_path: Path, database: str):
    rows = interleaved(made_incidents(40))
    import_servicenow(desk, written(tmp_path / "short.csv", rows[: len(rows) // 2]), ZONE)
    log = written(tmp_path / "long.csv", rows)
    report = import_servicenow(desk, log, ZONE)
    assert report.continued > 0
    assert report.before == len(rows) // 2
    assert report.is_whole
    assert check(desk, log, ZONE).is_good


def test_another_history_of_a_known_incident_is_refused(desk: Desk, tmp_path: Path):
    rows = ODDITIES[0]("INC0000001")
    import_servicenow(desk, written(tmp_path / "log.csv", rows), ZONE)
    head = events(desk)
    rows[1] = rows[1] | {"category": "Category 1"}
    report = import_servicenow(desk, written(tmp_path / "other.csv", rows), ZONE)
    assert len(report.refused) == len(rows)
    assert "another history" in report.refused[0].reason
    assert report.is_whole
    assert events(desk) == head


def test_the_same_history_in_another_zone_is_refused(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", ODDITIES[0]("INC0000001"))
    import_servicenow(desk, log, ZONE)
    report = import_servicenow(desk, log, "Asia/Tokyo")
    assert len(report.refused) == report.rows
    assert "another zone" in report.refused[0].reason


KILLED = """
import sys
from pathlib import Path
from consumers.importing import import_servicenow
from domain.desk import Desk
desk = Desk(sys.argv[1], bytes.fromhex(sys.argv[3]))
import_servicenow(desk, Path(sys.argv[2]), "Europe/Lisbon", in_flight=4)
"""


def test_a_killed_import_resumes_to_the_same_end(databases, database_template, tmp_path: Path):
    log = written(tmp_path / "log.csv", [row for rows in made_incidents(300) for row in rows])
    whole, killed = databases.fresh(database_template), databases.fresh(database_template)
    with open_desk(whole, configured=False) as desk:
        import_servicenow(desk, log, ZONE)
        expected = comparable(desk)
    assert bytes(range(32)) == KEK
    command = [sys.executable, "-c", KILLED, as_role(killed, "acta_app"), str(log), KEK.hex()]
    with held_beyond(killed, 600) as waits, subprocess.Popen(command) as importing:
        until(lambda: waits() or importing.poll() is not None)
        importing.kill()
    with open_desk(killed, configured=False) as desk:
        assert desk.store.head() > 500
        report = import_servicenow(desk, log, ZONE)
        assert 0 < report.before < report.rows
        assert comparable(desk) == expected
        assert check(desk, log, ZONE).is_good
    databases.drop(whole)
    databases.drop(killed)


def test_an_import_in_shares_comes_to_the_same(databases, database_template, tmp_path: Path):
    log = written(tmp_path / "log.csv", interleaved(made_incidents(60)))
    with log.open("a") as file:
        file.write("INC0000001,too short\n,\n")
    alone, shared = databases.fresh(database_template), databases.fresh(database_template)
    seen: list[Progress] = []
    with open_desk(alone, configured=False) as desk:
        one = import_servicenow(desk, log, ZONE)
        expected = comparable(desk)
    two = import_in_shares(
        partial(Desk, as_role(shared, "acta_app"), KEK), ServiceNowLog(log, ZONE), shares=2, progress=seen.append
    )
    with open_desk(shared, configured=False) as desk:
        assert comparable(desk) == expected
        assert check(desk, log, ZONE).is_good
    assert two.is_whole
    assert (two.rows, two.told, two.unchanged, two.opened) == (one.rows, one.told, one.unchanged, one.opened)
    assert (two.refused, two.time_problems, two.configured) == (one.refused, one.time_problems, one.configured)
    assert {why: kind.count for why, kind in two.corrections.items()} == {
        why: kind.count for why, kind in one.corrections.items()
    }
    assert (seen[-1].rows, seen[-1].total) == (one.rows, one.rows)
    databases.drop(alone)
    databases.drop(shared)


@pytest.fixture(scope="module")
def long_lived_desk(databases, database_template):
    database = databases.fresh(database_template)
    with open_desk(database, configured=False) as desk:
        yield desk
    databases.drop(database)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dice=st.randoms(use_true_random=False))
def test_whatever_the_history_the_ticket_is_what_the_last_row_says(long_lived_desk: Desk, tmp_path: Path, dice):
    number = f"INC{long_lived_desk.store.head():09}"
    log = written(tmp_path / "log.csv", random_incident(number, dice))
    report = import_servicenow(long_lived_desk, log, ZONE)
    assert report.refused == []
    agreement = check(long_lived_desk, log, ZONE)
    assert agreement.is_good, "\n".join(agreement.lines())


def test_names_that_mean_something_else_here_stop_the_import_before_it_begins(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", ODDITIES[0]("INC0000001"))
    import_servicenow(desk, log, ZONE, to=Destination(department="other", request_type="other"))
    head = events(desk)
    with pytest.raises(SetupConflict):
        import_servicenow(desk, log, ZONE)
    assert events(desk) == head


def test_an_agent_who_is_known_here_keeps_their_name(desk: Desk, tmp_path: Path):
    agent = AgentDefined(agent="Resolver 89", groups=("Group 1",), skills=("vpn",), name="Ruth", email="r@example.org")
    department = DepartmentDefined(department="it", name="IT", default_group="Group 1")
    group = GroupDefined(group="Group 1", name="First line", department="it")
    desk.configure(lambda setup: (department, group, agent), ACT)
    log = written(tmp_path / "log.csv", [row for made in ODDITIES for row in made(f"INC{ODDITIES.index(made)}")])
    import_servicenow(desk, log, ZONE)
    *_, known = (
        event for event in desk.history(SETUP) if isinstance(event, AgentDefined) and event.agent == agent.agent
    )
    assert (known.name, known.email, known.skills) == ("Ruth", "r@example.org", ("vpn",))
    assert known.groups == ("Group 1", "Group 56")
    assert check(desk, log, ZONE).unexplained == []


def test_a_zone_must_exist(desk: Desk, tmp_path: Path):
    log = written(tmp_path / "log.csv", ODDITIES[0]("INC0000001"))
    with pytest.raises(ValueError, match="no time zone"):
        import_servicenow(desk, log, "Lisbon")
    assert events(desk) == 0


def test_progress_ends_at_the_last_row(desk: Desk, tmp_path: Path):
    seen = []
    log = written(tmp_path / "log.csv", ODDITIES[0]("INC0000001"))
    report = import_servicenow(desk, log, ZONE, progress=seen.append)
    assert (seen[-1].rows, seen[-1].total, seen[-1].events) == (report.rows, report.rows, sum(report.events.values()))


def test_a_damaged_file_stops_the_import_before_it_begins(desk: Desk, part_of_the_real_log: Path, tmp_path: Path):
    cut = tmp_path / "cut.csv.xz"
    cut.write_bytes(lzma.compress(part_of_the_real_log.read_bytes())[:-500])
    with pytest.raises(NotThisLayout, match="damaged"):
        import_servicenow(desk, cut, ZONE)
    assert events(desk) == 0


def test_a_part_of_the_real_log_agrees(desk: Desk, part_of_the_real_log: Path):
    report = import_servicenow(desk, part_of_the_real_log, ZONE)
    assert report.is_whole
    assert report.refused == []
    agreement = check(desk, part_of_the_real_log, ZONE)
    assert agreement.is_good, "\n".join(agreement.lines())
    assert {event.source for page in desk.pages(0, 500, types=("ticket.imported.v1",)) for event in page} == {SOURCE}
