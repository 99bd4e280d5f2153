"""Topics as this desk needs them: made once, with settings that lose nothing; and how clients of them are opened."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from consumers.kafka.unpacking import read_on
from consumers.loop import Halted, NotYet

Client = Mapping[str, Any]
"""What every client of one cluster is given: ``bootstrap_servers``, ``security_protocol``, ``sasl_…``, ``ssl_…``."""

LARGEST_MESSAGE = 8 * 1024 * 1024
"""Bytes; an event is far smaller, since each text of a command is limited."""

CONFIGS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
    "max.message.bytes": str(LARGEST_MESSAGE),
}
_KEPT_TO = ("max.message.bytes", "compression.type", "message.timestamp.type")
"""The settings that a topic is given again where somebody else has given it other ones."""
_LOSING = ("cleanup.policy", "retention.ms", "retention.bytes")
"""The settings that, with other values, would make a topic forget events."""

PATIENCE_MS = 10_000


def ensure_topic(client: Client, topic: str, partitions: int, configs: Mapping[str, str] = CONFIGS) -> None:
    """Make a topic, that of the events unless other ``configs`` are given, if there is none; bound what it takes.

    Raises ``Halted`` when there is one with another number of partitions or, if it is to be kept for ever, settings
    that would lose events: changing the number moves streams to other partitions, out of order with what they hold.
    """
    admin = KafkaAdminClient(**client, bootstrap_timeout_ms=PATIENCE_MS)
    try:
        if topic not in admin.list_topics():
            wanted = {topic: {"num_partitions": partitions, "replication_factor": -1, "configs": dict(configs)}}
            with suppress(TopicAlreadyExistsError):  # another process was faster; what it made is looked at below
                admin.create_topics(wanted, wait_for_metadata=True)
        found = len(admin.describe_topics([topic])[0]["partitions"])
        if found != partitions:
            raise Halted(f"the topic {topic} has {found} partitions, not {partitions}")
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        told = admin.describe_configs([resource], config_filter="all")
        found_configs = {name: entry["value"] for name, entry in told["topic"][topic].items()}
        for name in _LOSING if configs == CONFIGS else ():
            if found_configs.get(name) != CONFIGS[name]:
                raise Halted(f"the topic {topic} has {name}={found_configs.get(name)}, which must be {CONFIGS[name]}")
        other = {name: configs[name] for name in _KEPT_TO if name in configs and configs[name] != found_configs[name]}
        if other:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=other)], incremental=True)
    finally:
        admin.close()


def reader(client: Client, **settings: Any) -> KafkaConsumer:
    """A consumer that reads what is committed and never moves on its own: positions are the caller's business.

    Without ``auto_offset_reset=none`` kafka-python jumps to the end of a partition whose offset it cannot find.
    """
    read_on()
    return KafkaConsumer(
        **{
            **client,
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "bootstrap_timeout_ms": PATIENCE_MS,
            "request_timeout_ms": PATIENCE_MS,
            "reconnect_backoff_max_ms": 1000,
            "metrics_enabled": False,
            **settings,
        }
    )


def partitions_of(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """The partitions of a topic, in order; raises ``NotYet`` when there is no such topic."""
    found = consumer.partitions_for_topic(topic)
    if not found:
        raise NotYet(f"there is no topic {topic}; `acta up` makes it")
    if found != set(range(len(found))):
        raise NotYet(f"not all partitions of {topic} are known yet")
    return [TopicPartition(topic, number) for number in range(len(found))]
