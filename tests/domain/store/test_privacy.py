"""Sealing: what the database holds, what tampering does, and what is left when a key is gone."""

import os
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from desks import ACT, KEK, as_role, give, opened
from domain.desk import Desk
from domain.desk.forgetting import erase
from domain.envelope import ERASED, SEALED, Event, Seal, personal_fields
from domain.errors import Unreadable
from domain.store.codec import stamped
from domain.store.keys import KekMismatch, SubjectKeys
from domain.store.privacy import closed, has_personal, seal, unseal
from domain.ticket.events import TicketOpened
from examples import EVENTS, MONDAY, PERSON, SOMEBODY, TICKET

KEY = AESGCM(os.urandom(32))
WITH_PERSONAL = [event for event in EVENTS if has_personal(event)]
SECRET = "Petra's diagnosis 7f3a"


def sealed_and_read(event: Event) -> tuple[Event, bytes]:
    sealed, wrapped = seal(event, TICKET, 2, PERSON, KEY)
    assert wrapped is not None
    return stamped(sealed, TICKET, 2, 2, MONDAY), wrapped


@pytest.mark.parametrize("event", WITH_PERSONAL, ids=lambda event: event.TYPE)
def test_what_is_sealed_opens_to_what_it_was(event: Event):
    sealed, wrapped = sealed_and_read(event)
    again = unseal(sealed, wrapped, KEY)
    assert again.withheld == ""
    for field in personal_fields(type(event)):
        assert getattr(again, field) == getattr(event, field)


@pytest.mark.parametrize("event", WITH_PERSONAL, ids=lambda event: event.TYPE)
def test_no_personal_value_is_left_outside_the_seal(event: Event):
    sealed, _ = seal(event, TICKET, 2, PERSON, KEY)
    body = msgspec.json.encode(sealed).decode()
    for field in personal_fields(type(event)):
        value = getattr(event, field)
        assert not value or str(value) not in body


@pytest.mark.parametrize("event", WITH_PERSONAL, ids=lambda event: event.TYPE)
def test_without_a_key_it_says_so_and_loads_all_the_same(event: Event):
    sealed, wrapped = sealed_and_read(event)
    assert closed(sealed).withheld == "sealed"
    for gone in (unseal(sealed, None, KEY), unseal(sealed, wrapped, None)):
        assert gone.withheld == "erased"
        texts = {
            getattr(gone, field) for field in personal_fields(type(event)) if isinstance(getattr(gone, field), str)
        }
        assert texts <= {ERASED, ""}


def test_a_ciphertext_cannot_be_moved_to_another_place_person_or_field():
    event = next(event for event in EVENTS if isinstance(event, TicketOpened))
    sealed, wrapped = sealed_and_read(event)
    assert sealed.seal is not None
    swapped = sealed.seal.fields | {"title": sealed.seal.fields["description"]}
    tampered = [
        msgspec.structs.replace(sealed, version=3),
        msgspec.structs.replace(sealed, stream=PERSON),
        msgspec.structs.replace(sealed, seal=msgspec.structs.replace(sealed.seal, subject=SOMEBODY)),
        msgspec.structs.replace(sealed, seal=msgspec.structs.replace(sealed.seal, fields=swapped)),
        msgspec.structs.replace(sealed, seal=msgspec.structs.replace(sealed.seal, commitment="0" * 64)),
    ]
    for moved in tampered:
        with pytest.raises(Unreadable):
            unseal(moved, wrapped, KEY)


def test_one_altered_bit_is_noticed():
    sealed, wrapped = sealed_and_read(WITH_PERSONAL[0])
    assert sealed.seal is not None
    field, text = next(iter(sealed.seal.fields.items()))
    altered = bytearray(b64decode(text))
    altered[-1] ^= 1
    fields = sealed.seal.fields | {field: b64encode(bytes(altered)).decode()}
    with pytest.raises(Unreadable):
        unseal(msgspec.structs.replace(sealed, seal=Seal(PERSON, sealed.seal.commitment, fields)), wrapped, KEY)


def test_nothing_personal_stands_readable_in_the_database(desk: Desk, database: str):
    receipt = opened(
        desk, title=SECRET, description=SECRET, requester={"email": "petra@example.org", "name": "Petra Prosser"}
    )
    for verb in ("reply", "note"):
        give(desk, verb, str(receipt.number), text=SECRET)
    give(desk, "set-field", str(receipt.number), fields={"diagnosis": SECRET})
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT body, k.wrapped FROM acta.events LEFT JOIN acta.message_keys k USING (stream, version)"
        )
        everything = b"".join(part or b"" for row in rows for part in row)
        everything += str(connection.execute("SELECT * FROM acta_keys.subject_keys").fetchall()).encode()
    for canary in (SECRET, "diagnosis 7f3a", "petra@example.org", "Petra Prosser", "Alice Archer"):
        assert canary.encode() not in everything
    assert desk.ticket(receipt.ticket).title == SECRET


def test_what_decides_does_not_need_what_is_sealed(desk: Desk):
    """The decisions' state is folded from closed events."""
    receipt = opened(desk, title=SECRET)
    known = desk.writer._known[receipt.ticket].state
    assert SECRET not in repr(known)
    assert known.title in ("", SEALED)


def test_when_a_person_is_erased_the_ticket_still_tells_what_happened(desk: Desk):
    receipt = opened(desk, title=SECRET, requester={"email": "petra@example.org"})
    give(desk, "assign", str(receipt.number), assignee="alice")
    requester = desk.ticket(receipt.ticket).requester
    desk.keys.destroy(erase(desk, requester, "asked for it", ACT))
    desk.keys.learn()
    ticket = desk.ticket(receipt.ticket)
    assert (ticket.title, ticket.assignee, ticket.version) == (ERASED, "alice", receipt.version + 1)


def test_of_many_who_draw_keys_for_the_same_persons_at_once_all_use_the_same(desk: Desk):
    persons = [uuid4() for _ in range(200)]

    def ensured(n: int) -> dict[UUID, bytes]:
        return SubjectKeys(desk.pool, KEK).ensure(persons[n * 20 :] + persons[: n * 20 + 40])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ensured, range(8)))
    stored = SubjectKeys(desk.pool, KEK).find(persons)
    assert len(set(stored.values())) == len(persons)
    assert all(answer == {person: stored[person] for person in answer} for answer in answers)


def test_a_wrong_key_encryption_key_is_told_from_an_erased_person(desk: Desk, database: str):
    opened(desk, requester={"email": "petra@example.org"})
    stranger = Desk(as_role(database, "acta_app"), bytes(reversed(KEK)))
    try:
        with pytest.raises(KekMismatch):
            stranger.keys.secret()
    finally:
        stranger.close()
