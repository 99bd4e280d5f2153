"""The transparency log over HTTP: what is served is the log, to whom it may be served, as tlog-tiles says."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from consumers.record.ledger import ledger
from consuming import running, until
from desk_talk import opened, refused
from domain.record.merkle import leaf_hash
from domain.record.note import Verifier
from domain.record.proof import read
from ledgers import SIGNER, grow, kept, signed_size
from projections.ledger import Folder

GO = Path(__file__).parents[1] / "golang"
MANY = 70_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def house(build_house, folder):
    """A desk that serves the log in ``folder``."""
    house = build_house(ledger=folder)
    house.configure()
    return house


@pytest.fixture
def auditor(house):
    """One who may read the record and no more than that of it."""
    return house.caller("audrey", "compliance", "*")


@pytest.fixture
def sign(house, database) -> Callable[[Path], None]:
    """Let a ledger sign everything that is recorded."""

    def sign(folder: Path) -> None:
        with running(ledger, house.desk.store, database, folder, SIGNER) as run:
            until(lambda: signed_size(folder) == house.desk.store.head(), run)

    return sign


def test_what_is_served_is_the_log_of_what_was_recorded(auditor, admin, folder, sign) -> None:
    for n in range(3):
        opened(admin, title=f"ticket {n}")
    sign(folder)
    checkpoint = auditor.get("/record/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "no-store"
    key = Verifier.read(auditor.get("/record/key").text)
    assert key.vkey == SIGNER.verifier.vkey
    size = key.open(checkpoint.text).size
    bundle = auditor.get(f"/record/tile/entries/000.p/{size}").content
    hashes = auditor.get(f"/record/tile/0/000.p/{size}").content
    with Folder(folder) as log:
        entries = list(log.all_entries(size))
    assert bundle == b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    assert hashes == b"".join(leaf_hash(entry) for entry in entries)


@pytest.mark.parametrize(
    ("place", "length"),
    [
        ("0/000", 256 * 32),
        ("0/002.p/88", 88 * 32),
        ("0/000.p/7", 7 * 32),
        ("1/000.p/2", 2 * 32),
        ("1/000.p/1", 1 * 32),
    ],
)
def test_a_tile_is_bytes_that_may_be_kept_for_ever(auditor, folder, place, length) -> None:
    grow(folder, 300, 600)
    answer = auditor.get(f"/record/tile/{place}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert len(answer.content) == length


@pytest.mark.parametrize(
    "place",
    [
        *("0/002", "0/002.p/89", "0/003.p/1", "1/000", "1/000.p/3", "2/000.p/1", "entries/002", "entries/002.p/89"),
        *("0/2", "0/000.p/0", "0/000.p/256", "64/000", "0/000/", "x/000", "0/../checkpoint", "0/x000/000"),
    ],
)
def test_what_the_checkpoint_does_not_sign_is_not_found(auditor, folder, place) -> None:
    grow(folder, 600)
    answer = auditor.get(f"/record/tile/{place}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_entries_that_are_not_signed_yet_are_not_served(auditor, folder) -> None:
    grow(folder, 3)
    for name, more in (("level-0", leaf_hash(b"soon")), ("entries", b"\0\4soon")):
        with (folder / name).open("ab") as file:
            file.write(more)
    assert auditor.get("/record/tile/0/000.p/4").status_code == 404
    assert auditor.get("/record/tile/entries/000.p/4").status_code == 404


@pytest.mark.parametrize("path", ["checkpoint", "key", "tile/0/000.p/1", "tile/entries/000.p/1", "proofs/1"])
def test_before_there_is_a_log_nothing_is_found(auditor, build_house, path) -> None:
    assert auditor.get(f"/record/{path}").status_code == 404


@pytest.mark.parametrize("path", ["checkpoint", "key", "tile/0/000.p/1", "tile/entries/000.p/1", "proofs/1"])
def test_the_record_is_for_those_who_may_read_it(alice, rita, stranger, auditor, folder, path) -> None:
    grow(folder, 1)
    assert auditor.get(f"/record/{path}").status_code == 200
    assert [caller.get(f"/record/{path}").status_code for caller in (alice, rita)] == [403, 403]
    assert stranger.get(f"/record/{path}").status_code == 401


def checked_by_go(go: str, client: httpx.Client, *olds: tuple[int, bytes]) -> subprocess.CompletedProcess[str]:
    """What Go says of a log and of what older checkpoints signed."""
    token = client.headers["authorization"].removeprefix("Bearer ")
    old = [word for size, root in olds for word in (str(size), b64encode(root).decode())]
    words = [go, "run", ".", f"{client.base_url}/record", token, SIGNER.verifier.vkey, *old]
    return subprocess.run(
        words, cwd=GO, capture_output=True, text=True, check=False, env={**os.environ, "GOFLAGS": "-mod=readonly"}
    )


def test_gos_own_verifier_accepts_the_log_of_a_desk(go, auditor, admin, folder, sign) -> None:
    for n in range(3):
        opened(admin, title=f"ticket {n}")
        sign(folder)
    run = checked_by_go(go, auditor, *((one.size, one.root) for one in kept(folder)))
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == signed_size(folder)


@pytest.mark.parametrize("sizes", [(1,), (255, 256), (256, 257, 600), (3, 300, 2_000)], ids=str)
def test_gos_own_verifier_accepts_every_entry_and_every_older_checkpoint(go, auditor, folder, sizes) -> None:
    grow(folder, *sizes)
    run = checked_by_go(go, auditor, *((one.size, one.root) for one in kept(folder)))
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == sizes[-1]


@pytest.mark.soak
def test_gos_own_verifier_accepts_a_log_with_a_third_level(go, auditor, folder) -> None:
    grow(folder, 1_000, MANY)
    run = checked_by_go(go, auditor, *((one.size, one.root) for one in kept(folder)))
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == MANY


@pytest.mark.parametrize("file", ["level-0", "entries"])
def test_gos_own_verifier_refuses_a_changed_file(go, auditor, folder, file) -> None:
    grow(folder, 600)
    content = bytearray((folder / file).read_bytes())
    content[1_000] ^= 1
    (folder / file).write_bytes(content)
    assert checked_by_go(go, auditor).returncode != 0


def test_gos_own_verifier_refuses_an_older_checkpoint_of_another_history(go, auditor, folder) -> None:
    grow(folder, 600)
    assert checked_by_go(go, auditor, (300, leaf_hash(b"another"))).returncode != 0


def test_a_proof_file_shows_one_event_by_itself(auditor, admin, folder, sign) -> None:
    opened(admin)
    sign(folder)
    head = signed_size(folder)
    answer = auditor.get(f"/record/proofs/{head}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{head}.tlog-proof"'
    proof = read(answer.text)
    with Folder(folder) as log:
        assert proof.extra == log.entry(head - 1)
    assert proof.checked(proof.extra, SIGNER.verifier).size == head


def test_an_event_that_is_not_signed_yet_has_no_proof(auditor, folder) -> None:
    grow(folder, 3)
    problem = refused(auditor.get("/record/proofs/4"), 404, "no-such-page")
    assert problem["detail"] == "The newest checkpoint signs the events up to position 3."
    refused(auditor.get("/record/proofs/0"), 422, "not-valid")


@pytest.mark.parametrize("size", [1, 256, 257, 600])
def test_a_verifier_of_others_accepts_our_proof_files_and_no_changed_one(go, auditor, folder, size) -> None:
    grow(folder, size)
    for position in (1, size // 2 + 1, size):
        text = auditor.get(f"/record/proofs/{position}").text
        run = proof_by_go(go, text)
        assert run.returncode == 0, run.stderr
        assert run.stdout == f"entry {position - 1}"
    other = text.replace(f"index {position - 1}", f"index {position}")
    assert proof_by_go(go, other).returncode != 0
    assert proof_by_go(go, text.replace("extra ", "extra AAAA")).returncode != 0


def proof_by_go(go: str, text: str) -> subprocess.CompletedProcess[str]:
    """What torchwood says of a proof file."""
    words = [go, "run", "./proof", SIGNER.verifier.vkey]
    env = {**os.environ, "GOFLAGS": "-mod=readonly"}
    return subprocess.run(words, cwd=GO, input=text, capture_output=True, text=True, check=False, env=env)
