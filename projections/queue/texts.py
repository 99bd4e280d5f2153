"""What can be searched: one row per text, names of files among them. Notes, and the names of files that are like notes,
have a table of their own, so that no search can reach them by mistake.

PostgreSQL's tsvector holds a megabyte at most, so a long text makes several rows; none is cut short.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec

from domain.envelope import Personal
from domain.ticket.events import (
    AgentReplied,
    AttachmentAdded,
    DescriptionAmended,
    RequesterReplied,
    TicketNoted,
    TicketOpened,
    TitleChanged,
)
from projections.queue.entries import queue

_LONGEST = 100_000
_VECTOR = "tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED"


class Text(msgspec.Struct, frozen=True):
    """Something written about a ticket, from ``said_at`` on."""

    ticket: UUID
    said_at: datetime
    words: Personal[str]


_INDEXES = ("USING gin (vector)", "(ticket)")
texts = queue.journal("texts", Text, generated={"vector": _VECTOR}, indexes=_INDEXES)
notes = queue.journal("notes", Text, generated={"vector": _VECTOR}, indexes=_INDEXES)


@texts.on(TicketOpened)
def first_words(event: TicketOpened) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, f"{event.title}\n{event.description}")


@texts.on(TitleChanged)
def new_title(event: TitleChanged) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, event.title)


@texts.on(DescriptionAmended)
def new_description(event: DescriptionAmended) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, event.description)


@texts.on(RequesterReplied, AgentReplied)
def reply(event: RequesterReplied | AgentReplied) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, event.text)


@notes.on(TicketNoted)
def note(event: TicketNoted) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, event.text)


@texts.on(AttachmentAdded)
def file_name(event: AttachmentAdded) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, "" if event.internal else event.name)


@notes.on(AttachmentAdded)
def internal_file_name(event: AttachmentAdded) -> Iterator[Text]:
    return _rows(event.stream, event.effective_at, event.name if event.internal else "")


def _rows(ticket: UUID, said_at: datetime, words: str) -> Iterator[Text]:
    """The text in pieces that fit, parted between words where there are any."""
    while len(words) > _LONGEST:
        end = max(words.rfind(" ", 0, _LONGEST), words.rfind("\n", 0, _LONGEST))
        end = end if end > 0 else _LONGEST
        yield Text(ticket, said_at, words[:end])
        words = words[end:]
    if words.strip():
        yield Text(ticket, said_at, words)
