"""Every signed checkpoint comes to the topic once, in order, whoever was away; nothing there is ever contradicted."""

import shutil
from pathlib import Path

import pytest

from consumers.kafka.topics import Client, ensure_topic
from consumers.loop import Halted
from consumers.record.announcing import announce
from consuming import Running, running, told, until
from ledgers import SIGNER, grow, kept, signed_size
from projections.ledger import size_of

pytestmark = pytest.mark.kafka


@pytest.fixture
def checkpoints(client: Client, topics: str) -> str:
    """A topic of checkpoints."""
    name = f"{topics}checkpoints"
    ensure_topic(client, name, 1)
    return name


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def announced(client: Client, topic: str, log: Path) -> bool:
    found = told(client, topic)
    return bool(found) and size_of(found[-1][1]) == signed_size(log)


def tell_all(log: Path, app_dsn: str, client: Client, topic: str) -> None:
    """Announce until the topic has the newest checkpoint."""
    with running(announce, log, SIGNER.verifier, app_dsn, client, topic) as run:
        until(lambda: announced(client, topic, log), run)


def test_every_checkpoint_is_told_once_in_order_by_whichever_process(
    log: Path, app_dsn: str, client: Client, checkpoints: str
) -> None:
    for sizes in ((1, 2, 9), (10, 99, 100, 300), (301,)):
        grow(log, *sizes)
        tell_all(log, app_dsn, client, checkpoints)
    found = told(client, checkpoints)
    assert [SIGNER.verifier.open(note) for _, note in found] == kept(log)
    assert {key for key, _ in found} == {"acta.example/log"}


def test_a_topic_that_holds_another_history_is_left_alone(
    log: Path, app_dsn: str, client: Client, checkpoints: str
) -> None:
    grow(log, 300)
    tell_all(log, app_dsn, client, checkpoints)
    before = told(client, checkpoints)
    shutil.rmtree(log)
    grow(log, 400, word="other")
    run = Running(announce, log, SIGNER.verifier, app_dsn, client, checkpoints)
    until(lambda: not run.alive)
    assert isinstance(run.error, Halted)
    assert "300 events that contradicts" in str(run.error)
    assert told(client, checkpoints) == before


def test_a_topic_that_is_ahead_is_waited_for(
    log: Path, app_dsn: str, client: Client, checkpoints: str, caplog: pytest.LogCaptureFixture
) -> None:
    grow(log, 300)
    tell_all(log, app_dsn, client, checkpoints)
    shutil.rmtree(log)
    grow(log, 100)
    with running(announce, log, SIGNER.verifier, app_dsn, client, checkpoints) as run:
        until(lambda: "holds a checkpoint of 300 events, the log signs 100" in caplog.text, run)
        grow(log, 310)
        until(lambda: announced(client, checkpoints, log), run)
    assert [size_of(note) for _, note in told(client, checkpoints)] == [300, 310]
