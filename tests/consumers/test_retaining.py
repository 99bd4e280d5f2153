"""Retention: what was kept long enough is let go once, nothing before its day, and nothing that a legal hold covers."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from os import environ
from pathlib import Path

import psycopg
import pytest

from consumers.clock import clock
from consumers.erasing import Eraser, erase_now
from consumers.erasures import Erasures
from consumers.follow import follow
from consumers.project import connect
from consumers.retaining import RETAINER, foreseen, retain
from consuming import completed, running, until
from desks import ACT, KEK, as_role, give, open_desk, opened, prepare
from domain.desk import Desk, Order, Receipt
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.desk.legal_holds import lift, place
from domain.envelope import ERASED
from domain.errors import NothingChanges, UnderLegalHold
from domain.person.events import PersonErasureOrdered
from domain.store.places import Directory
from domain.ticket.commands.expiring import Expire
from domain.ticket.events import TicketRedacted, TicketRetentionExpired
from lying_files import lying, put_to
from machines import Prepare
from projections.views import ALL

DAY = timedelta(days=1)
RULES = {
    "departments": {
        "it": {"name": "IT", "default_group": "service-desk", "retention": {"days": 30, "persons": True}},
        "hr": {"name": "HR", "default_group": "people"},
    },
    "request_types": {
        "badge": {"name": "Badge", "department": "it", "retention": {"days": 400}},
        "court": {"name": "Court", "department": "it", "retention": {"forever": True}},
    },
}


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO acta_projector'.encode())
    with open_desk(database) as desk:
        desk.configure(plan(DeskDocument.model_validate(RULES), {}), ACT)
    two_days_pass(database)
    with open_desk(database) as desk:
        yield desk


def two_days_pass(database: str) -> None:
    """Everything that is recorded was two days ago."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        connection.execute("UPDATE acta.events SET recorded_at = recorded_at - interval '2 days'")
        connection.execute("ALTER TABLE acta.events ENABLE ALWAYS TRIGGER append_only")


@pytest.fixture
def followed(desk: Desk, database: str) -> Iterator[Callable[[], None]]:
    """Views that follow; called, it waits until they show everything."""
    with running(follow, desk, as_role(database, "acta_projector"), ALL) as follower:
        yield lambda: until(lambda: completed(database) == desk.store.head(), follower)


@pytest.fixture
def passed(desk: Desk, database: str, followed: Callable[[], None]) -> Iterator[Callable[..., dict[int, str]]]:
    """A pass over everything, as of a time; the answer is what became of which ticket, by number."""
    with connect(as_role(database, "acta_projector")) as views:

        def run(now: datetime | None = None, *, dry: bool = False) -> dict[int, str]:
            followed()
            told = list((foreseen if dry else retain)(desk, views, now or desk.now()))
            assert len({one.ticket for one in told}) == len(told)
            return {one.ticket.number: one.outcome for one in told}

        yield run


def ago(desk: Desk, days: float) -> str:
    """So many days ago."""
    return (desk.now() - days * DAY).isoformat()


def closed(desk: Desk, days: float, **fields: object) -> Receipt:
    """A ticket that closed so many days ago."""
    receipt = opened(desk, **({"occurred_at": ago(desk, days + 1), "title": "VPN drops"} | fields))
    give(desk, "resolve", str(receipt.number), code="fixed", notes="New profile.", occurred_at=ago(desk, days))
    give(desk, "close", str(receipt.number), occurred_at=ago(desk, days))
    return receipt


def expirations(desk: Desk, receipt: Receipt) -> list[TicketRetentionExpired]:
    return [event for event in desk.history(receipt.ticket) if isinstance(event, TicketRetentionExpired)]


def test_what_is_due_by_its_rule_is_let_go_and_nothing_else_is(desk: Desk, passed: Callable[..., dict[int, str]]):
    gone = [closed(desk, 33), closed(desk, 5_000)]
    badge = closed(desk, 402, request_type="badge")
    kept = [
        closed(desk, 29),
        closed(desk, 350, request_type="badge"),
        closed(desk, 9_000, request_type="court"),
        closed(desk, 9_000, department="hr"),
        opened(desk, occurred_at=ago(desk, 900)),
    ]
    due = {receipt.number: "due" for receipt in (*gone, badge)}
    assert passed(dry=True) == due
    assert passed() == dict.fromkeys(due, "gone")
    assert passed() == {}
    for receipt in gone:
        (expired,) = expirations(desk, receipt)
        assert (expired.department, expired.request_type, expired.retention_version) == ("it", "", 1)
        assert (expired.act.actor.id, expired.act.channel) == ("retention", "retention")
        order = desk.history(receipt.ticket)[-1]
        assert isinstance(order, TicketRedacted)
        assert order.versions == tuple(range(1, expired.version))
    assert expirations(desk, badge)[0].request_type == "badge"
    assert not [expired for receipt in kept for expired in expirations(desk, receipt)]


def test_it_is_due_at_the_end_of_its_last_day_and_not_before(desk: Desk, passed: Callable[..., dict[int, str]]):
    receipt = closed(desk, 10)
    closing = desk.ticket(receipt.ticket).closed_at
    assert closing is not None
    midnight = datetime(closing.year, closing.month, closing.day, tzinfo=UTC) + 31 * DAY
    assert passed(midnight - timedelta(microseconds=1), dry=True) == {}
    assert passed(midnight, dry=True) == {receipt.number: "due"}


def test_a_process_whose_watch_is_ahead_lets_nothing_go_before_its_day(
    desk: Desk, passed: Callable[..., dict[int, str]]
):
    receipt = closed(desk, 10)
    assert passed(desk.now() + 100 * DAY) == {receipt.number: "gone"}
    assert expirations(desk, receipt) == []
    command = Expire(as_of=desk.now() + 100 * DAY)
    with pytest.raises(NothingChanges):
        desk.handle(Order(command=command, principal=RETAINER, ticket=str(receipt.ticket)))


def test_a_rule_lets_nothing_go_on_the_day_it_was_configured_and_what_it_would_is_shown(
    desk: Desk, passed: Callable[..., dict[int, str]]
):
    receipt = closed(desk, 40)
    shorter = RULES["departments"]["it"] | {"retention": {"days": 14}}
    desk.configure(plan(DeskDocument.model_validate({"departments": {"it": shorter}}), {}), ACT)
    assert passed(dry=True) == {receipt.number: "due"}
    assert passed() == {}
    with pytest.raises(NothingChanges):
        desk.handle(Order(command=Expire(as_of=desk.now()), principal=RETAINER, ticket=str(receipt.ticket)))
    assert expirations(desk, receipt) == []


def test_a_pass_that_ends_anywhere_is_finished_by_the_next_one(
    desk: Desk, database: str, followed: Callable[[], None], passed: Callable[..., dict[int, str]]
):
    receipts = [closed(desk, 40, requester={"email": f"{n}@example.org"}) for n in range(6)]
    followed()
    with connect(as_role(database, "acta_projector")) as views:
        broken_off = retain(desk, views, desk.now())
        assert [next(broken_off).outcome for _ in range(4)] == ["gone"] * 4
        broken_off.close()
    assert list(passed().values()) == ["gone"] * 2
    assert [len(expirations(desk, receipt)) for receipt in receipts] == [1] * 6


def test_what_a_hold_covers_stays_and_is_told_until_it_is_lifted(desk: Desk, passed: Callable[..., dict[int, str]]):
    named, persons, free = (closed(desk, 40, requester={"email": f"{n}@example.org"}) for n in "abc")
    place(desk, ACT, hold="h1", ground="A claim.", tickets=[str(named.number)])
    place(desk, ACT, hold="h2", ground="A claim.", persons=[desk.ticket(persons.ticket).requester])
    told = {named.number: "held", persons.number: "held", free.number: "gone"}
    assert passed(dry=True) == told | {free.number: "due"}
    assert passed() == told
    with pytest.raises(UnderLegalHold):
        desk.handle(Order(command=Expire(as_of=desk.now()), principal=RETAINER, ticket=str(named.ticket)))
    lift(desk, ACT, hold="h1", reason="Settled.")
    assert passed() == {named.number: "gone", persons.number: "held"}


def test_what_is_written_on_a_ticket_after_it_was_let_go_goes_by_the_next_pass(
    desk: Desk, passed: Callable[..., dict[int, str]]
):
    receipt = closed(desk, 40)
    assert passed() == {receipt.number: "gone"}
    noted = give(desk, "note", str(receipt.number), text="Petra called.")
    assert passed() == {receipt.number: "gone"}
    order = desk.history(receipt.ticket)[-1]
    assert isinstance(order, TicketRedacted)
    assert order.versions == (noted.version,)
    assert passed() == {}


def test_what_was_merged_into_a_ticket_goes_with_it(desk: Desk, passed: Callable[..., dict[int, str]]):
    first, second, target = (opened(desk, occurred_at=ago(desk, 60)) for _ in range(3))
    for source, into in ((first, second), (second, target)):
        give(desk, "merge", str(source.number), into=str(into.number), reason="Same.", occurred_at=ago(desk, 50))
    give(desk, "cancel", str(target.number), occurred_at=ago(desk, 40))
    assert passed() == {target.number: "gone"}
    assert [len(expirations(desk, receipt)) for receipt in (first, second, target)] == [1, 1, 1]
    assert passed() == {}


def test_a_hold_on_what_was_merged_into_it_keeps_a_ticket(desk: Desk, passed: Callable[..., dict[int, str]]):
    source, target = (opened(desk, occurred_at=ago(desk, 60)) for _ in range(2))
    give(desk, "merge", str(source.number), into=str(target.number), reason="Same.", occurred_at=ago(desk, 50))
    give(desk, "cancel", str(target.number), occurred_at=ago(desk, 40))
    place(desk, ACT, hold="h1", ground="A claim.", tickets=[str(source.number)])
    assert passed(dry=True) == passed() == {target.number: "held"}
    assert [len(expirations(desk, receipt)) for receipt in (source, target)] == [0, 0]


def test_who_has_nothing_left_is_forgotten_and_whoever_has_is_not(desk: Desk, passed: Callable[..., dict[int, str]]):
    petra, kim, lee = ({"email": f"{name}@example.org", "name": name} for name in ("petra", "kim", "lee"))
    petras = [closed(desk, 40, requester=petra), closed(desk, 50, requester=petra)]
    kims = [closed(desk, 40, requester=kim), closed(desk, 3, requester=kim)]
    lees = closed(desk, 500, requester=lee, request_type="badge")
    assert set(passed().values()) == {"gone"}

    def orders(receipt: Receipt) -> list[PersonErasureOrdered]:
        history = desk.history(desk.ticket(receipt.ticket).requester)
        return [event for event in history if isinstance(event, PersonErasureOrdered)]

    (order,) = orders(petras[0])
    assert order.ground == "Retention: nothing is kept of them any more (it, version 1 of the rule)"
    assert orders(kims[0]) == orders(lees) == []


def test_what_was_let_go_cannot_be_read_by_anybody(
    desk: Desk, database: str, tmp_path: Path, followed: Callable[[], None], passed: Callable[..., dict[int, str]]
):
    receipt = closed(desk, 40, title="Petra is ill", requester={"email": "petra@example.org", "name": "Petra Prosser"})
    put_to(desk, Directory(tmp_path / "attachments"), str(receipt.number), b"x-ray")
    passed()
    files = Directory(tmp_path / "attachments")
    eraser = Eraser(desk, as_role(database, "acta_projector"), ALL, Erasures(tmp_path / "erasures"), files)
    erase_now(as_role(database, "acta_app"), eraser)
    followed()
    ticket = desk.ticket(receipt.ticket)
    assert (ticket.title, ticket.resolution_notes, ticket.status) == (ERASED, ERASED, "closed")
    assert lying(tmp_path / "attachments") == set()
    with psycopg.connect(database) as connection:
        shown = str(connection.execute("SELECT * FROM queue.entries").fetchall())
        shown += str(connection.execute("SELECT * FROM queue.people").fetchall())
    assert "Petra" not in shown
    assert "petra@example.org" not in shown


def test_the_clock_lets_go_what_is_due_by_itself(desk: Desk, database: str, followed: Callable[[], None]):
    receipts = [closed(desk, 40) for _ in range(70)]
    followed()
    with running(clock, desk, as_role(database, "acta_projector")) as process:
        until(lambda: all(expirations(desk, receipt) for receipt in receipts), process)
    assert {len(expirations(desk, receipt)) for receipt in receipts} == {1}


def test_the_command_line_shows_what_is_due_and_lets_nothing_go(
    desk: Desk, database: str, tmp_path: Path, followed: Callable[[], None]
):
    due, held = closed(desk, 40), closed(desk, 40)
    place(desk, ACT, hold="h1", ground="A claim.", tickets=[str(held.number)])
    followed()
    given = {
        "ACTA_HOME": str(tmp_path),
        "ACTA_KEK": KEK.hex(),
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_PROJECTOR_DATABASE_URL": as_role(database, "acta_projector"),
    }

    def told(*words: str) -> str:
        command = [sys.executable, "-c", "from deploy.cli import main; main()", "retention", *words]
        return subprocess.run(command, env=environ | given, capture_output=True, text=True, check=True).stdout

    shown = told("--dry-run")
    assert f"#{due.number}  closed" in shown
    assert f"#{held.number}  closed" in shown
    assert "held (h1)" in shown
    assert "1 due, 1 held; nothing was let go." in shown
    assert expirations(desk, due) == []
    assert "1 gone, 1 held." in told()
    assert len(expirations(desk, due)) == 1
