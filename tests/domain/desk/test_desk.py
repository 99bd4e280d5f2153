"""The desk as a whole, on a real store: receipts, keys, versions, merges, what callers may do, and other processes."""

from concurrent.futures import wait
from datetime import UTC, datetime, timedelta

import pytest

from desks import ACT as TESTER_ACT
from desks import TESTER, give, open_desk, opened
from domain.access.principal import Principal, principal_of
from domain.desk import Desk, IdempotencyKey, Order
from domain.envelope import Actor
from domain.errors import (
    BackdatingNotAllowed,
    DepartmentNotFound,
    KeyUsedDifferently,
    NotAllowed,
    NotInGroup,
    PersonNotFound,
    Refused,
    TicketIsMerged,
    TicketMovedOn,
    TicketNotFound,
    TimeInTheFuture,
    Unreadable,
)
from domain.setup.events import SETUP, RoleGranted
from domain.ticket import state
from domain.ticket.commands import COMMANDS
from domain.ticket.commands.assigning import Assign, Claim
from domain.ticket.commands.conversing import Note, Reply
from domain.ticket.commands.correcting import Correct, Corrections
from domain.ticket.commands.opening import Open, Requester


def agent(desk: Desk, handle: str) -> Principal:
    return principal_of(desk.setup(), Actor(kind="agent", id=handle))


def keyed(key: str, digest: str = "same") -> IdempotencyKey:
    return IdempotencyKey(principal="tester", source="test", key=key, digest=digest)


def opening(**fields: object) -> Order:
    command = Open.model_validate({"department": "it", "title": "VPN drops"} | fields)
    return Order(command=command, principal=TESTER)


def test_a_receipt_names_the_ticket_its_version_and_a_position_that_is_there(desk: Desk):
    receipt = opened(desk)
    assert receipt.number == receipt.opened
    assert receipt.events == ("ticket.opened.v1",)
    assert desk.find(f"#{receipt.number}") == desk.find(str(receipt.ticket)) == receipt.ticket
    assert [event.position for event in desk.feed(receipt.position - 1, 10)] == [receipt.position]


def test_what_could_not_be_read_again_is_not_recorded_and_costs_nobody_else_anything(desk: Desk):
    before = desk.store.head()
    with pytest.raises(Unreadable):
        desk.configure(lambda setup: [RoleGranted(grantee="eve", role="boss", departments=("it",))], TESTER_ACT)  # type: ignore[arg-type]
    assert desk.store.head() == before
    assert opened(desk).position == before + 2


def test_a_keyed_request_is_decided_once_for_ever(desk: Desk):
    first = desk.handle(opening(), key=keyed("a"))
    head = desk.store.head()
    assert desk.handle(opening(), key=keyed("a")) == first
    assert desk.store.head() == head
    assert desk.handle(opening(), key=keyed("b")).number != first.number


def test_a_refusal_of_a_keyed_request_is_repeated_even_when_it_would_be_possible_by_then(desk: Desk):
    ticket = opened(desk, group="network")
    order = Order(command=Assign(assignee="bob"), principal=TESTER, ticket=str(ticket.number))
    with pytest.raises(NotInGroup):
        desk.handle(order, key=keyed("a"))
    give(desk, "route", str(ticket.number), group="service-desk")
    with pytest.raises(NotInGroup) as again:
        desk.handle(order, key=keyed("a"))
    assert again.value.particulars == {"agent": "bob", "group": "network"}


def test_the_same_key_for_another_request_is_refused(desk: Desk):
    desk.handle(opening(), key=keyed("a"))
    with pytest.raises(KeyUsedDifferently):
        desk.handle(opening(title="Another"), key=keyed("a", "different"))


def test_repeats_that_come_together_are_one(desk: Desk):
    futures = [desk.submit(opening(), key=keyed("a")) for _ in range(20)]
    wait(futures)
    receipt = futures[0].result()
    assert {future.result() for future in futures} == {receipt}
    assert receipt.position == desk.store.head()
    assert len([event for event in desk.feed(0, 1000) if event.TYPE == "ticket.opened.v1"]) == 1


def test_a_command_for_another_version_is_refused_and_told_the_current_one(desk: Desk):
    ticket = opened(desk)
    give(desk, "note", str(ticket.number), text="x")
    order = Order(command=Note(text="y"), principal=TESTER, ticket=str(ticket.number), if_match=ticket.version)
    with pytest.raises(TicketMovedOn) as why:
        desk.handle(order)
    assert why.value.particulars == {"version": ticket.version + 1}


def test_of_many_who_claim_at_once_one_gets_the_ticket(desk: Desk):
    ticket = opened(desk)
    futures = [
        desk.submit(Order(command=Claim(), principal=agent(desk, handle), ticket=str(ticket.number)))
        for handle in ("alice", "bob") * 10
    ]
    wait(futures)
    assert sum(future.exception() is None for future in futures) == 1


def test_two_processes_on_the_same_tickets_lose_and_double_nothing(desk: Desk, database: str):
    tickets = [str(opened(desk).number) for _ in range(5)]
    with open_desk(database) as other:
        futures = [
            (one.submit(Order(command=Note(text=str(n)), principal=TESTER, ticket=tickets[n % 5])))
            for n in range(200)
            for one in (desk, other)
        ]
        wait(futures)
        assert [future.exception() for future in futures if future.exception()] == []
    for ticket in tickets:
        history = desk.history(desk.find(ticket))
        assert [event.version for event in history] == list(range(1, 82))
    assert [event.position for event in desk.feed(0, 10_000)] == list(range(1, desk.store.head() + 1))


def test_several_orders_on_one_ticket_are_all_carried_out_or_none(desk: Desk):
    ticket = opened(desk)
    note, wrong = Note(text="x"), Assign(assignee="nobody")
    orders = [Order(command=command, principal=TESTER, ticket=str(ticket.number)) for command in (note, wrong)]
    with pytest.raises(Refused):
        desk.handle(*orders)
    assert desk.ticket(ticket.ticket).version == ticket.version


def test_a_reply_to_a_merged_ticket_goes_to_the_target_and_stays_there_when_it_is_undone(desk: Desk):
    source, target = opened(desk), opened(desk)
    give(desk, "merge", str(source.number), into=f"#{target.number}")
    receipt = give(desk, "reply", str(source.number), text="Any news?")
    assert receipt.number == target.number
    give(desk, "unmerge", str(source.number))
    assert desk.ticket(target.ticket).public_replies == 1
    assert desk.ticket(source.ticket).public_replies == 0
    assert not desk.ticket(target.ticket).absorbed


def test_a_person_who_asks_again_is_the_same_person(desk: Desk):
    first = opened(desk, requester={"email": "Petra@Example.org", "name": "Petra"})
    second = opened(desk, requester={"email": "petra@example.org"})
    assert desk.ticket(first.ticket).requester == desk.ticket(second.ticket).requester
    (registered,) = desk.history(desk.ticket(first.ticket).requester)
    assert registered.TYPE == "person.registered.v1"


def test_another_departments_ticket_does_not_exist(desk: Desk):
    ticket = opened(desk, department="hr")
    for verb, fields in (("note", {"text": "x"}), ("assign", {"assignee": "alice"}), ("reply", {"text": "x"})):
        with pytest.raises(TicketNotFound):
            give(desk, verb, str(ticket.number), by=agent(desk, "alice"), **fields)
    with pytest.raises(DepartmentNotFound):
        opened(desk, department="hr", by=agent(desk, "alice"))


def test_a_merge_into_a_ticket_that_was_merged_away_says_where_that_went_to_who_may_see_it(desk: Desk):
    mine, away, there = (opened(desk, title=title) for title in ("Mine", "Away", "There"))
    hidden, theirs = opened(desk, title="Hidden"), opened(desk, department="hr", title="Theirs")
    give(desk, "merge", str(away.number), into=str(there.number))
    give(desk, "merge", str(hidden.number), into=str(theirs.number))
    with pytest.raises(TicketIsMerged) as told:
        give(desk, "merge", str(mine.number), by=agent(desk, "alice"), into=str(away.number))
    assert told.value.particulars == {"possible": [], "into": there.number}
    with pytest.raises(TicketIsMerged) as untold:
        give(desk, "merge", str(mine.number), by=agent(desk, "alice"), into=str(hidden.number))
    assert untold.value.particulars == {"possible": []}


def test_a_merge_or_link_needs_both_tickets(desk: Desk):
    mine, theirs = opened(desk), opened(desk, department="hr")
    with pytest.raises(TicketNotFound):
        give(desk, "merge", str(mine.number), by=agent(desk, "alice"), into=str(theirs.number))


def test_what_is_refused_for_want_of_permission_is_itself_recorded(desk: Desk):
    ticket = opened(desk, department="hr")
    with pytest.raises(TicketNotFound):
        give(desk, "note", str(ticket.number), by=agent(desk, "alice"), text="x")
    last = desk.feed(desk.store.head() - 1, 1)[0]
    assert last.TYPE == "access.refused.v1"
    assert (last.act.actor.id, getattr(last, "ticket", None)) == ("alice", ticket.ticket)


def test_a_requester_acts_on_their_own_tickets_only(desk: Desk, database: str):
    petra = desk.keys.stream_of("person", "email", "petra@example.org")
    grant = RoleGranted(grantee="petra", role="requester", departments=("*",))
    desk.configure(lambda setup: [grant], TESTER_ACT)
    me = principal_of(desk.setup(), Actor(kind="requester", id="petra"), person=petra)
    mine = opened(desk, by=me)
    other = opened(desk, requester={"email": "paul@example.org"})
    assert give(desk, "reply", str(mine.number), by=me, text="More.").events == ("ticket.requester-replied.v1",)
    with pytest.raises(TicketNotFound):
        give(desk, "reply", str(other.number), by=me, text="Hello?")
    with pytest.raises(NotAllowed):
        give(desk, "note", str(mine.number), by=me, text="x")
    with pytest.raises(NotAllowed):
        opened(desk, by=me, requester={"email": "paul@example.org"})


def test_only_who_may_backdate_says_when_it_happened(desk: Desk):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(BackdatingNotAllowed):
        opened(desk, by=agent(desk, "alice"), occurred_at=yesterday)
    with pytest.raises(TimeInTheFuture):
        opened(desk, occurred_at=datetime.now(UTC) + timedelta(hours=1))
    assert desk.ticket(opened(desk, occurred_at=yesterday).ticket).opened_at == yesterday


def test_effective_times_never_run_backwards_in_a_ticket(desk: Desk):
    ticket = opened(desk)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    give(desk, "reply", str(ticket.number), text="Late news.", occurred_at=hour_ago)
    opened_event, reply = desk.history(ticket.ticket)
    assert reply.occurred_at == hour_ago
    assert reply.effective_at == opened_event.effective_at


def test_backdated_commands_that_come_together_keep_their_order_in_time(desk: Desk):
    ticket = opened(desk)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    orders = [
        Note(text="a"),
        Note(text="b", occurred_at=hour_ago),
        Note(text="c"),
        Note(text="d", occurred_at=hour_ago),
    ]
    futures = [desk.submit(Order(command=order, principal=TESTER, ticket=str(ticket.number))) for order in orders]
    wait(futures)
    times = [event.effective_at for event in desk.history(ticket.ticket)]
    assert times == sorted(times)


def test_state_as_of_a_moment_is_the_fold_of_what_had_happened(desk: Desk):
    ticket = opened(desk)
    shown = [desk.ticket(ticket.ticket)]
    for verb, fields in (("assign", {"assignee": "bob"}), ("hold", {"reason": "vendor"}), ("resume", {})):
        give(desk, verb, str(ticket.number), **fields)
        shown.append(desk.ticket(ticket.ticket))
    for then in shown:
        assert desk.ticket(ticket.ticket, at=then.updated_at) == then
        assert desk.ticket(ticket.ticket, version=then.version) == then
        assert desk.ticket(ticket.ticket, known_at=then.recorded_at) == then
    with pytest.raises(TicketNotFound):
        desk.ticket(ticket.ticket, at=shown[0].opened_at - timedelta(seconds=1))


def test_what_the_writer_remembers_is_what_the_store_says(desk: Desk):
    ticket = opened(desk)
    for _ in range(3):
        give(desk, "note", str(ticket.number), text="x")
    with_memory = desk.writer._known[ticket.ticket].state
    assert state.fold(map(desk.sealing.decoded, desk.store.events_of(ticket.ticket))) == with_memory


def test_an_import_may_say_what_is_recorded_where_the_rules_refuse(desk: Desk):
    ticket = opened(desk)
    receipt = desk.handle(
        Order(
            command=COMMANDS["resume"](),
            otherwise=Correct(fields=Corrections(status="in_progress"), why="source resumed what was not on hold"),
            principal=TESTER,
            ticket=str(ticket.number),
        )
    )
    assert receipt.events == ("ticket.corrected.v1",)
    assert desk.ticket(ticket.ticket).status == "in_progress"


def test_the_reply_of_whoever_asked_is_sealed_for_them(desk: Desk):
    petra = desk.keys.stream_of("person", "email", "petra@example.org")
    desk.configure(lambda setup: [RoleGranted(grantee="petra", role="requester", departments=("*",))], TESTER_ACT)
    me = principal_of(desk.setup(), Actor(kind="requester", id="petra"), person=petra)
    ticket = opened(desk, requester=Requester(email="petra@example.org").model_dump())
    desk.handle(Order(command=Reply(text="Mine."), principal=me, ticket=str(ticket.number)))
    assert {event.seal.subject for event in desk.history(ticket.ticket) if event.seal} == {petra}


def test_only_a_person_can_be_the_one_who_asks(desk: Desk):
    ticket = desk.handle(opening()).ticket
    for other in (ticket, SETUP):
        with pytest.raises(PersonNotFound):
            desk.handle(opening(requester={"id": other}))
    desk.handle(opening(requester={"id": desk.ticket(ticket).requester}))
