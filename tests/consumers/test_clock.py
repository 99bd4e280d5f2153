"""The clock over a real store and view: what time makes due is recorded once, whoever does it and however late."""

from datetime import UTC, datetime, timedelta
from threading import Event as Flag

import psycopg
import pytest
from psycopg import sql

from consumers.clock import CLOCK, clock
from consumers.follow import follow
from consuming import Running, running, until
from desks import ACT, KEK, as_role, give
from domain.clock.striking import Strike
from domain.desk import Desk, Order
from domain.errors import NothingChanges
from domain.setup.events import DepartmentDefined
from levels import HOUR, MINUTE, kinds, levels, opened_ago, quiet
from projections.sla import sla


@pytest.fixture
def promised(desk: Desk) -> Desk:
    desk.configure(lambda setup: levels(), ACT)
    return desk


def test_after_an_outage_over_a_hundred_deadlines_each_is_recorded_once_with_its_true_time(
    promised: Desk, views_dsn: str
) -> None:
    ages = [timedelta(minutes=number) for number in (*range(46, 55), *range(61, 180))]
    tickets = {opened_ago(promised, age): age for age in ages}
    with running(follow, promised, views_dsn, [sla]) as feed, running(clock, promised, views_dsn) as first:
        until(lambda: quiet(views_dsn, promised), feed, first)
    for ticket in tickets:
        opened, *rest = promised.history(ticket)
        told = {event.TYPE: event.occurred_at for event in rest if event.TYPE.startswith("sla.")}
        assert kinds(promised, ticket)["sla.warned.v1"] == 1
        assert told["sla.warned.v1"] == opened.occurred_at + 45 * MINUTE
        assert kinds(promised, ticket)["sla.breached.v1"] == (tickets[ticket] > HOUR)
        assert told.get("sla.breached.v1", opened.occurred_at + HOUR) == opened.occurred_at + HOUR


def test_two_clocks_at_once_record_nothing_twice(promised: Desk, database: str, views_dsn: str) -> None:
    tickets = [opened_ago(promised, 2 * HOUR) for _ in range(40)]
    other = Desk(as_role(database, "acta_app"), KEK)
    try:
        command = Strike(as_of=promised.store.now())
        answers = [
            desk.submit(Order(command=command, principal=CLOCK, ticket=str(ticket), channel="clock"))
            for ticket in tickets
            for desk in (promised, other)
        ]
        faults = [answer.exception() for answer in answers]
        assert sum(fault is None for fault in faults) == len(tickets)
        assert all(isinstance(fault, NothingChanges) for fault in faults if fault is not None)
    finally:
        other.close()
    for ticket in tickets:
        assert kinds(promised, ticket)["sla.warned.v1"] == kinds(promised, ticket)["sla.breached.v1"] == 1


def test_a_clock_that_begins_before_its_view_waits_for_it_without_a_word(
    promised: Desk, database: str, views_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    def looked() -> bool:
        with psycopg.connect(database) as connection:
            said = "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            return any("'projections.editions'" in query for (query,) in connection.execute(said))

    ticket = opened_ago(promised, 2 * HOUR)
    with running(clock, promised, views_dsn) as early:
        until(lambda: bool(caplog.records) or looked(), early)
        with running(follow, promised, views_dsn, [sla]) as feed:
            until(lambda: kinds(promised, ticket)["sla.breached.v1"] == 1, feed, early)
    assert [
        record for record in caplog.records if record.name == "acta.clock" and "interrupted" in record.message
    ] == []


def test_a_second_clock_stands_by_and_takes_over(promised: Desk, views_dsn: str) -> None:
    with running(follow, promised, views_dsn, [sla]) as feed:
        first, second = Running(clock, promised, views_dsn), Running(clock, promised, views_dsn)
        ticket = opened_ago(promised, 2 * HOUR)
        until(lambda: kinds(promised, ticket)["sla.breached.v1"] == 1, feed, first, second)
        first.end()
        later = opened_ago(promised, 2 * HOUR)
        until(lambda: kinds(promised, later)["sla.breached.v1"] == 1, feed, second)
        second.end()


def test_a_watch_that_jumps_back_or_ahead_records_nothing_twice_and_nothing_too_early(
    promised: Desk, views_dsn: str
) -> None:
    watch = [timedelta()]
    ticket = opened_ago(promised, 50 * MINUTE)
    with running(follow, promised, views_dsn, [sla]) as feed:
        moved = Running(clock, promised, views_dsn, now=lambda: promised.store.now() + watch[0])
        until(lambda: kinds(promised, ticket)["sla.warned.v1"] == 1, feed, moved)
        watch[0] = -HOUR
        late = opened_ago(promised, 50 * MINUTE)
        watch[0] = HOUR
        until(lambda: kinds(promised, late)["sla.warned.v1"] == 1, feed, moved)
        moved.end()
    for one in (ticket, late):
        assert kinds(promised, one)["sla.warned.v1"] == 1
        assert kinds(promised, one)["sla.breached.v1"] == 0


def test_a_ticket_that_moved_on_meanwhile_is_left_alone(promised: Desk) -> None:
    ticket = opened_ago(promised, 2 * HOUR)
    give(promised, "resolve", str(ticket), code="fixed", occurred_at=datetime.now(UTC) - 100 * MINUTE)
    with pytest.raises(NothingChanges):
        promised.handle(
            Order(command=Strike(as_of=promised.store.now()), principal=CLOCK, ticket=str(ticket), channel="clock")
        )


def test_the_same_clock_ends_holds_reminds_and_closes(desk: Desk, views_dsn: str) -> None:
    closing = DepartmentDefined(department="it", name="IT", default_group="service-desk", close_after_days=1)
    desk.configure(lambda setup: (closing,), ACT)
    held, reminded = (give(desk, "open", department="it", title="x").ticket for _ in range(2))
    soon = datetime.now(UTC) + timedelta(seconds=2)
    give(desk, "hold", str(held), reason="date", until=soon)
    give(desk, "remind", str(reminded), at=soon, agent="alice", text="Has it come?")
    resolved = opened_ago(desk, timedelta(days=3))
    give(desk, "resolve", str(resolved), code="fixed", occurred_at=datetime.now(UTC) - timedelta(days=2))
    with running(follow, desk, views_dsn, [sla]) as feed, running(clock, desk, views_dsn) as running_clock:
        wanted = {held: "ticket.resumed.v1", reminded: "ticket.reminder-due.v1", resolved: "ticket.closed.v1"}
        until(lambda: all(kinds(desk, ticket)[kind] for ticket, kind in wanted.items()), feed, running_clock)
    resumed, closed = desk.history(held)[-1], desk.history(resolved)[-1]
    assert (resumed.occurred_at, resumed.act.actor.id, resumed.act.channel) == (soon, "clock", "clock")
    assert desk.ticket(held).status == "in_progress"
    assert closed.occurred_at == desk.history(resolved)[-2].occurred_at + timedelta(days=1)


def test_a_view_that_is_wrong_about_one_ticket_does_not_hold_up_the_others(promised: Desk, views_dsn: str) -> None:
    wrong = opened_ago(promised, 10 * MINUTE)
    with running(follow, promised, views_dsn, [sla]) as feed:
        until(lambda: quiet(views_dsn, promised), feed)
        with psycopg.connect(views_dsn) as connection:
            table = sql.Identifier(f"sla_v{sla.version}", "tickets")
            connection.execute(
                sql.SQL("UPDATE {} SET alarm_at = '2000-01-01Z' WHERE ticket = %s").format(table), (wrong,)
            )
        fine = opened_ago(promised, 2 * HOUR)
        with running(clock, promised, views_dsn) as ticking:
            until(lambda: kinds(promised, fine)["sla.breached.v1"] == 1, feed, ticking)
    assert kinds(promised, wrong)["sla.warned.v1"] == 0


def test_it_outlives_its_connections_and_stops_when_asked_before_it_begins(
    promised: Desk, database: str, views_dsn: str
) -> None:
    stop = Flag()
    stop.set()
    clock(promised, views_dsn, stop)
    tickets = []
    with running(follow, promised, views_dsn, [sla]) as feed, running(clock, promised, views_dsn) as ticking:
        for _ in range(3):
            tickets.append(opened_ago(promised, 2 * HOUR))
            until(lambda: kinds(promised, tickets[-1])["sla.breached.v1"] == 1, feed, ticking)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name IN ('acta lease', 'acta views')"
                )
        tickets.append(opened_ago(promised, 2 * HOUR))
        until(lambda: quiet(views_dsn, promised), feed, ticking)
    for ticket in tickets:
        assert kinds(promised, ticket)["sla.warned.v1"] == kinds(promised, ticket)["sla.breached.v1"] == 1
