"""Sending to Kafka in transactions, with the ways closed in which kafka-python 3.0 loses messages or waits for ever.

* A batch that runs into its delivery timeout fails its future, but not the transaction: a commit after that succeeds
  without it. So every future is asked before a commit.
* After some errors the producer takes a new epoch and goes on with what is left. So nothing is sent after an error.
* ``commit_transaction`` has no time limit. So it is waited for from outside.
* ``close`` waits for what can no longer be sent, or raises and leaves its thread sending. So the thread is told to end.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.producer.future import FutureProduceResult

from consumers.kafka.cloudevents import Headers
from consumers.kafka.packing import Batch, acknowledged, hand_over
from consumers.kafka.topics import LARGEST_MESSAGE, Client

REQUEST_S = 8.0
COMMIT_S = 10.0
TRANSACTION_S = 20.0
"""After this the broker aborts a transaction whose producer says nothing; longer than all we do in one."""


class Outlet:
    """One transactional producer; begun by fencing off every earlier one of the same id.

    Whatever raises, the outlet is of no use any more: close it and open another, which aborts what was begun.
    """

    def __init__(self, client: Client, transactional_id: str) -> None:
        self._producer = KafkaProducer(
            **{
                **client,
                "transactional_id": transactional_id,
                "transaction_timeout_ms": int(TRANSACTION_S * 1000),
                "max_block_ms": int(COMMIT_S * 1000),
                "request_timeout_ms": int(REQUEST_S * 1000),
                "delivery_timeout_ms": int((REQUEST_S + 2) * 1000),
                "bootstrap_timeout_ms": int(COMMIT_S * 1000),
                # Requests of a transaction wait on one another in steps of this.
                "retry_backoff_ms": 5,
                "reconnect_backoff_max_ms": 1000,
                # A batch leaves when it is full or when the transaction is to be committed, not before.
                "linger_ms": 1000,
                "max_request_size": LARGEST_MESSAGE,
                "metrics_enabled": False,
            }
        )
        self._filling: dict[TopicPartition, Batch] = {}
        self._sent: list[FutureProduceResult] = []
        self._asked_of: set[str] = set()
        self._begun = False
        try:
            self._producer.init_transactions()
        except BaseException:
            self.close()
            raise

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: Headers, timestamp_ms: int
    ) -> None:
        """Add a message to the transaction, which the first one begins."""
        if len(value) > LARGEST_MESSAGE:
            raise MessageSizeTooLargeError(f"a message of {len(value)} bytes")
        if not self._begun:
            self._producer.begin_transaction()
            self._asked_of.clear()
            self._begun = True
        if topic not in self._asked_of:
            # A batch for a topic that the producer has never heard of would wait for ever.
            self.partitions(topic)
            self._asked_of.add(topic)
        where = TopicPartition(topic, partition)
        batch = self._filling.get(where)
        if batch is None:
            batch = self._filling[where] = Batch()
        batch.add(timestamp_ms, key, value, headers)
        if batch.full():
            self._sent.append(hand_over(self._producer, where, self._filling.pop(where)))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises what passes while there is no such topic."""
        return len(self._producer.partitions_for(topic))

    def flush(self) -> None:
        """Return when everything that was sent is acknowledged; nobody reads it before the commit."""
        self._sent += [hand_over(self._producer, where, batch) for where, batch in self._filling.items()]
        self._filling.clear()
        self._producer.flush(REQUEST_S + 4)
        for future in self._sent:
            acknowledged(future)
        self._sent.clear()

    def commit(self) -> None:
        """Return when the whole transaction is committed. If this raises, it may have been, or may not."""
        if not self._begun:
            return
        self.flush()
        self._begun = False
        _within(COMMIT_S, self._producer.commit_transaction)

    def close(self) -> None:
        """Let go at once; what was begun and not committed is aborted by the next outlet, or in time by the broker."""
        with suppress(Exception):
            self._producer.close(timeout=0)
        self._producer._sender.force_close()


def _within(seconds: float, act: Callable[[], None]) -> None:
    """Do ``act``, or raise ``KafkaTimeoutError`` and leave it behind."""
    outcome: SimpleQueue[BaseException | None] = SimpleQueue()

    def attempt() -> None:
        try:
            act()
        except BaseException as error:
            outcome.put(error)
        else:
            outcome.put(None)

    Thread(target=attempt, name="acta commit", daemon=True).start()
    try:
        error = outcome.get(timeout=seconds)
    except Empty:
        raise KafkaTimeoutError(f"no answer to a commit within {seconds} s") from None
    if error is not None:
        raise error
