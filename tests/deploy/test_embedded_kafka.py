"""The broker does what the relay and its consumers count on: transactions, and records that outlive kill -9."""

import signal
import subprocess
import sys

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from deploy.broker import EmbeddedKafka, NoBroker, fetch
from deploy.child import wait_gone

KEEPER = """
import sys
from pathlib import Path
from deploy.broker import EmbeddedKafka
broker = EmbeddedKafka(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


def make_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)], wait_for_metadata=True)
    admin.close()


def send(bootstrap: str, topic: str, *words: bytes, commit: bool = True) -> None:
    """Send ``words`` in one transaction, committed or aborted."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-writer")
    producer.init_transactions()
    producer.begin_transaction()
    for word in words:
        producer.send(topic, value=word)
    if commit:
        producer.commit_transaction()
    else:
        producer.flush()
        producer.abort_transaction()
    producer.close()


def committed(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The first ``count`` values a reader of committed records sees, and at most one poll's more."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    values: list[bytes] = []
    while len(values) < count:
        for records in consumer.poll(timeout_ms=1000).values():
            values += [record.value for record in records]
    consumer.close()
    return values


def test_readers_see_what_was_committed_and_not_what_was_aborted(kafka, topics):
    topic = topics + "words"
    make_topic(kafka.bootstrap, topic)
    send(kafka.bootstrap, topic, b"never", commit=False)
    send(kafka.bootstrap, topic, b"one", b"two")
    assert committed(kafka.bootstrap, topic, 2) == [b"one", b"two"]


def test_a_misspelt_topic_is_not_made(kafka, topics):
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    assert not consumer.partitions_for_topic(topics + "misspelt")
    assert topics + "misspelt" not in admin.list_topics()
    consumer.close()
    admin.close()


def test_records_survive_kill_9_at_the_same_address(mortal_kafka, topics):
    topic, bootstrap = topics + "words", mortal_kafka.bootstrap
    make_topic(bootstrap, topic)
    send(bootstrap, topic, b"before")
    mortal_kafka.kill()
    mortal_kafka.start()
    assert mortal_kafka.bootstrap == bootstrap
    send(bootstrap, topic, b"after")
    assert committed(bootstrap, topic, 2) == [b"before", b"after"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an orphan is ended at the next start")
def test_the_broker_ends_with_a_killed_keeper(kafka, tmp_path):
    if not isinstance(kafka, EmbeddedKafka):
        pytest.skip("the broker of this run is not from Maven Central")
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with keeper:
        pid = int(keeper.stdout.readline())
        orphan = psutil.Process(pid)
        assert orphan.name() == "java"
        keeper.send_signal(signal.SIGKILL)
    assert wait_gone([orphan], 60) == []


def test_without_maven_the_refusal_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBroker, match="Maven"):
        fetch(tmp_path / "empty")
