"""Webhooks: what departments are told, posted to their own servers until it is taken, in order for each matter.

A follower of the log. Each webhook reads at its own pace and stops reading while much of its own waits, so that a dead
receiver holds back nobody else and makes no table grow with the log. A delivery is a position of the log and is made
into a message when it is sent; what has been taken is forgotten only then, so that whatever dies in between is sent
again under the same id. The next of a line or ticket is sent when it is kept that the one before was taken.

One process delivers, others stand by. A lease decides who, and is looked at before anything is sent.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from threading import Event as Flag
from time import monotonic
from uuid import UUID

import msgspec

from consumers.lease import Leases
from consumers.loop import NotYet, run
from consumers.telling import Message, Problem, Teller
from consumers.webhooks.backoff import LONGEST_WISH, SCHEDULE, next_attempt, wish_of
from consumers.webhooks.posting import Answer, Post, Poster
from consumers.webhooks.reading_together import Reading
from consumers.webhooks.standard_webhooks import body_of, headers_of
from domain.desk import Desk
from domain.desk.webhooks import give_up, signing_keys
from domain.envelope import Act, Actor, Event
from domain.errors import WebhookAddressNotAllowed
from domain.setup import state as setup_state
from domain.setup.events import (
    SETUP,
    WebhookChanged,
    WebhookPaused,
    WebhookPinged,
    WebhookRegistered,
    WebhookReplayed,
    WebhookResumed,
    WebhookRetired,
)
from domain.setup.state import Setup, Webhook
from domain.setup.webhook_address import address_of
from domain.store.deliveries import WINDOW, Attempt, Due, Outcome, Overtaken

IN_FLIGHT = 16
"""Posts to one receiver at a time."""

STANDBY_S = 0.5
REST_S = 0.05
LOOK_EVERY_S = 0.25
"""How often deliveries are looked for that have become due."""

TIDY_EVERY_S = 3600.0
PING = "acta.webhook.ping.v1"
GONE, TOO_MANY = 410, 429
"""What a receiver answers of itself, and not of one message."""

_ACT = Act(actor=Actor(kind="system", id="webhooks"), channel="webhooks")
_log = logging.getLogger("acta.webhooks")


class Ping(msgspec.Struct, kw_only=True):
    """Somebody wants to see whether messages of this webhook arrive; it means nothing else."""

    webhook: str
    position: int


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How to deliver: the desk's name in messages, hosts that need no TLS, when to try again, how long the log is kept.

    ``window``: so many deliveries may wait for a webhook before it reads no further.
    """

    source: str = "/acta"
    plain_hosts: Sequence[str] = ()
    schedule: Sequence[timedelta] = SCHEDULE
    log_for: timedelta = timedelta(days=30)
    window: int = WINDOW


def webhooks(
    desk: Desk,
    lease_dsn: str,
    problem: Problem,
    poster: Callable[[], Poster],
    stop: Flag,
    *,
    manner: Manner | None = None,
    patience_s: float = 10.0,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Deliver until ``stop`` is set; stands by while another process does. ``problem`` puts refusals in words.

    ``now`` gives the time in UTC, by default the store's own.
    """
    kept, time = manner or Manner(), now or desk.store.now

    def begin() -> _Session:
        return _Session(
            Leases(lease_dsn, patience_s), patience_s, lambda: _Delivering(desk, problem, poster(), kept, time)
        )

    run("webhooks", begin, stop)


class _Session:
    """One life: standing by, then delivering until the first trouble."""

    def __init__(self, leases: Leases, patience_s: float, begin: "Callable[[], _Delivering]") -> None:
        self._leases = leases
        self._patience_s = patience_s
        self._begin = begin
        self._delivering: _Delivering | None = None

    def step(self) -> float:
        if self._delivering is None and not self._leases.take("webhooks"):
            self._leases.hold()
            return STANDBY_S
        asked = monotonic()
        self._leases.hold()
        if self._delivering is None:
            self._delivering = self._begin()
            _log.info("consumer=webhooks state=active")
        try:
            return self._delivering.step(until=asked + self._patience_s / 2)
        except Overtaken:
            raise NotYet("another process has gone on with the deliveries") from None

    def close(self) -> None:
        if self._delivering is not None:
            self._delivering.close()
        self._leases.close()


class _Delivering:
    """The one that may deliver."""

    def __init__(
        self, desk: Desk, problem: Problem, poster: Poster, manner: Manner, now: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._problem = problem
        self._poster = poster
        self._manner = manner
        self._now = now
        self._random = Random()
        self._setup = Setup()
        self._followed = desk.deliveries.followed()
        self._reading = Reading(desk, problem, manner.window)
        self._reading.begin(desk.deliveries.places())
        self._flying: dict[tuple[str, int], _Flight] = {}
        self._posted: dict[Post, _Flight] = {}
        self._too_many: dict[str, datetime] = {}
        """Receivers that have asked not to be sent so much, and until when."""
        self._teller = Teller(desk, problem)
        self._head = 0
        self._look_at = 0.0
        self._tidy_at = 0.0
        self._idle = False

    def step(self, until: float) -> float:
        """Keep what has come of posts, read on, post what is due; return the seconds to rest."""
        self._poster.until = until
        settled = self._settle(self._poster.answers(REST_S if self._flying and self._idle else 0.0))
        head = self._desk.store.head()
        if head > self._head:
            # Up to here the configuration is followed first: what comes after a webhook's end is not for it any more.
            self._head = head
            self._follow()
        looks = settled or monotonic() >= self._look_at
        if monotonic() >= self._look_at:
            self._look_at = monotonic() + LOOK_EVERY_S
            self._pause_given_up()
            self._tidy()
        active = [one for one in self._setup.webhooks.values() if not one.paused]
        found = self._reading.read_on(active, head, self._now) if active else False
        begun = self._post(active) if active and (looks or found) else 0
        self._idle = not (settled or found or begun)
        return 0.0 if self._flying or not self._idle else REST_S if active else STANDBY_S

    def close(self) -> None:
        """Let go at once; what is on its way is sent again by whoever comes next."""
        self._poster.close()

    # What is configured

    def _follow(self) -> None:
        """Apply what was recorded of the configuration since, to the deliveries as well."""
        newer = self._desk.store.newer([(SETUP, self._setup.version)])
        if not newer:
            return
        events = [self._desk.sealing.decoded(event) for event in newer]
        fresh = [event for event in events if event.version > self._followed]
        if fresh:
            self._desk.deliveries.follow(fresh, self._followed, self._now())
            self._followed = fresh[-1].version
        self._setup = setup_state.fold(events, self._setup)
        if any(isinstance(event, WebhookRegistered | WebhookReplayed | WebhookRetired) for event in fresh):
            self._reading.begin(self._desk.deliveries.places())
        for event in fresh:
            match event:
                case WebhookReplayed():
                    for flight in self._flying_to(event.webhook):
                        flight.stale |= flight.due.position >= event.from_position
                case WebhookChanged():
                    self._too_many.pop(event.webhook, None)
                    for flight in self._flying_to(event.webhook):
                        flight.elsewhere = True
                case WebhookResumed():
                    self._too_many.pop(event.webhook, None)
                case WebhookRetired():
                    self._poster.forget(event.webhook)

    def _flying_to(self, webhook: str) -> "list[_Flight]":
        return [flight for flight in self._flying.values() if flight.due.webhook == webhook]

    def _pause_given_up(self) -> None:
        """Record that webhooks are paused of which a delivery is not tried again by itself."""
        active = [webhook for webhook, one in self._setup.webhooks.items() if not one.paused]
        given_up = self._desk.deliveries.given_up(active) if active else []
        for webhook, position, cause in given_up:
            (event,) = self._desk.store.events_at([position])
            message = f"{event.originator_id}/{event.originator_version}"
            paused = WebhookPaused(webhook=webhook, cause=cause, message=message)  # type: ignore[arg-type]
            give_up(self._desk, _ACT, webhook, paused)
            _log.error("consumer=webhooks state=paused webhook=%s cause=%s message=%s", webhook, cause, message)
        if given_up:
            self._follow()

    # Sending

    def _post(self, active: Sequence[Webhook]) -> int:
        """Post what is due, as far as there is room; how many posts that were."""
        now = self._now()
        self._too_many = {webhook: until for webhook, until in self._too_many.items() if until > now}
        flying = Counter(webhook for webhook, _ in self._flying)
        free = {one.webhook: IN_FLIGHT - flying[one.webhook] for one in active if one.webhook not in self._too_many}
        chosen: list[Due] = []
        for due in self._desk.deliveries.due([name for name, room in free.items() if room], now, 2 * IN_FLIGHT):
            if free[due.webhook] > 0 and (due.webhook, due.position) not in self._flying:
                free[due.webhook] -= 1
                chosen.append(due)
        if not chosen:
            return 0
        told = self._messages({due.position for due in chosen})
        bodies = {at: body_of(message, self._manner.source) for at, (_, message) in told.items() if message is not None}
        posts = []
        for due in chosen:
            event, message = told[due.position]
            flight = _Flight(due, now, event, message)
            if message is None:
                self._desk.deliveries.settle([flight.ended("erased", Answer(), None)], now)
                continue
            post = self._post_of(self._setup.webhooks[due.webhook], message, bodies[due.position], now)
            if post is None:
                self._settle_one(flight, Answer(error="address-not-allowed"), now)
                continue
            self._flying[due.webhook, due.position] = flight
            self._posted[post] = flight
            posts.append(post)
        self._poster.post(posts)
        return len(chosen)

    def _post_of(self, webhook: Webhook, message: Message, body: bytes, now: datetime) -> Post | None:
        try:
            address = address_of(webhook.url, self._manner.plain_hosts)
        except WebhookAddressNotAllowed:
            return None
        headers = headers_of(message.id, now, body, signing_keys(self._desk.keys, webhook, now))
        return Post(receiver=webhook.webhook, address=address, headers=headers, body=body)

    def _messages(self, positions: set[int]) -> dict[int, tuple[Event, Message | None]]:
        """The events at these positions, and what they say; None: what addresses it has been erased since."""
        events = self._desk.sealing.opened(self._desk.store.events_at(sorted(positions)))
        told = self._teller.again([event for event in events if not isinstance(event, WebhookPinged)])
        return {
            event.position: (event, _ping(event) if isinstance(event, WebhookPinged) else told[event.position])
            for event in events
        }

    def _settle(self, answers: list[tuple[Post, Answer]]) -> bool:
        """Keep what has come of posts; whether anything has."""
        now = self._now() if answers else None
        for_good: list[Attempt] = []
        for_the_log: list[Attempt] = []
        for post, answer in answers:
            flight = self._posted.pop(post)
            assert now is not None
            del self._flying[flight.key]
            if answer.error == "not-sent":
                continue
            attempt = self._came(flight, answer, now)
            (for_good if flight.counts(attempt) else for_the_log).append(attempt)
        if for_good:
            assert now is not None
            self._desk.deliveries.settle(for_good, now)
        if for_the_log:
            self._desk.deliveries.write_down(for_the_log)
        if any(attempt.outcome in ("gone", "exhausted") for attempt in for_good):
            self._pause_given_up()
        return bool(answers)

    def _settle_one(self, flight: "_Flight", answer: Answer, now: datetime) -> None:
        self._desk.deliveries.settle([self._came(flight, answer, now)], now)

    def _came(self, flight: "_Flight", answer: Answer, now: datetime) -> Attempt:
        """An attempt with what came of it: what was not taken is sent again, or given up."""
        if answer.status is not None and 200 <= answer.status < 300:
            return flight.ended("delivered", answer, None)
        if answer.status == GONE:
            return flight.ended("gone", answer, None)
        wish = wish_of(answer.retry_after, now)
        if answer.status == TOO_MANY and not flight.elsewhere:
            self._too_many[flight.due.webhook] = now + min(wish, LONGEST_WISH)
        again = next_attempt(flight.due.attempts + 1, now, wish, self._random.random(), self._manner.schedule)
        return flight.ended("exhausted" if again is None else "failed", answer, again)

    def _tidy(self) -> None:
        """Take from the log what has been there long enough."""
        if monotonic() >= self._tidy_at:
            more = self._desk.deliveries.forget(self._now() - self._manner.log_for)
            self._tidy_at = monotonic() + (0.0 if more else TIDY_EVERY_S)


def _ping(event: WebhookPinged) -> Message:
    body = Ping(webhook=event.webhook, position=event.position)
    return Message(event=event, department="", reference="", type=PING, subject="", body=body)


class _Flight:
    """A delivery on its way.

    What comes of one that is ``stale`` counts for nothing, since it is to be sent again; of one that was sent
    ``elsewhere``, to the address from before, only that it was taken.
    """

    def __init__(self, due: Due, at: datetime, event: Event, message: Message | None) -> None:
        self.due = due
        self.key = (due.webhook, due.position)
        self.stale = False
        self.elsewhere = False
        self._at = at
        self._event = event
        self._message = message

    def counts(self, attempt: Attempt) -> bool:
        """Whether what came of it changes anything."""
        return not self.stale and (attempt.outcome == "delivered" or not self.elsewhere)

    def ended(self, outcome: Outcome, answer: Answer, next_at: datetime | None) -> Attempt:
        """The attempt with what came of it."""
        message = self._message
        return Attempt(
            webhook=self.due.webhook,
            at=self._at,
            message=f"{self._event.stream}/{self._event.version}",
            position=self.due.position,
            type=message.type if message is not None else "",
            ticket=UUID(message.subject) if message is not None and message.subject else None,
            attempt=self.due.attempts + 1,
            outcome=outcome,
            status=answer.status,
            error=answer.error,
            took_ms=round(answer.took_s * 1000),
            next_at=next_at,
        )
