"""Legal holds: what they cover, when, and how they come and go."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desks import ACT, give, open_desk, opened
from domain.desk import Desk
from domain.desk.legal_holds import legal_holds, lift, place
from domain.desk.preserving import holds_over, lifting, must_not_be_held, placing
from domain.errors import (
    DepartmentNotFound,
    HoldCoversNothing,
    HoldEndsInThePast,
    HoldNotFound,
    KeyUsedDifferently,
    NothingChanges,
    PersonNotFound,
    TicketNotFound,
    UnderLegalHold,
)
from domain.setup.events import SETUP, DepartmentDefined, LegalHoldPlaced, SetupEvent
from domain.setup.state import Setup, fold
from domain.ticket.state import Ticket

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DESK = fold([DepartmentDefined(department=name, name=name) for name in ("it", "hr", "legal")])
IDS = [UUID(int=n) for n in range(1, 5)]
PEOPLE = [UUID(int=n) for n in range(11, 15)]
PLACES = ["it", "hr", "legal"]


def some(things: list) -> st.SearchStrategy:
    return st.lists(st.sampled_from(things), unique=True, max_size=2).map(tuple)


HOLDS = st.lists(
    st.builds(
        LegalHoldPlaced,
        hold=st.uuids().map(str),
        tickets=some(IDS),
        persons=some(PEOPLE),
        departments=some([*PLACES, "*"]),
        until=st.sampled_from([None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]),
    ),
    max_size=4,
)
TICKETS = st.builds(
    Ticket,
    ticket=st.sampled_from(IDS),
    requester=st.sampled_from(PEOPLE),
    former_requesters=some(PEOPLE).map(frozenset),
    department=st.sampled_from(PLACES),
    former_departments=some(PLACES).map(frozenset),
)


@given(holds=HOLDS, lifted=st.sets(st.integers(0, 3)), ticket=TICKETS)
@settings(max_examples=300)
def test_a_hold_covers_a_ticket_exactly_while_it_is_in_force_over_it_or_its_people_or_its_places(
    holds: list[LegalHoldPlaced], lifted: set[int], ticket: Ticket
):
    setup = DESK
    for hold in holds:
        setup = fold([hold], setup)
    for n, hold in enumerate(holds):
        if n in lifted:
            setup = fold(lifting(hold.hold, "over")(setup), setup)
    covering = set()
    for n, hold in enumerate(holds):
        if n in lifted or (hold.until is not None and hold.until <= NOW):
            continue
        people = [ticket.requester, *ticket.former_requesters]
        places = [ticket.department, *ticket.former_departments]
        if (
            ticket.ticket in hold.tickets
            or any(person in hold.persons for person in people)
            or any(place in hold.departments for place in places)
            or "*" in hold.departments
        ):
            covering.add(hold.hold)
    assert {hold.hold for hold in holds_over(setup, ticket, NOW)} == covering


def test_what_is_held_is_not_erased_and_the_refusal_names_the_holds():
    setup = fold(placing(LegalHoldPlaced(hold="a", departments=("it",)), NOW)(DESK), DESK)
    with pytest.raises(UnderLegalHold) as refused:
        must_not_be_held(holds_over(setup, Ticket(department="it"), NOW))
    assert refused.value.particulars == {"holds": ["a"]}
    must_not_be_held(holds_over(setup, Ticket(department="hr"), NOW))


@pytest.mark.parametrize(
    ("hold", "why"),
    [
        (LegalHoldPlaced(hold="a"), HoldCoversNothing),
        (LegalHoldPlaced(hold="a", departments=("moon",)), DepartmentNotFound),
        (LegalHoldPlaced(hold="a", departments=("it",), until=NOW), HoldEndsInThePast),
    ],
)
def test_a_hold_that_would_hold_nothing_is_refused(hold: LegalHoldPlaced, why: type[Exception]):
    with pytest.raises(why):
        placing(hold, NOW)(DESK)


def test_a_hold_is_lifted_once_and_not_placed_again():
    held = fold(placing(LegalHoldPlaced(hold="a", departments=("*",)), NOW)(DESK), DESK)
    free = fold(lifting("a", "over")(held), held)
    assert free.holds == {}
    with pytest.raises(NothingChanges):
        lifting("a", "over")(free)
    with pytest.raises(HoldNotFound):
        lifting("b", "over")(free)
    assert placing(LegalHoldPlaced(hold="a", departments=("*",)), NOW)(free) == []


def test_a_ticket_stays_held_when_it_goes_to_another_department_or_requester(desk: Desk):
    receipt = opened(desk, requester={"email": "petra@example.org"})
    ticket = desk.ticket(receipt.ticket)
    place(desk, ACT, hold="a", ground="A claim.", departments=["it"])
    place(desk, ACT, hold="b", ground="A claim.", persons=[ticket.requester])
    give(desk, "transfer", str(receipt.number), department="hr", reason="It is about a contract.")
    give(desk, "change-requester", str(receipt.number), requester={"email": "kim@example.org"}, reason="For Kim.")
    moved = desk.ticket(receipt.ticket)
    assert (moved.department, moved.requester == ticket.requester) == ("hr", False)
    assert {hold.hold for hold in holds_over(desk.setup(), moved, desk.now())} == {"a", "b"}


def test_the_grounds_of_a_hold_are_stored_sealed_and_shown_opened(desk: Desk):
    receipt = opened(desk)
    place(desk, ACT, hold="a", name="Prosser", ground="Petra Prosser sues.", tickets=[str(receipt.number)])
    lift(desk, ACT, hold="a", reason="Petra Prosser has settled.")
    stored = b"".join(bytes(event.state) for event in desk.store.events_of(SETUP))
    assert b"Prosser" not in stored
    assert [event.ground for event in desk.setup().holds.values()] == []
    (shown,) = legal_holds(desk).values()
    assert (shown.name, shown.ground, shown.reason) == ("Prosser", "Petra Prosser sues.", "Petra Prosser has settled.")
    assert (shown.tickets, shown.in_force, shown.lifted_by) == ((receipt.ticket,), False, "tester")


def test_a_repeated_hold_is_one_hold_and_one_with_other_content_is_refused(desk: Desk):
    first, position = place(desk, ACT, hold="a", ground="A claim.", departments=["it"])
    head = desk.store.head()
    assert position == head
    assert place(desk, ACT, hold="a", ground="A claim.", departments=["it"]) == (first, 0)
    with pytest.raises(KeyUsedDifferently):
        place(desk, ACT, hold="a", ground="Another claim.", departments=["it"])
    assert desk.store.head() == head


def test_what_a_hold_names_must_be_there(desk: Desk):
    receipt = opened(desk)
    with pytest.raises(TicketNotFound):
        place(desk, ACT, hold="a", ground="A claim.", tickets=["4711"])
    for nobody in (UUID(int=7), receipt.ticket, SETUP):
        with pytest.raises(PersonNotFound):
            place(desk, ACT, hold="a", ground="A claim.", persons=[nobody])
    assert desk.setup().holds == {}


def test_another_process_knows_a_hold_before_its_next_decision(database: str, desk: Desk):
    with open_desk(database) as other:
        opened(other)
        place(desk, ACT, hold="a", ground="A claim.", departments=["it"])
        decided_on = []

        def decide(setup: Setup) -> list[SetupEvent]:
            decided_on.append(set(setup.holds))
            return [DepartmentDefined(department="legal", name="Legal")]

        other.configure(decide, ACT)
        assert decided_on[-1] == {"a"}
