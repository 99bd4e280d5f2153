"""What must be true of a transparency log, told with nothing of the ledger's own arithmetic."""

from hashlib import sha256
from pathlib import Path

from consumers.record.entering import entries, first_difference
from domain.record.note import Checkpoint, Signer
from domain.store.recorder import PostgresRecorder
from projections.ledger import Folder, Log

SIGNER = Signer("acta.example/log", bytes(range(32)))


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def signed(folder: Path, signer: Signer = SIGNER) -> Checkpoint | None:
    """The newest checkpoint; None before the first."""
    note = Folder(folder).text("checkpoint")
    return signer.verifier.open(note) if note else None


def signed_size(folder: Path) -> int:
    """How many entries the newest checkpoint signs."""
    found = signed(folder)
    return found.size if found else 0


def sign_now(store: PostgresRecorder, folder: Path, signer: Signer = SIGNER) -> int:
    """Enter all that is recorded, and sign it; how many entries there are."""
    with Log(folder, signer) as log:
        for one in entries(store.succession(log.size, 100_000), log.size, log.leaf):
            log.add(one)
        log.publish()
        return log.size


def kept(folder: Path, signer: Signer = SIGNER) -> list[Checkpoint]:
    """Every checkpoint that was signed, in order."""
    lines = Folder(folder).text("checkpoints").splitlines(keepends=True)
    assert len(lines) % 5 == 0
    return [signer.verifier.open("".join(lines[at : at + 5])) for at in range(0, len(lines), 5)]


def must_be_whole(folder: Path, signer: Signer = SIGNER) -> int:
    """Every checkpoint ever signed is a beginning of the log as it is, and the files agree; the newest's size."""
    checkpoints = kept(folder, signer)
    assert checkpoints[-1] == signed(folder, signer)
    sizes = [one.size for one in checkpoints]
    assert sizes == sorted(set(sizes))
    with Folder(folder) as log:
        entries = list(log.all_entries(sizes[-1]))
        leaves = [sha256(b"\x00" + entry).digest() for entry in entries]
        assert log.hashes(0, 0, len(leaves)) == b"".join(leaves)
        level, width = 1, 256
        while len(leaves) >= width:
            whole = [naive_root(leaves[at : at + width]) for at in range(0, len(leaves) - width + 1, width)]
            assert log.hashes(level, 0, len(whole)) == b"".join(whole)
            level, width = level + 1, width * 256
    for one in checkpoints:
        assert one.root == naive_root(leaves[: one.size])
    return sizes[-1]


def must_hold_the_store(store: PostgresRecorder, folder: Path, signer: Signer = SIGNER) -> None:
    """The log is whole, and has every event of the store."""
    size = must_be_whole(folder, signer)
    assert size == store.head()
    with Folder(folder) as log:
        assert first_difference(store, log, size) is None


def grow(folder: Path, *sizes: int, word: str = "entry", bound_in: Path | None = None) -> None:
    """Entries of no events, up to these sizes; the newest checkpoint is the one offered to witnesses."""
    with Log(folder, SIGNER, bound_in) as log:
        for size in sizes:
            while log.size < size:
                log.add(f"{word} {log.size}".encode())
            log.publish()
        log.offer()
