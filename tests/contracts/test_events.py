"""Every event: an example, a golden file that today's code still reads, and a place among the facts of its stream."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.envelope import EVENT_TYPES, personal_fields
from domain.store import codec, privacy
from domain.ticket.events import TicketEvent, TicketFact
from examples import ALICE, EXAMPLES, MONDAY, PERSON, TICKET

SUBJECT_KEY = AESGCM(b"s" * 32)
GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_event_type_has_an_example_and_a_golden_file(name: str):
    assert name in EXAMPLES
    assert (GOLDEN / f"{name}.json").is_file(), (
        "write it once with `PYTHONPATH=tests python -m golden`, then never edit it"
    )


def test_who_reads_the_store_knows_every_event_type_whatever_else_is_imported():
    program = "from domain.store.codec import event_types; print(*event_types())"
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(known) == {name for name, kind in EVENT_TYPES.items() if kind.__module__.startswith("domain.")}


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_every_event_ever_written_still_loads(file: Path):
    golden = json.loads(file.read_text())
    body = json.dumps(golden["body"], ensure_ascii=False).encode()
    event = codec.decode(golden["type"], body, stream=TICKET, version=1, position=1, recorded_at=MONDAY)
    assert json.loads(msgspec.json.encode(event)) | golden["reads"] == json.loads(msgspec.json.encode(event))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_event_survives_its_codec(name: str):
    example = msgspec.structs.replace(EXAMPLES[name], act=ALICE)
    again = codec.decode(name, codec.encode(example), stream=TICKET, version=3, position=7, recorded_at=MONDAY)
    assert codec.unplaced(again) == msgspec.structs.replace(example, occurred_at=MONDAY, effective_at=MONDAY)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_event_survives_its_seal(name: str):
    example = msgspec.structs.replace(EXAMPLES[name], act=ALICE)
    sealed, wrapped = privacy.seal(example, TICKET, 3, PERSON, SUBJECT_KEY)
    stored = codec.decode(name, codec.encode(sealed), stream=TICKET, version=3, position=7, recorded_at=MONDAY)
    opened = privacy.unseal(stored, wrapped, SUBJECT_KEY)
    for field in EVENT_TYPES[name].__struct_fields__:
        if field not in ("stream", "version", "position", "recorded_at", "occurred_at", "effective_at", "seal"):
            assert getattr(opened, field) == getattr(example, field)


def test_every_fact_of_a_ticket_is_known_to_its_fold():
    facts = {name: kind for name, kind in EVENT_TYPES.items() if issubclass(kind, TicketEvent)}
    assert set(facts.values()) == set(get_args(TicketFact))


def test_a_field_that_a_later_version_added_is_skipped_and_stays_in_the_bytes():
    body = b'{"assignee":"bob","mood":"sunny"}'
    event = codec.decode("ticket.assigned.v1", body, stream=TICKET, version=1, position=1, recorded_at=MONDAY)
    assert event == msgspec.structs.replace(event, assignee="bob")


def test_the_names_of_personal_fields_are_declared_with_the_event():
    assert personal_fields(EVENT_TYPES["ticket.opened.v1"]) == ("title", "description", "personal_fields")
    assert personal_fields(EVENT_TYPES["ticket.noted.v1"]) == ("text",)
