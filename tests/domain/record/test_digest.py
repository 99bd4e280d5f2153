"""The digest of a record tells every difference of stream, order, version, type and bytes, and no other."""

import subprocess
from hashlib import sha256
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.record.digest import record_digest

ONE, OTHER = UUID(int=1), UUID(int=2)
events = st.lists(
    st.tuples(st.integers(1, 99), st.sampled_from(["ticket.noted.v1", "ticket.tagged.v1"]), st.binary(max_size=8)),
    max_size=5,
)


def test_it_is_what_sha256sum_says_of_its_text():
    text = f"acta record 1\n{ONE}\n1 ticket.noted.v1 {sha256(b'{}').hexdigest()}\n"
    said = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True).stdout
    assert said.decode().split()[0] == record_digest(ONE, [(1, "ticket.noted.v1", b"{}")])


@given(events, events)
def test_different_records_have_different_digests(
    one: list[tuple[int, str, bytes]], other: list[tuple[int, str, bytes]]
):
    assume(one != other)
    assert record_digest(ONE, one) != record_digest(ONE, other)
    assert record_digest(ONE, one) != record_digest(OTHER, one)
    assert record_digest(ONE, one) == record_digest(ONE, iter(one))
