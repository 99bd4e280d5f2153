"""The relay: every event of the store, in order of position, to the topic of the events.

One relay is active per topic; others stand by. Where it stands is kept in one place only, the topic itself: the last
committed message of a partition, event or head, names its position. So nothing has to agree with anything after a
crash. A relay begins by fencing off its predecessors (the transactional id), which makes the tails final; then it goes
on from the lowest and leaves out, partition by partition, what is there. Nothing is skipped, nothing sent twice, and a
partition that has lost its end is given it again.
"""

from collections.abc import Sequence
from threading import Event as Flag
from time import monotonic

from consumers.kafka.cloudevents import NOTHING, Envelope, key_of, milliseconds, partition_of
from consumers.kafka.outlet import Outlet
from consumers.kafka.succession import Succession
from consumers.kafka.tails import Tail, must_be_of, read_tails
from consumers.kafka.topics import Client
from consumers.lease import Leases
from consumers.loop import Halted, run
from domain.store.recorder import PostgresRecorder, SealedEvent

HEADS_EVERY_S = 0.03
"""For so long, while others have events, a partition without any holds back what a view counts as complete."""

SHORTEST_REST_S = 0.005
LONGEST_REST_S = 0.05
LARGEST_BATCH = 4 * 1024 * 1024
"""Bytes of the bodies of one transaction, which has a limited time; a single event may have more."""


def relay(
    store: PostgresRecorder,
    lease_dsn: str,
    client: Client,
    topic: str,
    stop: Flag,
    *,
    source: str = "/acta",
    batch: int = 2000,
    patience_s: float = 10.0,
) -> None:
    """Relay until ``stop`` is set; stands by while another process relays to ``topic``.

    ``lease_dsn`` is of any role on the store's database; ``source`` becomes ``ce_source``; ``batch`` is the most events
    of one transaction; ``patience_s`` how long a relay that has fallen silent keeps others waiting.

    Raises ``Halted`` when the topic cannot be the continuation of this store, or its partitions have changed.
    """

    def begin(outlet: Outlet) -> _Active:
        return _Active(store, outlet, topic, source, batch, read_tails(client, topic))

    def session() -> Succession:
        return Succession("relay", topic, Leases(lease_dsn, patience_s), client, transactional_id(topic), begin)

    run("relay", session, stop)


def transactional_id(topic: str) -> str:
    """Under which whoever relays to ``topic`` fences off every earlier relay."""
    return f"acta.relay.{topic}"


class _Active:
    """The relay that may send."""

    def __init__(
        self, store: PostgresRecorder, outlet: Outlet, topic: str, source: str, batch: int, tails: Sequence[Tail | None]
    ) -> None:
        self._store = store
        self._outlet = outlet
        self._topic = topic
        self._batch = batch
        self._partitions = len(tails)
        self._envelope = Envelope(source)
        self._told = [tail.position if tail else 0 for tail in tails]
        """By partition: the position up to which it is known, to its readers, to be complete."""
        self.position = min(self._told)
        self._last: SealedEvent | None = None
        """The event at ``position``, once it has been read here."""
        self._heads_at = 0.0
        self._rest = SHORTEST_REST_S
        self._must_continue_this_store(tails)

    def step(self) -> float:
        """Send what has been recorded since, in one transaction; return the seconds to rest."""
        found = self._store.page(self.position, self._batch, opened=False)
        if found:
            self._must_be_dense(found)
        page = _beginning(found)
        heads_due = monotonic() - self._heads_at >= HEADS_EVERY_S
        if page or (heads_due and self._behind()):
            self._send(page, heads_due)
            self._rest = SHORTEST_REST_S
        else:
            self._rest = min(self._rest * 2, LONGEST_REST_S)
        return 0.0 if len(found) == self._batch or len(page) < len(found) else self._rest

    def close(self) -> None:
        """Let go at once."""
        self._outlet.close()

    def _send(self, page: list[SealedEvent], heads: bool) -> None:
        """One transaction: the events of a page that are not there yet, and the heads if they are due."""
        told = list(self._told)
        last = page[-1] if page else self._last
        for event in page:
            assert event.recorded_at is not None
            partition = partition_of(event.originator_id, self._partitions)
            if event.position > told[partition]:
                key = key_of(event.originator_id)
                headers = self._envelope.of_event(event, key)
                self._outlet.send(self._topic, partition, key, event.state, headers, milliseconds(event.recorded_at))
                told[partition] = event.position
        if heads and last is not None:
            assert last.recorded_at is not None
            for partition, position in enumerate(told):
                if position < last.position:
                    headers = self._envelope.of_head(last, partition)
                    moment = milliseconds(last.recorded_at)
                    self._outlet.send(self._topic, partition, None, NOTHING, headers, moment)
                    told[partition] = last.position
        self._outlet.commit()
        self._told = told
        self._last = last
        if last is not None:
            self.position = last.position
        if heads:
            self._heads_at = monotonic()

    def _behind(self) -> bool:
        return self._last is not None and min(self._told) < self._last.position

    def _must_be_dense(self, page: list[SealedEvent]) -> None:
        """Positions are dense, whatever the order of commits; a gap would be an event that no follower ever sees."""
        if page[0].position != self.position + 1 or page[-1].position != self.position + len(page):
            raise Halted(f"the store has a gap after position {self.position}")

    def _must_continue_this_store(self, tails: Sequence[Tail | None]) -> None:
        """Refuse another desk's topic, a store put back from an old copy, and a topic that was given more partitions.

        The first transaction of all tells every partition a head, so that later only a new partition is empty.
        """
        if any(tails) and not all(tails):
            raise Halted(f"the partitions of {self._topic} have been changed: streams would move to other partitions")
        must_be_of(self._store, self._topic, tails)


def _beginning(page: list[SealedEvent]) -> list[SealedEvent]:
    """As much of a page as may go into one transaction."""
    size = 0
    for count, event in enumerate(page):
        size += len(event.state)
        if count and size > LARGEST_BATCH:
            return page[:count]
    return page
