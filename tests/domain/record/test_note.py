"""Checkpoints and notes: the bytes that others' tools accept, and nothing but those."""

import pytest

from domain.record.merkle import leaf_hash, node_hash
from domain.record.note import Checkpoint, NoteRefused, Signer, Verifier

SIGNER = Signer("acta.example/log", bytes(range(32)))
VKEY = "acta.example/log+80feb02e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
ROOT = node_hash(node_hash(leaf_hash(b"0"), leaf_hash(b"1")), leaf_hash(b"2"))
NOTE = """acta.example/log
3
cl1SMNto9VdHDcNfHYhlgTrNfrsHrRUndBQd7LrnEyc=

— acta.example/log gP6wLiiPfHhjn+KGEmh8uxVyn+cDVteIi3piSC1whs0FiTWDeCzeuKwZG3w2B0m/i6SuxlLSuXj3AduOzh8kvFts/Q8=
"""
OTHER = "— witness.example/w1 IDJKvgAAAABlU/EAMzDExz4A7UTJCWUeipOEVf7tOiqhHAUv6o9qXsdtqlWzZvbw5vnSR+kofaHs3CEygjZjeU35dz2/U2fricFpCg==\n"  # noqa: E501


def test_a_note_and_its_key_are_those_that_gos_tools_accept() -> None:
    assert SIGNER.verifier.vkey == VKEY
    assert SIGNER.note(3, ROOT) == NOTE


def test_a_note_is_opened_with_the_verifier_key_alone() -> None:
    assert Verifier.read(VKEY + "\n").open(NOTE) == Checkpoint("acta.example/log", 3, ROOT)


def test_signatures_of_others_are_let_pass() -> None:
    assert SIGNER.verifier.open(NOTE + OTHER).size == 3
    with pytest.raises(NoteRefused, match="not signed by"):
        SIGNER.verifier.open(NOTE[: NOTE.index("—")] + OTHER)


@pytest.mark.parametrize("at", range(len(NOTE)))
def test_a_note_with_any_character_changed_is_refused(at: int) -> None:
    changed = NOTE[:at] + ("x" if NOTE[at] != "x" else "y") + NOTE[at + 1 :]
    with pytest.raises(NoteRefused):
        SIGNER.verifier.open(changed)


@pytest.mark.parametrize("length", range(len(NOTE)))
def test_a_note_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(NoteRefused):
        SIGNER.verifier.open(NOTE[:length])


@pytest.mark.parametrize("other", [Signer("acta.example/log", bytes(32)), Signer("acta.example/lag", bytes(range(32)))])
def test_another_key_or_another_name_does_not_open_it(other: Signer) -> None:
    with pytest.raises(NoteRefused):
        other.verifier.open(NOTE)


@pytest.mark.parametrize("vkey", ["", "x", "a+b+c", VKEY[:-4], VKEY.replace("80feb02e", "80feb02f"), VKEY + "AAAA"])
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        Verifier.read(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\nb"])
def test_a_name_that_would_break_the_format_is_refused(name: str) -> None:
    with pytest.raises(NoteRefused, match="name"):
        Signer(name, bytes(32))
