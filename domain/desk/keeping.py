"""Keeping decisions: a keyed request is decided once, and whoever repeats it gets the first answer for ever."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from domain.access.principal import Principal
from domain.desk.order import IdempotencyKey, Receipt
from domain.desk.tasks import Task
from domain.desk.work import Draft
from domain.envelope import Act, Event
from domain.errors import KeyUsedDifferently, Refused
from domain.request.events import RequestDecided
from domain.store.keys import SubjectKeys
from domain.ticket.state import Ticket


class Refusal(Refused):
    """The request was refused."""

    @classmethod
    def from_recorded(cls, recorded: Mapping[str, Any]) -> Refused:
        """The refusal that a keyed request got the first time."""
        kinds = {kind.code: kind for kind in _all_refusals(Refused)}
        kind = kinds.get(recorded["code"], cls)
        return kind(recorded["detail"], **recorded["particulars"])


def _all_refusals(kind: type[Refused]) -> Iterable[type[Refused]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _all_refusals(narrower)


def request_stream(keys: SubjectKeys, key: IdempotencyKey) -> UUID:
    """The stream of a keyed request."""
    return keys.stream_of("request", key.principal, key.source, key.key)


def repeated(first: Event | None, key: IdempotencyKey) -> Receipt | Refused | None:
    """The answer to a request whose stream begins with ``first``; None if it has not been decided yet."""
    if first is None:
        return None
    assert isinstance(first, RequestDecided)
    if first.digest != key.digest:
        return KeyUsedDifferently()
    return decision_of(first)


def decision_of(decided: RequestDecided) -> Receipt | Refused:
    """What was decided of a request."""
    if decided.receipt is None:
        assert decided.refusal is not None
        return Refusal.from_recorded(decided.refusal)
    receipt = decided.receipt
    return Receipt(
        ticket=UUID(receipt["ticket"]),
        number=receipt["number"],
        version=receipt["version"],
        position=decided.position,
        events=tuple(receipt["events"]),
        opened=receipt.get("opened"),
    )


def record_decision(
    draft: Draft, stream: UUID, key: IdempotencyKey, decision: Receipt | Refused, act: Act, of_whom: UUID | None
) -> None:
    """Keep a decision with its request; what addresses its outcome is sealed for the person ``of_whom`` it tells."""
    decided = RequestDecided(
        digest=key.digest,
        ticket=None if isinstance(decision, Refused) else decision.ticket,
        receipt=None if isinstance(decision, Refused) else decision.recorded(),
        refusal={"code": decision.code, "detail": decision.detail, "particulars": decision.particulars}
        if isinstance(decision, Refused)
        else None,
        department=key.department,
        source=key.source if key.department else "",
        key=key.key if key.department else "",
        reference=key.reference,
    )
    draft.record(stream, decided, act, subject=of_whom if key.department else None)


class Declining(Task):
    """A keyed request that is refused before it comes to any command."""

    def __init__(self, refused: Refused, sender: Principal, act: Act, key: IdempotencyKey, keys: SubjectKeys) -> None:
        super().__init__()
        self.refused = refused
        self.sender = sender
        self.act = act
        self.key = key
        self.request = request_stream(keys, key)
        self.first: Receipt | Refused | None = None

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        return {self.request}

    def new_streams(self) -> set[UUID]:
        return {self.request}

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        self.first = repeated(draft.stream(self.request).first, self.key)
        if self.first is None:
            record_decision(draft, self.request, self.key, self.refused, self.act, self.sender.person)

    def answer(self, position: int) -> Receipt | Refused:
        return self.first or self.refused
