"""What every event carries, whatever it tells: its place, its times, and the act that caused it.

An event is stored as one JSON body plus a few columns (stream, version, position, type, recorded_at). A field equal
to its default is left out of the body, so a default is as eternal as a name: never change one.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_type_hints
from uuid import UUID

import msgspec

T = TypeVar("T")

_PERSONAL = "personal"
Personal = Annotated[T, msgspec.Meta(extra={_PERSONAL: True})]
"""Marks a field that holds personal data: it is sealed with a key of its event before it is stored."""

Json = Any
"""A JSON value: object, array, string, number, boolean or null."""

NOWHERE = UUID(int=0)
UNSTAMPED = datetime(1, 1, 1, tzinfo=UTC)
"""The time of an event that the store has not recorded yet."""

SEALED = "[sealed]"
ERASED = "[erased]"

_TYPE_GRAMMAR = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*")


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who acted: a pseudonymous handle, never a name or an address."""

    kind: Literal["requester", "agent", "service", "system"]
    id: str


class Act(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The act behind an event: who, for whom, through which door, and what led to it."""

    actor: Actor
    on_behalf_of: str = ""
    channel: str = ""
    correlation_id: str = ""
    causation_id: str = ""


class Seal(msgspec.Struct, frozen=True, gc=False):
    """The sealed personal fields of one event: base64 of nonce and ciphertext, by field name.

    ``subject`` is the person whose key wraps the event's own; ``commitment`` binds the ciphertexts to that one key,
    which AES-GCM alone does not.
    """

    subject: UUID
    commitment: str
    fields: dict[str, str]


NOBODY = Act(actor=Actor(kind="system", id=""))


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A fact about one stream. Never edited, read for ever.

    ``stream``, ``version`` (from 1, without gaps), ``position`` (from 1, dense over all streams) and ``recorded_at``
    (UTC, the store's clock) are columns beside the body. ``occurred_at`` (UTC) is when it happened in the world;
    ``effective_at`` is the later of that and the effective time of the event before it in the stream. ``withheld``
    says why personal fields are blank: "" (they are not), "sealed" (not opened for this reader) or "erased".
    """

    TYPE: ClassVar[str]

    stream: UUID = NOWHERE
    version: int = 0
    position: int = 0
    recorded_at: datetime = UNSTAMPED
    occurred_at: datetime = UNSTAMPED
    effective_at: datetime = UNSTAMPED
    act: Act = NOBODY
    seal: Seal | None = None
    withheld: Literal["", "sealed", "erased"] = ""

    @property
    def originator_id(self) -> UUID:
        """The stream, by the name that the ``eventsourcing`` library knows."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, by the name that the ``eventsourcing`` library knows."""
        return self.version

    def __init_subclass__(cls, **options: Any) -> None:
        """Enter the class under its eternal name; a name used twice or inherited is a programming error."""
        super().__init_subclass__(**options)
        name = cls.__dict__.get("TYPE")
        if name is None:
            return
        if not _TYPE_GRAMMAR.fullmatch(name):
            raise TypeError(f"{name!r} is not of the form <stream>.<fact>.v<n>")
        known = EVENT_TYPES.setdefault(name, cls)
        if known is not cls and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"{name!r} names {known.__qualname__} already")
        EVENT_TYPES[name] = cls


EVENT_TYPES: dict[str, type[Event]] = {}
"""Every event type by its stored name; filled as the modules of events are imported."""


def personal_fields(event_type: type[Event]) -> tuple[str, ...]:
    """The names of the fields of ``event_type`` that hold personal data."""
    hints = get_type_hints(event_type, include_extras=True)
    return tuple(
        field.name
        for field in msgspec.structs.fields(event_type)
        if any(
            isinstance(mark, msgspec.Meta) and (mark.extra or {}).get(_PERSONAL)
            for mark in getattr(hints[field.name], "__metadata__", ())
        )
    )
