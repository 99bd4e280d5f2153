"""Cosignatures: the bytes that others' tools accept, and nothing but those."""

from datetime import UTC, datetime

import pytest

from domain.record.cosignature import Cosigner, Witness
from domain.record.merkle import leaf_hash, node_hash
from domain.record.note import NoteRefused, Signer

ROOT = node_hash(node_hash(leaf_hash(b"0"), leaf_hash(b"1")), leaf_hash(b"2"))
NOTE = Signer("acta.example/log", bytes(range(32))).note(3, ROOT)
AT = datetime.fromtimestamp(1_700_000_000, UTC)
COSIGNER = Cosigner("witness.example/w1", bytes(range(32, 64)))
VKEY = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
LINE = "— witness.example/w1 IDJKvgAAAABlU/EAMzDExz4A7UTJCWUeipOEVf7tOiqhHAUv6o9qXsdtqlWzZvbw5vnSR+kofaHs3CEygjZjeU35dz2/U2fricFpCg==\n"  # noqa: E501


def test_a_cosignature_and_its_key_are_those_of_the_format() -> None:
    assert COSIGNER.witness.vkey == VKEY
    assert COSIGNER.line(NOTE, AT) == LINE


def test_it_is_read_with_the_verifier_key_alone_and_says_when() -> None:
    assert Witness.read(VKEY).of(NOTE + LINE).at == AT


def test_of_several_by_one_witness_the_newest_counts() -> None:
    later = datetime(2026, 1, 31, tzinfo=UTC)
    assert COSIGNER.witness.of(NOTE + LINE + COSIGNER.line(NOTE, later) + LINE).at == later


@pytest.mark.parametrize("at", [*range(NOTE.index("—")), *range(len(NOTE), len(NOTE + LINE))])
def test_a_checkpoint_or_a_cosignature_with_any_character_changed_is_refused(at: int) -> None:
    note = NOTE + LINE
    changed = note[:at] + ("x" if note[at] != "x" else "y") + note[at + 1 :]
    with pytest.raises(NoteRefused):
        COSIGNER.witness.of(changed)


def test_a_note_without_it_is_refused() -> None:
    with pytest.raises(NoteRefused, match="not cosigned by witness"):
        COSIGNER.witness.of(NOTE)


def test_a_signature_over_the_note_alone_is_no_cosignature() -> None:
    signer = Signer("witness.example/w1", bytes(range(32, 64)))
    plain = signer.note(3, ROOT).splitlines(keepends=True)[-1]
    with pytest.raises(NoteRefused):
        COSIGNER.witness.of(NOTE + plain)


@pytest.mark.parametrize("vkey", ["", VKEY[:-4], Signer("acta.example/log", bytes(32)).verifier.vkey])
def test_what_is_no_verifier_key_of_a_witness_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        Witness.read(vkey)
