"""Orders to erase: what is refused, what they destroy, what comes after, and what the database itself forbids."""

from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg
import pytest

from desks import ACT, as_role, give, opened
from domain.access.principal import Principal
from domain.desk import Desk, Receipt
from domain.desk.erasing import Erasing, SetupMovedOn
from domain.desk.forgetting import erase as erase_person
from domain.desk.forgetting import person_named, touched
from domain.desk.legal_holds import lift, place
from domain.envelope import ERASED, Actor
from domain.errors import EventNotFound, NothingChanges, PersonNotFound, UnderLegalHold
from domain.setup.events import EVERYWHERE, AgentDefined
from domain.store.keys import DESK_SECRET

PETRA = {"email": "petra@example.org", "name": "Petra Prosser"}
GROUND = "GDPR Art. 17(1)(b)"


def erase(desk: Desk, person: UUID) -> int:
    position = erase_person(desk, person, GROUND, ACT)
    desk.keys.destroy(position)
    desk.keys.learn()
    return position


def caller(desk: Desk, kind: Literal["requester", "service"], handle: str, person: UUID | None = None) -> Principal:
    """Somebody who reads and answers, and is no agent."""
    may = (frozenset({"ticket.read", "ticket.reply"}), frozenset({EVERYWHERE}))
    return Principal(actor=Actor(kind=kind, id=handle), person=person or desk.keys.person(kind, handle), grants=(may,))


def texts(desk: Desk, ticket: UUID) -> list[str]:
    return [event.text for event in desk.history(ticket) if hasattr(event, "text")]


# redacting


def test_a_redacted_message_reads_erased_and_the_others_do_not(desk: Desk) -> None:
    ticket = opened(desk, title="VPN drops")
    for text in ("the wrong person's diagnosis", "a harmless note"):
        give(desk, "note", str(ticket.number), text=text)
    desk.keys.destroy(give(desk, "redact", str(ticket.number), versions=[ticket.version + 1], reason="wrong").position)
    assert texts(desk, ticket.ticket) == [ERASED, "a harmless note"]
    assert desk.ticket(ticket.ticket).title == "VPN drops"
    assert desk.ticket(ticket.ticket).redacted == {ticket.version + 1}


def test_a_redaction_names_events_that_are_there_and_were_not_redacted(desk: Desk) -> None:
    ticket = opened(desk)
    with pytest.raises(EventNotFound):
        give(desk, "redact", str(ticket.number), versions=[99], reason="wrong")
    give(desk, "redact", str(ticket.number), versions=[1], reason="wrong")
    with pytest.raises(NothingChanges):
        give(desk, "redact", str(ticket.number), versions=[1], reason="wrong")


def test_the_title_of_a_redacted_opening_is_gone_from_the_state(desk: Desk) -> None:
    ticket = opened(desk, title="Petra is ill", description="very")
    desk.keys.destroy(give(desk, "redact", str(ticket.number), versions=[1], reason="wrong").position)
    state = desk.ticket(ticket.ticket)
    assert (state.title, state.description, state.number) == (ERASED, ERASED, ticket.number)


# erasing


def test_nobody_can_be_erased_who_is_not_known(desk: Desk) -> None:
    for unknown in (uuid4(), DESK_SECRET, person_named("petra@example.org", desk.keys)):
        with pytest.raises(PersonNotFound):
            erase_person(desk, unknown, GROUND, ACT)
    with pytest.raises(PersonNotFound):
        person_named("petra", desk.keys)


def test_a_person_of_whom_nothing_is_left_is_not_erased_twice(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    petra = desk.ticket(ticket.ticket).requester
    position = erase(desk, petra)
    desk.keys.destroy(position)
    with pytest.raises(NothingChanges):
        erase_person(desk, petra, GROUND, ACT)


def test_what_is_written_on_their_ticket_later_can_be_read_and_erased_as_well(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    give(desk, "note", str(ticket.number), text="Petra rang")
    petra = desk.ticket(ticket.ticket).requester
    erase(desk, petra)
    give(desk, "note", str(ticket.number), text="Petra rang again")
    assert texts(desk, ticket.ticket) == [ERASED, "Petra rang again"]
    assert sum(one.events for one in touched(desk, petra)) == 1
    erase(desk, petra)
    assert texts(desk, ticket.ticket) == [ERASED, ERASED]


def test_who_comes_back_with_the_same_address_is_somebody_else(desk: Desk) -> None:
    first = desk.ticket(opened(desk, requester=PETRA).ticket).requester
    erase(desk, first)
    again = opened(desk, requester=PETRA, title="back again")
    second = desk.ticket(again.ticket).requester
    assert second != first
    assert desk.ticket(again.ticket).title == "back again"
    assert person_named("Petra@example.org", desk.keys) == second
    erase(desk, second)
    third = desk.ticket(opened(desk, requester=PETRA).ticket).requester
    assert third not in (first, second)


def test_nothing_new_is_asked_for_one_who_was_erased(desk: Desk) -> None:
    petra = desk.ticket(opened(desk, requester=PETRA).ticket).requester
    erase(desk, petra)
    with pytest.raises(PersonNotFound):
        opened(desk, requester={"id": str(petra)})


def test_who_wrote_on_anothers_ticket_is_erased_there(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    kim = caller(desk, "requester", "kim")
    give(desk, "reply", str(ticket.number), by=kim, text="I have it, too")
    give(desk, "note", str(ticket.number), text="of Petra")
    erase(desk, desk.keys.person("requester", "kim"))
    assert texts(desk, ticket.ticket) == [ERASED, "of Petra"]


def test_what_a_mail_gateway_hands_on_is_its_writers_and_goes_with_them(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    give(desk, "reply", str(ticket.number), by=caller(desk, "service", "gateway"), text="Petra wrote a mail")
    erase(desk, desk.ticket(ticket.ticket).requester)
    assert texts(desk, ticket.ticket) == [ERASED]


def test_an_agent_is_erased_like_anybody_and_can_be_named_anew(desk: Desk) -> None:
    alice = person_named("agent:alice", desk.keys)
    assert desk.contacts()["alice"] == ("Alice Archer", "alice@example.org")
    erase(desk, alice)
    assert desk.contacts()["alice"] == (ERASED, ERASED)
    assert "alice" in desk.setup().agents
    anew = AgentDefined(agent="alice", groups=("network",), name="Alice Arrow")
    desk.configure(lambda setup: [anew], ACT)
    assert desk.contacts()["alice"][0] == "Alice Arrow"
    erase(desk, person_named("agent:alice", desk.keys))
    assert desk.contacts()["alice"][0] == ERASED


# legal holds


def covering(over: str, ticket: Receipt, petra: UUID) -> dict[str, Any]:
    return {"person": {"persons": (petra,)}, "ticket": {"tickets": (str(ticket.number),)}}.get(
        over, {"departments": ("it",)}
    )


@pytest.mark.parametrize("over", ["person", "ticket", "department"])
def test_a_hold_over_a_person_their_ticket_or_its_department_forbids_to_erase_them(desk: Desk, over: str) -> None:
    ticket = opened(desk, requester=PETRA, title="stays")
    petra = desk.ticket(ticket.ticket).requester
    hold, _ = place(desk, ACT, hold="c1", name="Prosser", ground="the court", **covering(over, ticket, petra))
    with pytest.raises(UnderLegalHold) as refused:
        erase_person(desk, petra, GROUND, ACT)
    assert refused.value.particulars == {"holds": [hold.hold]}
    assert "Prosser" not in str(refused.value)
    with pytest.raises(UnderLegalHold):
        give(desk, "redact", str(ticket.number), versions=[1], reason="wrong")
    assert desk.ticket(ticket.ticket).title == "stays"
    lift(desk, ACT, hold=hold.hold, reason="over")
    erase(desk, petra)
    assert desk.ticket(ticket.ticket).title == ERASED


def test_a_hold_over_one_who_wrote_on_a_ticket_keeps_their_words_there(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    opened(desk, requester={"email": "kim@example.org"})
    kim = desk.keys.person("email", "kim@example.org")
    wrote = give(desk, "reply", str(ticket.number), by=caller(desk, "requester", "kim", kim), text="I saw it")
    place(desk, ACT, hold="c1", ground="the court", persons=(kim,))
    with pytest.raises(UnderLegalHold):
        give(desk, "redact", str(ticket.number), versions=[wrote.version], reason="wrong")
    give(desk, "redact", str(ticket.number), versions=[1], reason="wrong")


def test_a_hold_over_others_forbids_nothing(desk: Desk) -> None:
    ticket = opened(desk, requester=PETRA)
    other = opened(desk, requester={"email": "kim@example.org"})
    place(desk, ACT, hold="c1", ground="the court", tickets=(str(other.number),))
    erase(desk, desk.ticket(ticket.ticket).requester)
    assert desk.ticket(ticket.ticket).title == ERASED


def test_an_order_is_decided_again_when_the_configuration_has_moved_on(desk: Desk) -> None:
    """The holds of the version that was asked are not those of the one that counts."""
    petra = desk.ticket(opened(desk, requester=PETRA).ticket).requester
    task = Erasing(petra, GROUND, ACT, desk.keys, desk.setup().version)
    place(desk, ACT, hold="c1", ground="the court", persons=(petra,))
    desk.writer.submit(task)
    with pytest.raises(SetupMovedOn):
        task.future.result()


# between processes


def test_another_process_does_not_seal_for_one_who_was_erased(desk: Desk, another: Desk) -> None:
    """Its key is still cached there: the append refuses, and the decision is made again under another key."""
    ticket = opened(another, requester=PETRA)
    give(another, "note", str(ticket.number), text="before")
    erase(desk, desk.ticket(ticket.ticket).requester)
    give(another, "note", str(ticket.number), text="after")
    assert texts(another, ticket.ticket) == texts(desk, ticket.ticket) == [ERASED, "after"]


def test_another_process_opens_for_one_who_was_erased_a_new_persons_ticket(desk: Desk, another: Desk) -> None:
    first = another.ticket(opened(another, requester=PETRA).ticket).requester
    erase(desk, first)
    again = opened(another, requester=PETRA, title="back")
    assert another.ticket(again.ticket).requester != first
    assert desk.ticket(again.ticket).title == "back"


def test_a_cached_key_opens_nothing_once_the_tables_are_written_anew(desk: Desk, another: Desk) -> None:
    ticket = opened(desk, requester=PETRA, title="Petra is ill")
    assert another.ticket(ticket.ticket).title == "Petra is ill"
    erase(desk, desk.ticket(ticket.ticket).requester)
    desk.keys.rewrite()
    assert another.ticket(ticket.ticket).title == ERASED


def test_writing_goes_on_while_the_tables_of_keys_are_written_anew(desk: Desk, another: Desk) -> None:
    tickets = [opened(desk, requester=PETRA, title=f"ticket {n}") for n in range(5)]
    for n in range(5):
        desk.keys.rewrite()
        tickets.append(opened(another, title=f"later {n}"))
        give(another, "note", str(tickets[0].number), text=f"note {n}")
    desk.keys.rewrite()
    titles = [desk.ticket(ticket.ticket).title for ticket in tickets]
    assert titles == [f"ticket {n}" for n in range(5)] + [f"later {n}" for n in range(5)]
    assert texts(desk, tickets[0].ticket) == [f"note {n}" for n in range(5)]


# the database


def test_without_an_order_in_the_record_the_application_destroys_no_key(desk: Desk, database: str) -> None:
    ticket = opened(desk, requester=PETRA, title="stays")
    with pytest.raises(psycopg.errors.RaiseException, match="does not order"):
        desk.keys.destroy(ticket.position)
    with pytest.raises(psycopg.errors.RaiseException, match="does not order"):
        desk.keys.destroy(10_000)
    with psycopg.connect(as_role(database, "acta_app"), autocommit=True) as connection:
        for statement in (
            "DELETE FROM acta.message_keys",
            "UPDATE acta.message_keys SET wrapped = ''",
            "TRUNCATE acta.message_keys",
            "DELETE FROM acta_keys.subject_keys",
            "UPDATE acta_keys.subject_keys SET erased = 1",
            "INSERT INTO acta_keys.subject_keys (subject, kek, wrapped, erased) VALUES (gen_random_uuid(), '', '', 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with psycopg.connect(as_role(database, "acta_projector"), autocommit=True) as connection:
        for function in ("acta.destroy_keys(1)", "acta.rewrite_keys()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {function}")
    assert desk.ticket(ticket.ticket).title == "stays"


def test_the_secret_of_the_desk_is_nobodys_to_destroy(desk: Desk) -> None:
    opened(desk, requester=PETRA)
    secret = desk.keys.secret()
    forged = erase_person(desk, desk.keys.person("email", "petra@example.org"), GROUND, ACT)
    assert forged
    with psycopg.connect(desk.pool.conninfo) as connection:
        assert connection.execute(
            "SELECT count(*) FROM acta_keys.subject_keys WHERE subject = %s AND erased IS NULL", (DESK_SECRET,)
        ).fetchone() == (1,)
    assert desk.keys.secret() == secret


def test_the_tables_keep_their_rights_and_shape_when_they_are_written_anew(desk: Desk, database: str) -> None:
    opened(desk, requester=PETRA)

    def described() -> list[tuple[object, ...]]:
        with psycopg.connect(database) as connection:
            return connection.execute(
                "SELECT c.relname, a.attname, a.atttypid, a.attnotnull, a.attstattarget, c.relacl::text,"
                " a.attacl::text,"
                " (SELECT array_agg(pg_get_indexdef(i.indexrelid) ORDER BY 1) FROM pg_index i WHERE i.indrelid = c.oid)"
                " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                " WHERE c.oid IN ('acta.message_keys'::regclass, 'acta_keys.subject_keys'::regclass) ORDER BY 1, 2"
            ).fetchall()

    before = described()
    desk.keys.rewrite()
    desk.keys.rewrite()
    assert described() == before
