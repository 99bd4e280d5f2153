"""Proof files: the text that others' tools accept, and none that proves something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.record.merkle import leaf_hash
from domain.record.note import Signer
from domain.record.proof import Proof, ProofRefused, prove, read
from ledgers import SIGNER, naive_root

ENTRIES = [b"entry %d" % n for n in range(300)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


class Leaves:
    """A tree that has its leaves and nothing above them."""

    def hashes(self, level: int, start: int, end: int) -> bytes:
        width = 256**level
        return b"".join(naive_root(LEAVES[at * width : (at + 1) * width]) for at in range(start, end))


def proof_of(index: int, size: int) -> Proof:
    return prove(Leaves(), index, size, SIGNER.note(size, naive_root(LEAVES[:size])), ENTRIES[index])


def shown(text: str) -> bytes:
    """The entry that a proof file shows."""
    proof = read(text)
    proof.checked(proof.extra, SIGNER.verifier)
    return proof.extra


def test_a_proof_file_has_the_form_that_others_read() -> None:
    assert proof_of(1, 2).text == (
        "c2sp.org/tlog-proof@v1\n"
        "extra ZW50cnkgMQ==\n"
        "index 1\n"
        "dziFphNIniTOLPdhmdakI/BC5LvxLX7s7pEu8nbGVwE=\n"
        "\n"
        "acta.example/log\n"
        "2\n" + SIGNER.note(2, naive_root(LEAVES[:2])).split("\n", 2)[2]
    )


@given(st.data())
def test_what_was_written_is_read_and_shows_the_entry(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(index, size)
    assert read(proof.text) == proof
    assert proof.checked(ENTRIES[index], SIGNER.verifier).size == size
    with pytest.raises(ProofRefused):
        proof.checked(ENTRIES[index] + b" ", SIGNER.verifier)


@given(st.data())
def test_no_character_of_a_proof_file_can_be_another(data: st.DataObject) -> None:
    text = proof_of(255, 300).text
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("0 x\n=é")) + text[at + 1 :]
    if changed == text:
        return
    with pytest.raises(ProofRefused):
        shown(changed)


def test_a_proof_without_extra_data_is_read() -> None:
    proof = proof_of(7, 9)
    bare = Proof(proof.index, proof.hashes, proof.note)
    assert read(bare.text) == bare


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex x\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex ١\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nnote\n" * 2,
        f"c2sp.org/tlog-proof@v1\nindex {'9' * 10_000}\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n????\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nnote\n",
        "c2sp.org/tlog-proof@v2\nindex 1\n\nnote\n",
    ],
)
def test_what_is_no_proof_file_is_refused(text: str) -> None:
    with pytest.raises(ProofRefused, match="not a proof file"):
        read(text)


def test_a_proof_under_anothers_signature_is_refused() -> None:
    with pytest.raises(ProofRefused, match="not signed by"):
        proof_of(1, 2).checked(ENTRIES[1], Signer("acta.example/log", bytes(32)).verifier)
