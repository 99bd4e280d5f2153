"""Reading the log for many webhooks, each at its own pace: those that stand at the same place read it together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from uuid import UUID

from consumers.telling import ACCEPTED, HAPPENED, REFUSED, TYPES, Message, Problem, Teller
from domain.desk import Desk
from domain.envelope import Event
from domain.setup.events import WebhookPinged
from domain.setup.state import Webhook
from domain.store.deliveries import Waiting

PAGE = 500
KEEP_EVERY_S = 5.0
"""How often a place is kept at which nothing was found."""

COUNT_EVERY_S = 0.25
"""How often it is counted what waits for a webhook for which much does."""

_TYPES = (*TYPES, WebhookPinged.TYPE)
_TOLD_BY = {ACCEPTED: "outcomes", REFUSED: "outcomes", HAPPENED: "facts"}


class Reading:
    """Where each webhook has read to, as kept and as read since; one for which ``window`` wait reads no further."""

    def __init__(self, desk: Desk, problem: Problem, window: int) -> None:
        self._desk = desk
        self._problem = problem
        self._window = window
        self._kept: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._tellers: dict[int, Teller] = {}
        self._keep_at = 0.0
        self._at_most: dict[str, int] = {}
        """So many wait for a webhook at most: as counted, and what was found since."""
        self._count_at = 0.0

    def begin(self, places: Mapping[str, int]) -> None:
        """Begin anew at what is kept."""
        self._kept, self._read = dict(places), dict(places)
        self._at_most, self._count_at = {}, 0.0

    def read_on(self, webhooks: Sequence[Webhook], head: int, now: Callable[[], datetime]) -> bool:
        """Let each webhook read a page further, no further than ``head``; whether anything was found to be sent."""
        behind = [one for one in webhooks if self._read[one.webhook] < head]
        self._count([one.webhook for one in behind])
        groups: dict[int, list[Webhook]] = {}
        for one in behind:
            if self._may_wait(one.webhook):
                groups.setdefault(self._read[one.webhook], []).append(one)
        found = [self._page(place, group, head, now) for place, group in sorted(groups.items())]
        if groups:
            places = set(self._read.values())
            self._tellers = {place: teller for place, teller in self._tellers.items() if place in places}
        return any(found)

    def _may_wait(self, webhook: str) -> bool:
        return self._at_most.get(webhook, self._window) < self._window

    def _count(self, webhooks: Sequence[str]) -> None:
        """Count what waits for those of which so much may wait that they read no further."""
        full = [webhook for webhook in webhooks if not self._may_wait(webhook)]
        if full and monotonic() >= self._count_at:
            self._count_at = monotonic() + COUNT_EVERY_S
            self._at_most |= dict.fromkeys(full, 0) | self._desk.deliveries.waiting(full)

    def _page(self, place: int, group: list[Webhook], head: int, now: Callable[[], datetime]) -> bool:
        """Read a page from one place on, for all who stand there."""
        page = self._desk.store.page(place, PAGE, types=_TYPES, until=head)
        reached = page[-1].position if len(page) == PAGE else head
        # What a teller knows of tickets, it knows as of one place of the log.
        teller = self._tellers.pop(place, None) or Teller(self._desk, self._problem)
        found = [
            one
            for event in self._desk.sealing.opened(page)
            for one in self._for_whom(event, teller.message(event), group)
        ]
        if found or monotonic() >= self._keep_at:
            self._keep_at = monotonic() + KEEP_EVERY_S
            self._desk.deliveries.read({one.webhook: self._kept[one.webhook] for one in group}, reached, found, now())
            self._kept |= {one.webhook: reached for one in group}
            for waits in found:
                self._at_most[waits.webhook] += 1
        self._read |= {one.webhook: reached for one in group}
        self._tellers[reached] = teller
        return bool(found)

    def _for_whom(self, event: Event, message: Message | None, group: list[Webhook]) -> Iterable[Waiting]:
        """A delivery for each of the webhooks that tell of this."""
        if isinstance(event, WebhookPinged):
            line = self._line("ping", event.webhook)
            return [self._waiting(one, event, line, None) for one in group if one.webhook == event.webhook]
        if message is None:
            return []
        line = self._line(message.department, message.reference)
        ticket = UUID(message.subject) if message.subject else None
        return [
            self._waiting(one, event, line, ticket)
            for one in group
            if one.department == message.department and _TOLD_BY[message.type] in one.tells
        ]

    def _waiting(self, webhook: Webhook, event: Event, line: bytes, ticket: UUID | None) -> Waiting:
        return Waiting(webhook=webhook.webhook, position=event.position, line=line, ticket=ticket)

    def _line(self, *parts: str) -> bytes:
        """What orders deliveries, telling nothing of how their sender calls the matter."""
        return self._desk.keys.blind("webhook line", *parts)[:16]
