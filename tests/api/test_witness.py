"""A witness over HTTP: it cosigns what continues, and nothing that contradicts what it signed before."""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from consumers.loop import Halted, NotYet
from consumers.record.remote_log import HandedInVain, RemoteLog
from consumers.record.witness import Contradiction, Witnessing
from consuming import Running
from domain.record.cosignature import Cosigner
from domain.record.proof import read
from dying import dying
from ledgers import SIGNER, grow
from projections.ledger import Log, size_of

FIRST, SECOND, STRANGER = (Cosigner(f"witness.example/{n}", bytes([n] * 32)) for n in (1, 2, 3))
GOLANG = Path(__file__).parents[1] / "golang"
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
Witnesses = Callable[..., Witnessing]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def house(build_house, folder, tmp_path):
    """A desk with two witnesses."""
    house = build_house(
        ledger=folder, witnesses=(FIRST.witness, SECOND.witness), cosignatures=tmp_path / "c", wait_seconds=60
    )
    house.configure()
    return house


@pytest.fixture
def notary(house):
    """One who may read the record and hand in cosignatures, and no more."""
    return house.caller("notary", "witness", "*", kind="service")


@pytest.fixture
def witnessing(notary, tmp_path):
    """Begin a life of a witness: with its own files."""

    @contextmanager
    def begin(cosigner: Cosigner = FIRST, now: datetime = NOW, kept: str = ""):
        token = notary.headers["authorization"].removeprefix("Bearer ")
        place = tmp_path / (kept or cosigner.witness.number.hex())
        with RemoteLog(f"{notary.base_url}/record", token) as log:
            life = Witnessing(log, SIGNER.verifier, cosigner, place, lambda: now)
            try:
                yield life
            finally:
                life.close()

    return begin


def rewritten(folder: Path, *sizes: int) -> None:
    """Another history under the same key, in place of the log that was there."""
    for file in folder.iterdir():
        file.unlink()
    grow(folder, *sizes, word="other")


def evidence(tmp_path: Path) -> set[str]:
    (place,) = tmp_path.glob("*.evidence")
    return {file.read_text() for file in place.iterdir()}


@pytest.mark.parametrize("sizes", [(1, 2), (255, 256, 257), (3, 700, 701), (256, 512), (700, 70_000)], ids=str)
def test_what_goes_on_is_cosigned_and_served_with_the_cosignature(folder, witnessing, notary, sizes) -> None:
    with witnessing() as witness:
        for size in sizes:
            grow(folder, size)
            assert witness.look().size == size
            for path in ("checkpoint", "checkpoint/offered", f"checkpoints/{size}", "checkpoint?cosigned=1"):
                note = notary.get(f"/record/{path}").text
                assert SIGNER.verifier.open(note).size == size
                assert FIRST.witness.of(note).at == NOW


def test_a_verifier_of_others_accepts_the_cosignatures_and_no_changed_one(go, folder, witnessing, notary) -> None:
    grow(folder, 300)
    for cosigner in (FIRST, SECOND):
        with witnessing(cosigner) as witness:
            witness.look()
    note = notary.get("/record/checkpoint?cosigned=2").text
    vkeys = [FIRST.witness.vkey, SECOND.witness.vkey]
    run = cosigned_by_go(go, note, *vkeys)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["acta.example/log", "witness.example/1", "witness.example/2"]
    assert cosigned_by_go(go, note, *vkeys, STRANGER.witness.vkey).returncode != 0
    other = FIRST.line(note.replace("300", "301", 1), NOW)
    changed = "".join(other if "witness.example/1" in one else one for one in note.splitlines(keepends=True))
    assert cosigned_by_go(go, changed, *vkeys).returncode != 0


def cosigned_by_go(go: str, note: str, *vkeys: str) -> subprocess.CompletedProcess[str]:
    """What torchwood says of a note."""
    words = [go, "run", "./cosigned", SIGNER.verifier.vkey, *vkeys]
    env = {**os.environ, "GOFLAGS": "-mod=readonly"}
    return subprocess.run(words, cwd=GOLANG, input=note, capture_output=True, text=True, check=False, env=env)


def test_a_proof_file_is_under_a_checkpoint_that_witnesses_have_cosigned_as_soon_as_one_covers_it(
    go, folder, witnessing, notary
) -> None:
    grow(folder, 300)
    with witnessing(FIRST) as witness:
        witness.look()
    grow(folder, 700)
    old, new = (notary.get(f"/record/proofs/{position}").text for position in (300, 301))
    assert size_of(read(old).note) == 300
    assert FIRST.witness.of(read(old).note).at == NOW
    assert size_of(read(new).note) == 700
    assert proof_by_go(go, old, FIRST.witness.vkey).returncode == 0
    assert proof_by_go(go, old, SECOND.witness.vkey).returncode != 0
    assert proof_by_go(go, new, FIRST.witness.vkey).returncode != 0
    with witnessing(FIRST) as first, witnessing(SECOND) as second:
        first.look()
        second.look()
    newest = notary.get("/record/proofs/301").text
    assert proof_by_go(go, newest, FIRST.witness.vkey, SECOND.witness.vkey).returncode == 0


def proof_by_go(go: str, text: str, *witnesses: str) -> subprocess.CompletedProcess[str]:
    """What torchwood says of a proof file whose checkpoint these witnesses must have cosigned."""
    words = [go, "run", "./proof", SIGNER.verifier.vkey, *witnesses]
    env = {**os.environ, "GOFLAGS": "-mod=readonly"}
    return subprocess.run(words, cwd=GOLANG, input=text, capture_output=True, text=True, check=False, env=env)


def test_a_log_that_was_lost_and_written_again_serves_no_cosignature_over_another_checkpoint(
    folder, witnessing, notary
) -> None:
    grow(folder, 100, 300)
    with witnessing() as witness:
        witness.look()
    shutil.rmtree(folder)
    grow(folder, 700)
    for path in ("checkpoint", "proofs/200"):
        assert "witness.example" not in notary.get(f"/record/{path}").text
    assert notary.get("/record/checkpoint?cosigned=1").status_code == 404
    with witnessing() as witness:
        witness.look()
    assert FIRST.witness.of(read(notary.get("/record/proofs/200").text).note).at == NOW


def test_metrics_tell_how_much_is_signed_and_how_much_is_cosigned(folder, witnessing, stranger) -> None:
    grow(folder, 300)
    with witnessing() as witness:
        witness.look()
    grow(folder, 700)
    text = stranger.get("/metrics").text
    assert "\nacta_ledger_signed_events 700\n" in text
    assert "\nacta_ledger_cosigned_events 300\n" in text


def test_a_log_that_has_not_grown_is_cosigned_once(folder, witnessing, notary) -> None:
    grow(folder, 3)
    with witnessing() as witness:
        witness.look()
    before = notary.get("/record/checkpoint").text
    with witnessing(now=NOW + timedelta(hours=1)) as witness:
        assert witness.look().size == 3
    assert notary.get("/record/checkpoint").text == before


def test_while_the_log_grows_all_witnesses_sign_the_one_that_is_offered(folder, witnessing, notary) -> None:
    grow(folder, 3)
    with witnessing(FIRST) as first, witnessing(SECOND) as second:
        first.look()
        with Log(folder, SIGNER) as log:
            log.add(b"more")
            log.publish()
        second.look()
        assert size_of(notary.get("/record/checkpoint").text) == 4
        both = notary.get("/record/checkpoint?cosigned=2").text
        assert size_of(both) == 3
        assert FIRST.witness.of(both).at == SECOND.witness.of(both).at == NOW
        with Log(folder, SIGNER) as log:
            log.offer()
        first.look()
        assert size_of(notary.get("/record/checkpoint?cosigned=1").text) == 4
        assert size_of(notary.get("/record/checkpoint?cosigned=2").text) == 3
        assert notary.get("/record/checkpoint?cosigned=3").status_code == 404


def test_another_history_is_not_cosigned_and_kept_as_evidence(folder, witnessing, notary, tmp_path) -> None:
    grow(folder, 300)
    with witnessing() as witness:
        witness.look()
        cosigned = notary.get("/record/checkpoint").text
        rewritten(folder, 700)
        for _ in range(2):
            with pytest.raises(Contradiction, match=r"700 entries .* do not begin with the 300 that were cosigned"):
                witness.look()
    with witnessing() as witness, pytest.raises(Contradiction):
        witness.look()
    assert "witness.example" not in notary.get("/record/checkpoint").text
    assert evidence(tmp_path) == {cosigned, notary.get("/record/checkpoint").text}


def test_another_root_of_the_same_size_is_a_contradiction(folder, witnessing, notary, tmp_path) -> None:
    grow(folder, 300)
    with witnessing() as witness:
        witness.look()
        rewritten(folder, 300)
        with pytest.raises(Contradiction, match="another root of 300 entries"):
            witness.look()


def test_a_log_that_was_put_back_is_a_contradiction(folder, witnessing, tmp_path) -> None:
    grow(folder, 200, 300)
    with witnessing() as witness:
        witness.look()
        for file in folder.iterdir():
            file.unlink()
        grow(folder, 200)
        with pytest.raises(Contradiction, match="offers 200 entries, 300 were cosigned"):
            witness.look()
    assert len(evidence(tmp_path)) == 2


@pytest.mark.parametrize("at", [0, 3_000, 32 * 512 + 5])
def test_tiles_that_do_not_prove_it_are_a_contradiction(folder, witnessing, at) -> None:
    grow(folder, 100)
    with witnessing() as witness:
        witness.look()
        grow(folder, 600)
        content = bytearray((folder / "level-0").read_bytes())
        content[at] ^= 1
        (folder / "level-0").write_bytes(content)
        with pytest.raises(Contradiction):
            witness.look()


def test_a_checkpoint_of_another_key_is_a_contradiction(folder, witnessing) -> None:
    grow(folder, 3)
    note = (folder / "offered").read_text()
    (folder / "offered").write_text(note.replace("3\n", "4\n", 1))
    with witnessing() as witness, pytest.raises(Contradiction, match="no checkpoint under its key"):
        witness.look()


def test_a_witness_that_died_before_it_handed_in_does_so_later_with_the_same_cosignature(
    folder, witnessing, notary, monkeypatch
) -> None:
    grow(folder, 3)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, witnessing() as witness:
        patch.setattr(RemoteLog, "hand_in", die)
        with pytest.raises(KeyboardInterrupt):
            witness.look()
    assert "witness.example" not in notary.get("/record/checkpoint").text
    with witnessing(now=NOW + timedelta(hours=1)) as witness:
        witness.look()
    assert FIRST.witness.of(notary.get("/record/checkpoint").text).at == NOW


def test_wherever_a_witness_dies_it_never_cosigns_two_histories(
    folder, witnessing, notary, tmp_path, monkeypatch
) -> None:
    at, died = 0, True
    while died:
        at += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        grow(folder, 300)
        with witnessing(kept=f"life-{at}") as witness:
            died = dying(at, monkeypatch, witness.look, torn=False)
        seen = FIRST.witness.name in notary.get("/record/checkpoint").text
        rewritten(folder, 400)
        with witnessing(kept=f"life-{at}") as witness, suppress(Contradiction):
            witness.look()
        assert not (seen and FIRST.witness.name in notary.get("/record/checkpoint").text)
    assert at > 3


def test_it_signs_nothing_without_knowing_what_it_signed(folder, witnessing, tmp_path) -> None:
    grow(folder, 3)
    with witnessing() as witness:
        witness.look()
        kept = tmp_path / FIRST.witness.number.hex()
        kept.write_text(kept.read_text().replace("witness", "wetness"))
        with pytest.raises(Halted, match="cosigned last"):
            witness.look()


def test_two_with_one_key_do_not_run_at_once(folder, witnessing) -> None:
    with witnessing(), pytest.raises(Halted, match="another witness"), witnessing():
        pass


def test_one_whom_the_desk_does_not_know_is_told(folder, witnessing, notary) -> None:
    grow(folder, 3)
    with witnessing(STRANGER) as witness, pytest.raises(HandedInVain, match="ACTA_WITNESSES"):
        witness.look()
    assert "witness.example" not in notary.get("/record/checkpoint").text


def test_a_log_that_cannot_be_read_is_asked_again(house, folder, witnessing, tmp_path) -> None:
    with witnessing() as witness, pytest.raises(NotYet, match="answers 404"):
        witness.look()
    with RemoteLog(f"{house.url}/record") as log:
        life = Witnessing(log, SIGNER.verifier, FIRST, tmp_path / "kept", lambda: NOW)
        with pytest.raises(NotYet, match="answers 401"):
            life.look()
        life.close()
    with RemoteLog("http://127.0.0.1:9/record") as log, pytest.raises(NotYet, match="cannot be reached"):
        log.text("checkpoint")


def line(note: str, cosigner: Cosigner = FIRST, at: datetime = NOW) -> str:
    return cosigner.line(note, at)


def hand_in(client: httpx.Client, size: int, text: str) -> httpx.Response:
    return client.post("/record/cosignatures", json={"size": size, "line": text})


def test_a_cosignature_is_taken_once_and_told(folder, notary) -> None:
    grow(folder, 3)
    note = notary.get("/record/checkpoint").text
    for _ in range(2):
        answer = hand_in(notary, 3, line(note))
        assert answer.status_code == 200
        assert answer.json() == {"witness": "witness.example/1", "size": 3, "at": "2026-11-26T09:30:00Z"}
    assert notary.get("/record/checkpoint").text == note + line(note)


def test_what_is_no_cosignature_of_this_log_by_a_witness_of_this_desk_is_refused(folder, notary) -> None:
    grow(folder, 3, 8)
    old, note = notary.get("/record/checkpoints/3").text, notary.get("/record/checkpoint").text
    wrong = [(8, line(note, STRANGER)), (8, line(old)), (7, line(note)), (8, "x"), (8, note.splitlines()[-1])]
    for size, text in wrong:
        answer = hand_in(notary, size, text)
        assert (answer.status_code, answer.json()["code"]) == (422, "cosignature-not-valid")
    assert notary.get("/record/checkpoint").text == note


def test_an_older_one_than_was_cosigned_is_refused_with_the_newest(folder, notary) -> None:
    grow(folder, 3, 8)
    old, note = notary.get("/record/checkpoints/3").text, notary.get("/record/checkpoint").text
    hand_in(notary, 8, line(note))
    answer = hand_in(notary, 3, line(old))
    assert (answer.status_code, answer.json()["code"], answer.json()["size"]) == (409, "cosigned-further", 8)


def test_cosignatures_are_handed_in_by_those_who_may(alice, stranger, folder) -> None:
    grow(folder, 3)
    assert hand_in(alice, 3, "x").status_code == 403
    assert hand_in(stranger, 3, "x").status_code == 401


def test_a_witness_sees_nothing_of_a_desk_but_the_record(notary, folder) -> None:
    grow(folder, 3)
    for path in ("/tickets", "/audit", "/events", "/setup", "/reports/volume"):
        assert notary.get(path).status_code == 403


def test_every_checkpoint_that_was_signed_is_served_for_ever(notary, folder) -> None:
    sizes = (1, 2, 9, 10, 99, 100, 101, 700, 1_000)
    notes = {}
    for size in sizes:
        grow(folder, size)
        notes[size] = notary.get("/record/checkpoint").text
    for size in sizes:
        assert notary.get(f"/record/checkpoints/{size}").text == notes[size]
    assert notary.get("/record/checkpoints/3").status_code == 404
    assert notary.get("/record/checkpoints/1001").status_code == 404


def test_one_that_covers_a_position_is_waited_for(notary, folder) -> None:
    grow(folder, 3)
    assert notary.get("/record/checkpoint?wait_for=3").status_code == 200
    answers: list[httpx.Response] = []
    run = Running(lambda stop: answers.append(notary.get("/record/checkpoint?wait_for=9")))
    grow(folder, 9)
    run.end()
    assert [size_of(answer.text) for answer in answers] == [9]


def test_one_that_does_not_come_soon_is_to_be_asked_for_again(build_house, folder) -> None:
    house = build_house(ledger=folder, wait_seconds=0.01)
    house.configure()
    grow(folder, 3)
    late = house.caller("notary", "witness", "*").get("/record/checkpoint?wait_for=4")
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
