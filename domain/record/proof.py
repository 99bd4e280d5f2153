"""Proof files: that one entry is in a log, in a text that anybody checks by themselves (c2sp.org/tlog-proof).

A proof file holds the entry's number, the hashes beside its path to the root, and the signed checkpoint. Ours have the
entry itself as their extra data, so that the file alone says what it proves; who trusts that line unchecked is wrong.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from domain.record.merkle import Hashes, includes, inclusion, leaf_hash
from domain.record.note import Checkpoint, NoteRefused, Verifier

_HEAD = "c2sp.org/tlog-proof@v1"
_EXTRA, _INDEX = "extra ", "index "
_MOST_DIGITS = 19


class ProofRefused(ValueError):
    """A text that is no proof file, or does not prove what it should."""


@dataclass(frozen=True)
class Proof:
    """That entry ``index`` is under the root that ``note`` signs. ``hashes``: the one beside the leaf comes first."""

    index: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        """The proof file."""
        return "\n".join([*self._head(), "", self.note])

    def _head(self) -> Iterator[str]:
        yield _HEAD
        if self.extra:
            yield _EXTRA + b64encode(self.extra).decode()
        yield f"{_INDEX}{self.index}"
        yield from (b64encode(one).decode() for one in self.hashes)

    def checked(self, entry: bytes, verifier: Verifier) -> Checkpoint:
        """The checkpoint under which the proof shows ``entry``; raises ``ProofRefused``."""
        try:
            checkpoint = verifier.open(self.note)
        except NoteRefused as fault:
            raise ProofRefused(f"its checkpoint: {fault}") from None
        if not includes(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root):
            raise ProofRefused("it does not lead from the entry to the root that is signed")
        return checkpoint


def prove(tree: Hashes, index: int, size: int, note: str, entry: bytes) -> Proof:
    """The proof that ``entry`` is number ``index`` under ``note``, which signs the first ``size`` entries."""
    return Proof(index, tuple(inclusion(tree, index, size)), note, entry)


def read(text: str) -> Proof:
    """The proof of a proof file; raises ``ProofRefused`` for a text that is not the one form that it has."""
    above, _, note = text.partition("\n\n")
    lines = above.split("\n")[1:]
    extra = lines.pop(0).removeprefix(_EXTRA) if lines and lines[0].startswith(_EXTRA) else ""
    number = lines.pop(0).removeprefix(_INDEX) if lines else ""
    try:
        proof = Proof(int(number[:_MOST_DIGITS]), tuple(b64decode(line) for line in lines), note, b64decode(extra))
    except ValueError:
        raise ProofRefused("not a proof file") from None
    if proof.text != text or proof.index < 0:
        raise ProofRefused("not a proof file")
    return proof
