"""Signatures on a real store: what they are bound to, also among other writers, and what damage to it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from desks import ACT, KEK, as_role, give, opened
from domain.access.principal import principal_of
from domain.clock.striking import closes_at
from domain.desk import Desk, Order, Proof
from domain.desk.signatures import Checked, checked
from domain.envelope import Actor
from domain.errors import NotAllowed, SignatureNeeded, SignerNotProved
from domain.setup.events import DepartmentDefined, RoleGranted
from domain.ticket.commands import COMMANDS
from domain.ticket.events import TicketSigned

PROVED = Proof(
    means="oidc", credential="https://id.example", signed_in_at=datetime(2026, 3, 2, 9, tzinfo=UTC), name="Alice Archer"
)
ASKING = DepartmentDefined(
    department="it", name="IT", default_group="service-desk", signatures={"close": ("approved",)}
)


def order(desk: Desk, verb: str, ticket: object, *, by: str = "alice", proof: Proof | None = PROVED, **fields: object):
    """A command with a signature."""
    given = {"meaning": "approved", "comment": "Compared.", "token": "a token"}
    command = COMMANDS[verb].model_validate({"signature": given} | fields)
    principal = principal_of(desk.setup(), Actor(kind="agent", id=by))
    return Order(command=command, principal=principal, ticket=str(ticket), channel="test", proof=proof)


def signatures(desk: Desk, ticket: UUID) -> list[Checked]:
    return list(checked(desk.store.events_of(ticket), desk.sealing))


def verdicts(desk: Desk, ticket: UUID) -> list[tuple[bool, bool]]:
    return [(one.fits, one.genuine) for one in signatures(desk, ticket)]


def rows(database: str, ticket: UUID) -> list[Any]:
    with psycopg.connect(database) as connection:
        query = "SELECT version, type, body FROM acta.events WHERE stream = %s ORDER BY version"
        return connection.execute(query, [ticket]).fetchall()


@contextmanager
def as_superuser(database: str) -> Iterator[psycopg.Connection]:
    """One whom no trigger stops."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE acta.events DISABLE TRIGGER append_only")
        yield connection


def test_the_digest_is_that_of_the_stored_bytes_before_the_signature_the_act_among_them(desk: Desk, database: str):
    ticket = opened(desk).ticket
    receipt = desk.handle(order(desk, "resolve", ticket, code="fixed", notes="A new certificate."))
    assert receipt.events == ("ticket.resolved.v1", "ticket.signed.v1")
    *before, (version, _, body) = rows(database, ticket)
    assert receipt.version == version
    lines = "".join(f"{n} {name} {sha256(bytes(stored)).hexdigest()}\n" for n, name, stored in before)
    expected = sha256(f"acta record 1\n{ticket}\n{lines}".encode()).hexdigest()
    assert msgspec.json.decode(bytes(body))["digest"] == expected
    assert verdicts(desk, ticket) == [(True, True)]


def test_the_printed_name_is_sealed_under_the_signers_own_key(desk: Desk, database: str):
    ticket = opened(desk).ticket
    desk.handle(order(desk, "sign", ticket))
    assert all(b"Archer" not in bytes(body) and b"Compared" not in bytes(body) for _, _, body in rows(database, ticket))
    (one,) = signatures(desk, ticket)
    assert (one.signed.name, one.signed.comment) == ("Alice Archer", "Compared.")
    assert one.signed.seal is not None
    assert one.signed.seal.subject == desk.keys.stream_of("person", "agent", "alice")


def test_a_signature_shows_in_every_later_state_and_in_no_earlier_one(desk: Desk):
    ticket = opened(desk).ticket
    before = desk.ticket(ticket)
    desk.handle(order(desk, "sign", ticket))
    give(desk, "note", str(ticket), text="later")
    (known,) = desk.ticket(ticket).signatures
    assert (known.signs, known.version, known.name) == (before.version, before.version + 1, "Alice Archer")
    assert desk.ticket(ticket, version=known.version).signatures == (known,)
    assert desk.ticket(ticket, version=before.version).signatures == ()
    assert desk.ticket(ticket, known_at=before.recorded_at).signatures == ()


def test_a_signature_covers_what_is_recorded_in_the_same_breath(desk: Desk):
    ticket = opened(desk).ticket
    note = COMMANDS["note"].model_validate({"text": "At the same time."})
    alice = order(desk, "sign", ticket).principal
    asked = []
    for _ in range(20):
        asked.append(desk.submit(Order(command=note, principal=alice, ticket=str(ticket))))
        asked.append(desk.submit(order(desk, "sign", ticket)))
    for answer in asked:
        answer.result()
    assert verdicts(desk, ticket) == [(True, True)] * 20


def test_signatures_of_two_processes_on_one_ticket_all_fit(desk: Desk, database: str):
    ticket = opened(desk).ticket
    other = Desk(as_role(database, "acta_app"), KEK)
    for _ in range(10):
        asked = [one.submit(order(one, "sign", ticket)) for one in (desk, other)]
        for answer in asked:
            answer.result()
        give(other, "note", str(ticket), text="between")
    other.close()
    assert verdicts(desk, ticket) == [(True, True)] * 20


def test_a_signature_that_no_door_has_checked_is_refused(desk: Desk):
    ticket = opened(desk).ticket
    with pytest.raises(SignerNotProved):
        desk.handle(order(desk, "sign", ticket, proof=None))
    assert desk.ticket(ticket).signatures == ()


def test_only_persons_who_may_sign(desk: Desk):
    granted = [RoleGranted(grantee="robot", role="agent", departments=("it",))]
    granted += [RoleGranted(grantee="crm", role="service", departments=("it",))]
    desk.configure(lambda _: granted, ACT)
    ticket = opened(desk).ticket
    for by, verb, fields in (("robot", "sign", {}), ("crm", "reply", {"text": "x"})):
        service = principal_of(desk.setup(), Actor(kind="service", id=by))
        with pytest.raises(NotAllowed):
            desk.handle(msgspec.structs.replace(order(desk, verb, ticket, **fields), principal=service))
    assert desk.ticket(ticket).version == 1


def test_an_act_and_its_signature_are_recorded_together_or_not_at_all(desk: Desk):
    ticket = opened(desk).ticket
    head = desk.store.head()
    with pytest.raises(SignerNotProved):
        desk.handle(order(desk, "resolve", ticket, code="fixed", proof=None))
    recorded = desk.feed(head, 10)
    assert [event.TYPE for event in recorded] == ["access.refused.v1"]


def test_what_somebody_has_to_sign_does_not_close_by_itself_and_an_import_retells_it(desk: Desk):
    desk.configure(lambda _: [ASKING], ACT)
    ticket = opened(desk).ticket
    give(desk, "resolve", str(ticket), code="fixed")
    assert closes_at(desk.ticket(ticket), desk.setup()) is None
    alice = order(desk, "sign", ticket).principal
    with pytest.raises(SignatureNeeded):
        give(desk, "close", str(ticket), by=alice)
    give(desk, "close", str(ticket))
    assert desk.ticket(ticket).status == "closed"
    elsewhere = opened(desk, department="hr").ticket
    give(desk, "resolve", str(elsewhere), code="fixed")
    shown = desk.ticket(elsewhere)
    assert shown.resolved_at is not None
    assert closes_at(shown, desk.setup()) == shown.resolved_at + timedelta(days=7)


@pytest.fixture
def signed(desk: Desk) -> UUID:
    """A ticket of five events, the fourth of which signs the first three."""
    ticket = opened(desk).ticket
    give(desk, "assign", str(ticket), assignee="alice")
    desk.handle(order(desk, "note", ticket, text="Compared with the order."))
    give(desk, "tag", str(ticket), tags=["vpn"])
    assert [event.TYPE for event in desk.history(ticket)][3] == TicketSigned.TYPE
    assert verdicts(desk, ticket) == [(True, True)]
    return ticket


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    "damage",
    [
        "body = set_byte(body, 5, get_byte(body, 5) # 1)",
        "body = convert_to(replace(convert_from(body, 'UTF8'), 'agent', 'agant'), 'UTF8')",
        "type = 'ticket.started.v1'",
        "version = version + 100",
    ],
)
def test_a_change_of_what_was_signed_shows(desk: Desk, database: str, signed: UUID, version: int, damage: str):
    with as_superuser(database) as connection:
        update = f"UPDATE acta.events SET {damage} WHERE stream = %s AND version = %s"
        changed = connection.execute(update, [signed, version])  # type: ignore[arg-type]
        assert changed.rowcount == 1
    same = "agant" in damage and b"agant" not in bytes(rows(database, signed)[version - 1][2])
    assert verdicts(desk, signed) == [(same, True)]


COPY = (
    "INSERT INTO acta.events (position, stream, version, type, recorded_at, body)"
    " SELECT (SELECT max(position) + 1 FROM acta.events), %(to)s, %(as)s, type, recorded_at, body"
    " FROM acta.events WHERE stream = %(from)s AND version = 4"
)
COPY_KEY = (
    "INSERT INTO acta.message_keys SELECT %(to)s, %(as)s, subject, wrapped FROM acta.message_keys"
    " WHERE stream = %(from)s AND version = 4"
)


def test_a_signature_copied_to_another_ticket_is_none_there(desk: Desk, database: str, signed: UUID):
    other = opened(desk).ticket
    give(desk, "assign", str(other), assignee="alice")
    give(desk, "note", str(other), text="Compared with the order.")
    place = {"from": signed, "to": other, "as": 4}
    with as_superuser(database) as connection:
        connection.execute(COPY, place)
        connection.execute(COPY_KEY, place)
    assert verdicts(desk, other) == [(False, False)]
    (copied,) = signatures(desk, other)
    assert copied.signed.name == "[sealed]"
    assert verdicts(desk, signed) == [(True, True)]


def test_a_signature_copied_to_a_later_version_is_none_there(desk: Desk, database: str, signed: UUID):
    place = {"from": signed, "to": signed, "as": 6}
    with as_superuser(database) as connection:
        connection.execute(COPY, place)
        connection.execute(COPY_KEY, place)
    assert verdicts(desk, signed) == [(True, True), (False, False)]


def test_a_forger_who_computes_the_digest_has_still_not_made_a_signature(desk: Desk, database: str, signed: UUID):
    other = opened(desk).ticket
    lines = "".join(f"{n} {name} {sha256(bytes(body)).hexdigest()}\n" for n, name, body in rows(database, other))
    said = msgspec.json.decode(bytes(rows(database, signed)[3][2]))
    said["digest"] = sha256(f"acta record 1\n{other}\n{lines}".encode()).hexdigest()
    with as_superuser(database) as connection:
        connection.execute(
            "INSERT INTO acta.events (position, stream, version, type, recorded_at, body) VALUES "
            "((SELECT max(position) + 1 FROM acta.events), %s, 2, 'ticket.signed.v1', now(), %s)",
            [other, msgspec.json.encode(said)],
        )
    assert verdicts(desk, other) == [(True, False)]


@pytest.mark.parametrize(
    "change", [("approved", "reviewed"), ('"signer":"alice"', '"signer":"malic"'), ("note", "tags")]
)
def test_a_signature_whose_words_were_changed_is_not_genuine(
    desk: Desk, database: str, signed: UUID, change: tuple[str, str]
):
    with as_superuser(database) as connection:
        connection.execute(
            "UPDATE acta.events SET body = convert_to(replace(convert_from(body, 'UTF8'), %s, %s), 'UTF8')"
            " WHERE stream = %s AND version = 4",
            [*change, signed],
        )
    assert verdicts(desk, signed) == [(True, False)]
