"""`acta run` beside a Kafka: a department's software hands in over its topic, and is told what was decided."""

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from machines import Broker

pytestmark = pytest.mark.kafka
Acta = Callable[..., subprocess.CompletedProcess[str]]


def test_a_desk_that_is_given_kafka_makes_its_topics_and_answers_what_comes_through_its_doors(
    run_desk: Callable[[Path], AbstractContextManager[None]],
    tmp_path: Path,
    kafka: Broker,
    topics: str,
    monkeypatch: pytest.MonkeyPatch,
):
    for name, value in (
        ("KAFKA", kafka.bootstrap),
        ("DOORS", "it"),
        ("DOOR_TOPICS", f"{topics}doors"),
        ("TOPIC", f"{topics}events"),
        ("CHECKPOINT_TOPIC", f"{topics}checkpoints"),
    ):
        monkeypatch.setenv(f"ACTA_{name}", value)
    request = [("ce_specversion", b"1.0"), ("ce_type", b"acta.request.open.v1"), ("ce_source", b"/hr"), ("ce_id", b"1")]
    with run_desk(tmp_path):
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        producer.send(f"{topics}doors.requests.it", key=b"HR-1", value=b'{"title": "A laptop"}', headers=request)
        producer.close()
        told = KafkaConsumer(
            f"{topics}doors.outcomes.it",
            bootstrap_servers=kafka.bootstrap,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        outcome = json.loads(next(told).value)
        told.close()
        events = KafkaConsumer(f"{topics}events", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        assert next(events).value
        events.close()
    assert (outcome["request"]["id"], outcome["number"]) == ("1", 1)


def test_doors_without_kafka_and_a_broker_without_java_are_refused_with_the_way_out(
    acta: Acta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ACTA_DOORS", "it")
    monkeypatch.setenv("PATH", str(tmp_path))
    for command, way_out in (("run", "Name the brokers in ACTA_KAFKA"), ("broker", "Java 17 or later")):
        refused = acta(tmp_path, command)
        assert refused.returncode == 1
        assert refused.stderr.startswith("acta: ")
        assert way_out in refused.stderr
        assert refused.stderr.count("\n") == 1
