"""Succession: of those who would write a topic one works and the others stand by; who takes over finds it final.

Where the work stands, the topic itself says. A lease decides who works, which only spares idle work. What makes two of
them harmless is the transactional id of the topic: it fences off every predecessor, and only after that is the topic
read, when nobody else can add to it any more.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from consumers.kafka.outlet import Outlet
from consumers.kafka.topics import Client
from consumers.lease import Leases

STANDBY_S = 0.5


class Successor(Protocol):
    """The one that may write, with the outlet it was begun with."""

    @property
    def position(self) -> int:
        """How far it has come."""

    def step(self) -> float:
        """Send what waits; return the seconds to rest."""

    def close(self) -> None:
        """Let go at once, of the outlet too."""


class Succession:
    """One life of a consumer: standing by, then at work until the first trouble.

    ``begin`` makes the successor; it may read of ``topic`` what predecessors have left there.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        leases: Leases,
        client: Client,
        transactional_id: str,
        begin: Callable[[Outlet], Successor],
    ) -> None:
        self._name = name
        self._topic = topic
        self._leases = leases
        self._client = client
        self._transactional_id = transactional_id
        self._begin = begin
        self._active: Successor | None = None

    def step(self) -> float:
        self._leases.hold()
        if self._active is None:
            if not self._leases.take(f"{self._name} {self._topic}"):
                return STANDBY_S
            outlet = Outlet(self._client, self._transactional_id)
            try:
                self._active = self._begin(outlet)
            except BaseException:
                outlet.close()
                raise
            log = logging.getLogger(f"acta.{self._name}")
            said = "consumer=%s state=active topic=%s after=%d"
            log.info(said, self._name, self._topic, self._active.position)
        return self._active.step()

    def close(self) -> None:
        if self._active is not None:
            self._active.close()
        self._leases.close()
