"""Dead letters: kept, corrected, handed in again or given up; each of it is an event, and no event holds their text.

The drawer holds what waits; the log says what happened. The event goes first where bytes are destroyed, the bytes
where an event promises that they are kept, so that whatever dies in between is made good by doing it again.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec

from domain.access.events import AccessRead
from domain.desk.desk import Desk
from domain.desk.doors import door_of, doorkeeper, take
from domain.desk.keeping import request_stream
from domain.desk.order import IdempotencyKey, Receipt
from domain.desk.tasks import Task
from domain.desk.work import Draft
from domain.envelope import Act, Actor
from domain.errors import KeyUsedDifferently, LetterNotFound, NotARequest, NotReadyYet, Refused, TicketMovedOn
from domain.request.events import LetterCorrected, LetterDiscarded, LetterEvent, LetterKept, LetterRedriven
from domain.request.letter import STRUCTURED, structured
from domain.request.message import Message, letter_in
from domain.store.letters import DeadLetter
from domain.ticket.state import Ticket

KEPT_FOR = timedelta(days=30)
INTAKE = Act(actor=Actor(kind="system", id="intake"), channel="kafka")
_AT_ONCE = 100


class Place(msgspec.Struct, frozen=True):
    """Where a message came in; ``at_ms`` is its timestamp there, in UTC milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    at_ms: int


class Redriven(msgspec.Struct, frozen=True, kw_only=True):
    """What came of handing in a letter once more: it was decided (``receipt`` or ``refused``), or is ``kept`` still."""

    kept: bool
    receipt: Receipt | None = None
    refused: Refused | None = None


class _Noting(Task):
    """A fact of a letter; that it was ``kept`` is recorded once."""

    def __init__(self, letter: UUID, event: LetterEvent, act: Act, subject: UUID | None) -> None:
        super().__init__()
        self.letter = letter
        self.event = event
        self.act = act
        self.subject = subject

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        return {self.letter}

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        if isinstance(self.event, LetterKept) and draft.stream(self.letter).first is not None:
            return
        draft.record(self.letter, self.event, self.act, subject=self.subject)


def keep(desk: Desk, department: str, place: Place, message: Message, refused: Refused) -> UUID:
    """Keep a message that could not be taken, once wherever it comes from how often; its id."""
    letter = desk.keys.stream_of("letter", place.topic, str(place.partition), str(place.offset), str(place.at_ms))
    if not desk.store.events_of(letter, until=1):
        desk.drawer.put(letter, department, refused.code, message)
        event = LetterKept(
            department=department,
            code=refused.code,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
        )
        _note(desk, letter, event, INTAKE)
    return letter


def found(desk: Desk, letter: UUID) -> tuple[DeadLetter, Message]:
    """A letter that waits, and what it holds; raises ``LetterNotFound``."""
    kept, message = desk.drawer.find(letter), desk.drawer.message(letter)
    if kept is None or message is None:
        raise LetterNotFound()
    return kept, message


def shown(desk: Desk, letter: UUID, act: Act) -> tuple[DeadLetter, Message]:
    """The same, for whoever is shown it where no edge records that: it is recorded here, before."""
    kept, message = found(desk, letter)
    read = AccessRead(operation="get-dead-letter", permission="door.operate", departments=(kept.department,))
    desk.witness(read, act).result()
    return kept, message


def correct(desk: Desk, letter: UUID, body: bytes, act: Act) -> None:
    """Put a CloudEvent (JSON, with ``partitionkey``) in place of what came; raises ``NotARequest`` if it is none."""
    kept, _ = found(desk, letter)
    structured(kept.department, body)
    content_type = ("content-type", f"{STRUCTURED}+json".encode())
    _note(desk, letter, LetterCorrected(), act)
    desk.drawer.replace(letter, Message(None, (content_type,), body))


def redrive(desk: Desk, letter: UUID, act: Act) -> Redriven:
    """Hand a letter in again. It is decided as it would have been, or stays where it is."""
    kept, message = found(desk, letter)
    try:
        asked = letter_in(kept.department, message)
        receipt, refused = None, None
        try:
            receipt = take(desk, asked, doorkeeper(desk.keys, kept.department), act.channel).result()
        except KeyUsedDifferently:
            raise
        except TicketMovedOn:
            raise NotReadyYet("Too many others are changing this ticket at the moment.") from None
        except Refused as decided:
            refused = decided
    except (NotARequest, KeyUsedDifferently) as fault:
        _note(desk, letter, LetterRedriven(outcome="kept", code=fault.code), act)
        return Redriven(kept=True, refused=fault)
    name = IdempotencyKey(principal=door_of(kept.department), source=asked.source, key=asked.id, digest="")
    request = request_stream(desk.keys, name)
    code = "" if refused is None else refused.code
    _note(desk, letter, LetterRedriven(outcome="decided", code=code, request=request), act)
    desk.drawer.remove(letter)
    return Redriven(kept=False, receipt=receipt, refused=refused)


def discard(desk: Desk, letter: UUID, reason: str, act: Act) -> None:
    """Give a letter up and destroy what it holds; the reason is sealed."""
    kept, _ = found(desk, letter)
    _note(desk, letter, LetterDiscarded(reason=reason), act, doorkeeper(desk.keys, kept.department).person)
    desk.drawer.remove(letter)


def expire(desk: Desk) -> int:
    """Destroy what nobody has taken care of for ``KEPT_FOR``; how many letters that were."""
    old = desk.drawer.kept_before(desk.now() - KEPT_FOR, _AT_ONCE)
    for one in old:
        _note(desk, one.letter, LetterDiscarded(expired=True), INTAKE)
        desk.drawer.remove(one.letter)
    return len(old)


def _note(desk: Desk, letter: UUID, event: LetterEvent, act: Act, subject: UUID | None = None) -> None:
    task = _Noting(letter, event, act, subject)
    desk.writer.submit(task)
    task.future.result()
