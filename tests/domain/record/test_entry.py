"""An entry: canonical, without content, different for every event."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.record.entry import entry
from domain.record.merkle import leaf_hash

EVENT: dict[str, Any] = {
    "position": 7,
    "stream": UUID("8a6e0804-2bd0-4672-b79d-d97027f9071a"),
    "version": 2,
    "type_name": "ticket.assigned.v1",
    "recorded_at": datetime(2026, 1, 31, 9, 0, 0, tzinfo=UTC),
    "body": b'{"assignee":"alice"}',
    "previous": leaf_hash(b"before"),
}


def test_an_entry_says_where_what_kind_and_when_and_binds_the_bytes() -> None:
    assert json.loads(entry(**EVENT)) == {
        "acta": 1,
        "position": 7,
        "stream": "8a6e0804-2bd0-4672-b79d-d97027f9071a",
        "version": 2,
        "type": "ticket.assigned.v1",
        "recorded_at": "2026-01-31T09:00:00.000000Z",
        "sha256": sha256(b'{"assignee":"alice"}').hexdigest(),
        "previous": leaf_hash(b"before").hex(),
    }


EVENTS = st.tuples(
    st.integers(1, 2**53 - 1),
    st.uuids(),
    st.integers(1, 2**31 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.datetimes(timezones=st.just(UTC))
    | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
    st.binary(max_size=50),
    st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
)


@given(EVENTS)
def test_an_entry_is_canonical_json(event: tuple[Any, ...]) -> None:
    made = entry(*event)
    assert made == json.dumps(json.loads(made), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(EVENTS)
def test_a_time_is_in_utc_and_has_all_six_digits_of_its_fraction(event: tuple[Any, ...]) -> None:
    naive = event[4].replace(tzinfo=None).isoformat(timespec="microseconds")
    assert json.loads(entry(*event))["recorded_at"] == f"{naive}Z"


def test_what_is_said_of_an_event_changes_with_each_part_of_it() -> None:
    changes: dict[str, Any] = {
        "position": 8,
        "stream": UUID(int=1),
        "version": 3,
        "type_name": "ticket.assigned.v2",
        "recorded_at": datetime(2026, 1, 31, 9, 0, 0, 1, tzinfo=UTC),
        "body": b'{"assignee":"alicf"}',
        "previous": b"",
    }
    assert changes.keys() == EVENT.keys()
    assert len({entry(**EVENT), *(entry(**EVENT | {name: value}) for name, value in changes.items())}) == 8
