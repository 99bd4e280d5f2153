"""Two processes on one store: what one remembers never decides anything once the other has moved on."""

from collections.abc import Callable, Iterator

import pytest

from desks import ACT, TESTER, give, open_desk, opened
from domain.access.principal import Principal, principal_of
from domain.desk import Desk, IdempotencyKey, Order, Receipt
from domain.envelope import Actor
from domain.errors import GroupNotFound, Refused, TicketIsElsewhere, TicketMovedOn, TicketNotFound
from domain.setup.events import GroupDefined, GroupRetired, SetupEvent
from domain.ticket.commands import COMMANDS
from domain.ticket.commands.opening import Open


@pytest.fixture
def other(desk: Desk, database: str) -> Iterator[Desk]:
    with open_desk(database) as other:
        yield other


def remembered(desk: Desk, **fields: object) -> str:
    """A ticket in work that the desk has just seen."""
    ticket = str(opened(desk, **fields).number)
    give(desk, "assign", ticket, assignee="bob")
    return ticket


def keyed(desk: Desk, verb: str, ticket: str = "", **fields: object) -> Receipt:
    """Give a command under a key that names it."""
    command = COMMANDS[verb].model_validate(fields)
    key = IdempotencyKey(principal="tester", source="test", key=verb, digest=repr(command))
    return desk.handle(Order(command=command, principal=TESTER, ticket=ticket, channel="test"), key=key)


def configure(desk: Desk, *events: SetupEvent) -> None:
    desk.configure(lambda setup: events, ACT)


def alice(desk: Desk) -> Principal:
    return principal_of(desk.setup(), Actor(kind="agent", id="alice"))


def recorded(desk: Desk) -> list[str]:
    return [event.TYPE for event in desk.feed(0, 1000)]


def test_a_group_retired_elsewhere_takes_no_more_tickets(desk: Desk, other: Desk):
    ticket = remembered(desk)
    give(desk, "release", ticket)
    configure(other, GroupRetired(group="network"))
    with pytest.raises(GroupNotFound):
        give(desk, "route", ticket, group="network")
    with pytest.raises(GroupNotFound):
        opened(desk, group="network")


def test_a_group_defined_elsewhere_takes_tickets_at_once(desk: Desk, other: Desk):
    ticket = remembered(desk)
    give(desk, "release", ticket)
    configure(other, GroupDefined(group="telephony", name="Telephony", department="it"))
    assert give(desk, "route", ticket, group="telephony").events == ("ticket.routed.v1",)


def test_a_change_of_the_configuration_is_planned_on_what_is_configured(desk: Desk, other: Desk):
    remembered(desk)
    configure(other, GroupDefined(group="telephony", name="Telephony", department="it"))
    planned: list[bool] = []
    desk.configure(lambda setup: planned.append("telephony" in setup.groups) or (), ACT)
    assert planned[-1]


@pytest.mark.parametrize("give", [give, keyed], ids=["plain", "keyed"])
def test_what_became_possible_elsewhere_is_not_refused(desk: Desk, other: Desk, give: Callable[..., Receipt]):
    ticket = remembered(desk)
    give(other, "hold", ticket, reason="vendor")
    assert give(desk, "resume", ticket).events == ("ticket.resumed.v1",)
    assert "access.refused.v1" not in recorded(desk)


@pytest.mark.parametrize("give", [give, keyed], ids=["plain", "keyed"])
def test_what_became_impossible_elsewhere_is_refused(desk: Desk, other: Desk, give: Callable[..., Receipt]):
    ticket = remembered(desk)
    give(other, "resolve", ticket, code="solved")
    with pytest.raises(TicketIsElsewhere) as why:
        give(desk, "hold", ticket, reason="vendor")
    assert why.value.particulars["status"] == "resolved"


def test_a_reply_follows_a_merge_made_elsewhere_and_its_undoing(desk: Desk, other: Desk):
    source, target = remembered(desk), remembered(desk)
    give(other, "merge", source, into=target)
    assert give(desk, "reply", source, text="Any news?").number == int(target)
    give(other, "unmerge", source)
    assert give(desk, "reply", source, text="Any news?").number == int(source)


def test_a_reply_follows_a_target_that_was_merged_on_elsewhere(desk: Desk, other: Desk):
    source, target, last = remembered(desk), remembered(desk), remembered(desk)
    give(desk, "merge", source, into=target)
    give(other, "merge", target, into=last)
    assert give(desk, "reply", source, text="Any news?").number == int(last)


@pytest.mark.parametrize(
    ("verb", "naming"), [("merge", {"into": "2"}), ("link", {"other": "2", "kind": "relates"})], ids=["merge", "link"]
)
def test_a_ticket_transferred_elsewhere_is_out_of_reach_at_once(
    desk: Desk, other: Desk, verb: str, naming: dict[str, str]
):
    mine, theirs = remembered(desk), str(opened(desk).number)
    give(other, "transfer", theirs, department="hr")
    with pytest.raises(TicketNotFound):
        give(desk, verb, mine, by=alice(desk), **naming)
    with pytest.raises(TicketNotFound):
        give(desk, "note", theirs, by=alice(desk), text="x")


def test_a_version_that_was_named_is_compared_with_the_one_that_is(desk: Desk, other: Desk):
    ticket = remembered(desk)
    version = give(other, "note", ticket, text="x").version

    def noted(if_match: int) -> Receipt:
        command = COMMANDS["note"].model_validate({"text": "y"})
        return desk.handle(Order(command=command, principal=TESTER, ticket=ticket, if_match=if_match))

    with pytest.raises(TicketMovedOn) as why:
        noted(version - 1)
    assert why.value.particulars == {"version": version}
    assert noted(version).version == version + 1


def test_a_key_that_was_decided_elsewhere_is_decided(desk: Desk, other: Desk):
    first = keyed(other, "open", department="it", title="VPN drops")
    assert keyed(desk, "open", department="it", title="VPN drops") == first
    assert recorded(desk).count("ticket.opened.v1") == 1
    with pytest.raises(GroupNotFound):
        keyed(other, "route", str(first.number), group="telephony")
    configure(other, GroupDefined(group="telephony", name="Telephony", department="it"))
    with pytest.raises(GroupNotFound):
        keyed(desk, "route", str(first.number), group="telephony")


def test_a_key_that_comes_to_both_at_once_is_decided_once(desk: Desk, other: Desk):
    command = Open(department="it", title="VPN drops")
    for n in range(30):
        key = IdempotencyKey(principal="tester", source="test", key=str(n), digest="same")
        order = Order(command=command, principal=TESTER, channel="test")
        futures = [one.submit(order, key=key) for one in (desk, other) * 3]
        assert len({future.result() for future in futures}) == 1
    assert recorded(desk).count("ticket.opened.v1") == 30


def test_a_person_registered_elsewhere_is_the_same_person(desk: Desk, other: Desk):
    remembered(desk)
    petra = {"email": "petra@example.org", "name": "Petra"}
    tickets = [opened(one, requester=petra).ticket for one in (other, desk)]
    assert len({desk.ticket(ticket).requester for ticket in tickets}) == 1
    assert recorded(desk).count("person.registered.v1") == 2


def test_both_remember_what_the_store_says_whoever_did_it(desk: Desk, other: Desk):
    tickets = [remembered(desk) for _ in range(3)]
    for n in range(12):
        for one in (desk, other):
            ticket = tickets[n % 3]
            for verb, fields in (("hold", {"reason": "vendor"}), ("note", {"text": "x"}), ("resume", {})):
                try:
                    give(one, verb, ticket, **fields)
                except Refused:
                    pytest.fail(f"{verb} was refused on what is no longer so")
    for ticket in tickets:
        stream = desk.find(ticket)
        for one in (desk, other):
            version = give(one, "note", ticket, text="last").version
            assert one.writer._known[stream].version == version == len(desk.store.events_of(stream))
