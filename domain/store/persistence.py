"""The persistence module that the ``eventsourcing`` application runs on: its factory and its mapper."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    JSONTranscoder,
    Mapper,
    ProcessRecorder,
    TrackingRecorder,
    Transcoder,
)
from psycopg_pool import ConnectionPool

from domain.envelope import Event
from domain.store import codec
from domain.store.keys import SubjectKeys
from domain.store.privacy import ciphers, closed, message_key, seal, unseal
from domain.store.recorder import PostgresRecorder, SealedEvent
from domain.store.signatures import bound
from domain.ticket.events import AttachmentAdded, TicketSigned


class SealingMapper(Mapper[UUID]):
    """Events to stored events and back, sealing and opening personal fields, upcasting what is old."""

    def __init__(self, keys: SubjectKeys, store: PostgresRecorder) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self.keys = keys
        self._store = store

    def to_stored_event(self, domain_event: Any) -> Any:
        """Seal and encode one event that has its stream and version; ``seal.subject`` names whom it tells of."""
        return self.to_stored_events([domain_event])[0]

    def to_stored_events(self, events: Sequence[Event]) -> list[SealedEvent]:
        """Seal and encode events; persons that are new get their keys first, durably."""
        keys = ciphers(self.keys.ensure({event.seal.subject for event in events if event.seal is not None}))
        stored: list[SealedEvent] = []
        for event in events:
            if isinstance(event, TicketSigned):
                event = bound(event, self._before(event, stored), self.keys)
            stored.append(self._stored(event, keys))
        return stored

    def _before(self, event: Event, coming: Sequence[SealedEvent]) -> list[SealedEvent]:
        """All of a stream before an event: what is stored, then what is about to be, together with it."""
        near = [one for one in coming if one.originator_id == event.stream]
        until = (near[0].originator_version if near else event.version) - 1
        return [*self._store.events_of(event.stream, until=until), *near]

    def _stored(self, event: Event, keys: dict[UUID, AESGCM]) -> SealedEvent:
        subject = event.seal.subject if event.seal is not None else None
        body, wrapped = event, None
        if subject is not None:
            body, wrapped = seal(event, event.stream, event.version, subject, keys[subject])
        return SealedEvent(
            event.stream,
            event.version,
            event.TYPE,
            codec.encode(codec.unplaced(body)),
            number=getattr(event, "number", None) if event.TYPE.startswith("ticket.opened.") else None,
            subject=subject if wrapped is not None else None,
            wrapped=wrapped,
            takes=event.attachment if isinstance(event, AttachmentAdded) else None,
        )

    def to_domain_event(self, stored_event: Any) -> Any:
        """Decode one stored event and open its seal."""
        return self.opened([stored_event])[0]

    def decoded(self, stored: SealedEvent) -> Event:
        """Decode one stored event; its seal stays closed."""
        assert stored.recorded_at is not None
        return codec.decode(
            stored.topic,
            stored.state,
            stream=stored.originator_id,
            version=stored.originator_version,
            position=stored.position,
            recorded_at=stored.recorded_at,
        )

    def closed(self, stored: Iterable[SealedEvent]) -> list[Event]:
        """Decode stored events for one who may not open their seals."""
        return [closed(self.decoded(event)) for event in stored]

    def opened(self, stored: Iterable[SealedEvent]) -> list[Event]:
        """Decode stored events and open their seals; what is erased says so."""
        pairs = [(event, self.decoded(event)) for event in stored]
        keys = ciphers(self.keys.find({event.seal.subject for _, event in pairs if event.seal is not None}))
        return [
            event if event.seal is None else unseal(event, stored.wrapped, keys.get(event.seal.subject))
            for stored, event in pairs
        ]

    def message_keys(self, stored: Iterable[SealedEvent]) -> list[bytes | None]:
        """The key of each stored event that is sealed, to be disclosed; None if it is not sealed, or was erased."""
        pairs = [(event, self.decoded(event)) for event in stored]
        keys = ciphers(self.keys.find({event.seal.subject for _, event in pairs if event.seal is not None}))
        return [
            None if event.seal is None else message_key(event, stored.wrapped, keys.get(event.seal.subject))
            for stored, event in pairs
        ]


class StoreFactory(InfrastructureFactory[TrackingRecorder]):
    """Hands the application the recorder and the mapper that the composition root has made."""

    def __init__(self, env: Any, recorder: PostgresRecorder, mapper: SealingMapper, pool: ConnectionPool) -> None:
        super().__init__(env)
        self._recorder = recorder
        self._mapper = mapper
        self._pool = pool

    def application_recorder(self) -> ApplicationRecorder:
        return self._recorder

    def mapper(self, transcoder: Transcoder | None = None, mapper_class: Any = None) -> Any:
        return self._mapper

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        return self._recorder

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> TrackingRecorder:
        raise RuntimeError("views keep their own marks")

    def process_recorder(self) -> ProcessRecorder:
        raise RuntimeError("views keep their own marks")

    def close(self) -> None:
        self._recorder.close()
        self._pool.close()
