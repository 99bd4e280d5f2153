"""What both feeds of the views have in common: stored events are opened in bulk and handed to each view.

A view that cannot go on is left out and tried again after a while, so that an operator's skip, a rebuild or a repair is
noticed without a restart; the other views go on meanwhile.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from consumers.cloudevents import Head
from consumers.loop import reason
from domain.desk import Desk
from domain.envelope import Event
from domain.errors import Unreadable
from domain.store.privacy import unseal
from domain.store.recorder import SealedEvent
from projections.engine import Fenced, Projector, Stopped, Versions, View, ViewStopped

Connection = psycopg.Connection[Any]

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 300.0

_log = logging.getLogger("acta.project")


@dataclass(frozen=True, slots=True)
class Poison:
    """What stands where no event could be read. ``position`` is 0 when not even that is known."""

    position: int
    type: str
    reason: str
    stream: UUID | None = None
    version: int = 0


Item = Event | Head | Poison


def open_in_bulk(desk: Desk, given: Iterable[SealedEvent | Head | Poison], *, opened: bool = True) -> list[Item]:
    """Decode events and open their seals (unless ``opened`` is False), in order; what cannot be read becomes poison."""
    items = [_decoded(desk, item) if isinstance(item, SealedEvent) else item for item in given]
    if not opened:
        return items
    sealed = [item for item in items if isinstance(item, Event) and item.seal is not None]
    if not sealed:
        return items
    wrapped = desk.store.wrapped_keys([(event.stream, event.version) for event in sealed])
    keys = desk.keys.find({event.seal.subject for event in sealed if event.seal is not None})
    return [
        _unsealed(item, wrapped.get((item.stream, item.version)), keys)
        if isinstance(item, Event) and item.seal is not None
        else item
        for item in items
    ]


def _decoded(desk: Desk, stored: SealedEvent) -> Event | Poison:
    try:
        return desk.sealing.decoded(stored)
    except Unreadable:
        assert isinstance(stored.originator_id, UUID)
        return Poison(
            stored.position, stored.topic, "it cannot be decoded", stored.originator_id, stored.originator_version
        )


def _unsealed(event: Event, wrapped: bytes | None, keys: dict[UUID, bytes]) -> Event | Poison:
    assert event.seal is not None
    try:
        return unseal(event, wrapped, keys.get(event.seal.subject))
    except Unreadable:
        return Poison(event.position, event.TYPE, "its seal is broken", event.stream, event.version)


@dataclass
class _Waiting:
    """A view that stands still."""

    until: float
    pause: float
    said: str = ""


@dataclass
class Feeding:
    """The views that are fed from one partition (or the store)."""

    connection: Connection
    views: Sequence[View]
    partition: int
    versions: Versions
    _open: dict[str, Projector] = field(default_factory=dict)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)

    def open_due(self) -> bool:
        """Open the views that are not open and whose time to be tried has come; whether any was opened."""
        opened = False
        for view in self.views:
            waiting = self._waiting.get(view.name)
            if view.name in self._open or (waiting and waiting.until > monotonic()):
                continue
            try:
                self._open[view.name] = Projector(self.connection, view, self.partition, versions=self.versions)
                opened = True
            except Stopped as why:
                self._stop(view.name, reason(why), str(why))
        return opened

    @property
    def position(self) -> int | None:
        """From where events are needed; None while no view is open."""
        return min((projector.position for projector in self._open.values()), default=None)

    def apply(self, items: Sequence[Item], next_offset: int | None = None) -> bool:
        """Hand a batch to every open view; whether all of them are still open.

        Raises what is no view's fault, such as a lost connection.
        """
        whole = True
        for name, projector in list(self._open.items()):
            try:
                self._feed(projector, items, next_offset)
                self._waiting.pop(name, None)
            except Stopped as why:
                del self._open[name]
                self._stop(name, "Fenced" if isinstance(why, Fenced) else "ViewStopped", str(why))
                whole = False
        return whole

    def _feed(self, projector: Projector, items: Sequence[Item], next_offset: int | None) -> None:
        events: list[Event] = []
        head = 0
        for item in items:
            if isinstance(item, Event):
                events.append(item)
            elif isinstance(item, Head):
                head = max(head, item.position)
            elif item.position == 0 or item.position > projector.position:
                if self._skipped(projector.view, item.position):
                    head = max(head, item.position)
                    continue
                self._count(projector, events, None if next_offset is None else projector.next_offset, head)
                self._record(projector, item)
                raise ViewStopped(projector.view.name, self.partition, item.position, item.type, item.reason)
        self._count(projector, events, next_offset, head)

    def _count(self, projector: Projector, events: list[Event], next_offset: int | None, head: int) -> None:
        reached = max(events[-1].position if events else 0, head)
        if reached > projector.position:
            projector.apply(events, next_offset, head)

    def _skipped(self, view: View, position: int) -> bool:
        query = "SELECT FROM projections.skips WHERE view = %s AND version = %s AND position = %s"
        return self.connection.execute(query, (view.name, view.version, position)).fetchone() is not None

    def _record(self, projector: Projector, poison: Poison) -> None:
        if poison.stream is None:
            return
        self.connection.execute(
            "INSERT INTO projections.failures"
            " (edition, partition, position, stream, stream_version, type, error, place)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, '') ON CONFLICT (edition, partition, position)"
            " DO UPDATE SET error = excluded.error, place = '', seen_at = now()",
            (
                projector.edition.name,
                self.partition,
                poison.position,
                poison.stream,
                poison.version,
                poison.type,
                poison.reason,
            ),
        )

    def _stop(self, name: str, kind: str, text: str) -> None:
        """Leave a view out for a while, longer each time it fails again at once."""
        waiting = self._waiting.get(name)
        pause = min(waiting.pause * 2, LONGEST_RETRY_S) if waiting else FIRST_RETRY_S
        # Engine and feed write these texts themselves; they hold positions and types, never what an event says.
        _log.error(
            "view=%s partition=%d state=stopped retry_in_s=%.0f kind=%s reason=%r",
            name,
            self.partition,
            pause,
            kind,
            text,
        )
        self._waiting[name] = _Waiting(monotonic() + pause, pause, text)
