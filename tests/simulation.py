"""The clocks of a ticket by counting: the rules read aloud, one step of time after another.

Nothing of the product's arithmetic is used here, and nothing is clever: at every step each running clock asks the wall
of its calendar's zone whether that is an opening, and if so counts the step. It is slow, and easy to believe.

Times and lengths are whole steps: a step is as long as the zones at hand need it (a minute, or less where an offset has
seconds). Targets must be multiples of 20 minutes, so that warnings at 75 % and 90 % fall on a step too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Span = tuple[int, int]
"""Minutes of a day, [from, to)."""

SHARES = (0.75, 0.9)
KINDS = ("first_response", "next_response", "resolution")
LIVE = ("running", "paused", "waived")


@dataclass(frozen=True)
class Hours:
    """A calendar as somebody would write it down: per weekday from Monday, and by date what differs."""

    zone: str
    week: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()
    special: tuple[tuple[date, tuple[Span, ...]], ...] = ()

    @cached_property
    def _known(self) -> dict[datetime, bool]:
        return {}

    def open_at(self, instant: datetime) -> bool:
        """Whether the wall in the zone shows an opening of the date that it shows."""
        known = self._known.get(instant)
        if known is None:
            wall = instant.astimezone(ZoneInfo(self.zone))
            spans: tuple[Span, ...] = self.week[wall.weekday()]
            if wall.date() in self.holidays:
                spans = ()
            spans = dict(self.special).get(wall.date(), spans)
            minute = wall.hour * 60 + wall.minute
            known = self._known[instant] = any(start <= minute < end for start, end in spans)
        return known


@dataclass(frozen=True)
class Terms:
    """A policy: target minutes by clock, which of them count every minute, and what the policy says of the rest."""

    name: str
    hours: Hours
    minutes: Mapping[str, int]
    plain: frozenset[str] = frozenset()
    pauses: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"resolution": frozenset({"requester"})})
    on_reopen: str = "resume"
    on_retarget: str = "recompute"


@dataclass(frozen=True)
class Move:
    """What happens to the ticket at an instant. ``word`` is one of those that ``Simulation`` knows."""

    at: datetime
    word: str
    said: Any = None


@dataclass
class Watch:
    """One clock, with every step during which it ran."""

    kind: str
    instance: int
    started: datetime
    terms: Terms
    stage: str
    ran: list[datetime] = field(default_factory=list)
    counted: int = 0
    warned: list[tuple[float, timedelta, datetime]] = field(default_factory=list)
    to_tell: list[tuple[float, timedelta, datetime]] = field(default_factory=list)
    """Warnings reached at this very instant: none if the clock ends, or gets another target, just then."""
    breaches: list[tuple[timedelta, datetime, datetime, str]] = field(default_factory=list)
    """Target, from when on, due, and whether time or a change did it."""
    reached: datetime | None = None

    @property
    def target(self) -> timedelta:
        return timedelta(minutes=self.terms.minutes[self.kind])

    def counts(self, instant: datetime) -> bool:
        return self.kind in self.terms.plain or self.terms.hours.open_at(instant)


class Simulation:
    """One ticket. Feed it moves in order of time, then ask ``clocks`` of it."""

    def __init__(self, step: timedelta) -> None:
        self.step = step
        self.now: datetime | None = None
        self.status = "none"
        self.before_merge = "none"
        self.terms: Terms | None = None
        self.held: str | None = None
        self.own = False
        self.unanswered: datetime | None = None
        self.newest: dict[str, Watch] = {}
        self.all: list[Watch] = []

    def lived(self, moves: Iterable[Move], until: datetime) -> "Simulation":
        """The ticket after these moves and the time up to ``until``; whoever waits at that instant has waited."""
        for move in moves:
            self._tick_to(move.at)
            getattr(self, f"_{move.word}")(move)
        self._tick_to(until)
        return self

    def ahead(self, days: int) -> Iterator[tuple[Watch, timedelta]]:
        """What comes of each clock if nothing more happens: let so many days pass."""
        assert self.now is not None
        self._tick_to(self.now + timedelta(days=days))
        return ((watch, self.elapsed(watch)) for watch in self.all)

    def elapsed(self, watch: Watch) -> timedelta:
        return watch.counted * self.step

    def verdict(self, watch: Watch) -> str:
        if watch.stage in ("cancelled", "merged"):
            return "none"
        if watch.breaches:
            return "breached"
        if watch.stage == "stopped":
            return "met"
        return "none" if watch.stage == "replaced" else "undecided"

    # --- time -----------------------------------------------------------------------------------------------------

    def _tick_to(self, until: datetime) -> None:
        if self.now is None:
            self.now = until
        while self.now < until:
            for watch in self.newest.values():
                watch.warned += watch.to_tell
                watch.to_tell = []
                if watch.stage == "running":
                    self._count(watch, self.now)
            self.now += self.step

    def _count(self, watch: Watch, instant: datetime) -> None:
        watch.warned += self._warnings(watch, instant)
        watch.ran.append(instant)
        if not watch.counts(instant):
            return
        if self.elapsed(watch) == watch.target and not self._told(watch):
            assert watch.reached is not None
            watch.breaches.append((watch.target, instant, watch.reached, "time"))
        watch.counted += 1
        watch.to_tell = self._warnings(watch, instant + self.step)
        if self.elapsed(watch) == watch.target:
            watch.reached = instant + self.step

    def _warnings(self, watch: Watch, instant: datetime) -> list[tuple[float, timedelta, datetime]]:
        """What a running clock warns of at an instant: what it has reached by then, unless it is too late to warn."""
        return [
            (share, watch.target, instant)
            for share in SHARES
            if watch.target * share <= self.elapsed(watch) < watch.target and not self._was_warned(watch, share)
        ]

    def _told(self, watch: Watch) -> bool:
        return any(target == watch.target for target, *_ in watch.breaches)

    def _was_warned(self, watch: Watch, share: float) -> bool:
        return any((told, target) == (share, watch.target) for told, target, _ in watch.warned)

    # --- what can happen ------------------------------------------------------------------------------------------

    def _open(self, move: Move) -> None:
        self.status, self.terms = "open", move.said
        self._start("first_response", move.at)
        self._start("resolution", move.at)

    def _ask(self, move: Move) -> None:
        """A public message of the requester."""
        if self.status in ("resolved", "closed"):
            self.unanswered = self.unanswered or move.at
        elif self.status == "open" and not self._waiting():
            self._start("next_response", move.at)

    def _answer(self, move: Move) -> None:
        """A public message of an agent."""
        self.unanswered = None
        for kind in ("first_response", "next_response"):
            self._end(kind, "cancelled" if self.own else "stopped")

    def _acknowledge(self, move: Move) -> None:
        """An automatic reply never counts."""

    def _note(self, move: Move) -> None:
        """Nor does an internal note."""

    def _hold(self, move: Move) -> None:
        self.held = move.said
        self._stand()

    def _resume(self, move: Move) -> None:
        self.held = None
        self._stand()

    def _assign(self, move: Move) -> None:
        self.own = move.said
        self._stand()

    def _resolve(self, move: Move) -> None:
        self.status, self.held = "resolved", None
        for kind in KINDS:
            self._end(kind, "cancelled" if self.own and kind != "resolution" else "stopped")

    def _close(self, move: Move) -> None:
        if self.status == "open":
            self.held = None
            self._end("first_response", "cancelled")
            self._end("next_response", "cancelled")
            self._end("resolution", "stopped")
        self.status = "closed"

    def _cancel(self, move: Move) -> None:
        self.status, self.held = "cancelled", None
        for kind in KINDS:
            self._end(kind, "cancelled")

    def _merge(self, move: Move) -> None:
        self.before_merge, self.status = self.status, "merged"
        for kind in KINDS:
            self._end(kind, "merged")

    def _part(self, move: Move) -> None:
        """The merge is undone."""
        self.status = self.before_merge
        self._revive("merged")

    def _reopen(self, move: Move) -> None:
        self.status = "open"
        waiting, self.unanswered = self.unanswered, None
        self._revive("cancelled")
        resolution = self.newest["resolution"]
        if resolution.stage == "stopped" and resolution.terms.on_reopen == "restart":
            self._start("resolution", move.at)
        else:
            self._revive("stopped", "resolution")
        if waiting is not None and not self._waiting():
            # The round is that of the message, and counts from the reopening.
            self._start("next_response", waiting)

    def _retarget(self, move: Move) -> None:
        """The ticket comes under other terms; clocks that ended are not touched."""
        self.terms = terms = move.said
        for kind, watch in list(self.newest.items()):
            if watch.stage not in LIVE or terms.on_retarget == "keep" or watch.terms is terms:
                continue
            watch.to_tell = []
            if terms.on_retarget == "restart":
                watch.stage = "replaced"
                self._start(kind, move.at)
            else:
                self._under(watch, terms)
        self._stand()

    # --- how clocks follow -----------------------------------------------------------------------------------------

    def _start(self, kind: str, at: datetime) -> None:
        assert self.terms is not None
        before = self.newest.get(kind)
        watch = Watch(kind, before.instance + 1 if before else 1, at, self.terms, "running")
        self.newest[kind] = watch
        self.all.append(watch)
        self._stand()

    def _stand(self) -> None:
        for watch in self.newest.values():
            if watch.stage in LIVE:
                held = self.held is not None and self.held in watch.terms.pauses.get(watch.kind, frozenset())
                watch.stage = "paused" if held else "running"
                if self.own and watch.kind != "resolution":
                    watch.stage = "waived"
                if watch.stage == "running" and self.now is not None:
                    watch.to_tell = self._warnings(watch, self.now)

    def _end(self, kind: str, stage: str) -> None:
        watch = self.newest.get(kind)
        if watch is not None and watch.stage in LIVE:
            watch.stage, watch.to_tell = stage, []

    def _revive(self, stage: str, *kinds: str) -> None:
        """Clocks that ended so go on from what had elapsed, under the terms that the ticket has by now."""
        assert self.terms is not None
        for kind in kinds or KINDS:
            watch = self.newest.get(kind)
            if watch is not None and watch.stage == stage:
                watch.stage = "running"
                if watch.terms is not self.terms and self.terms.on_retarget != "keep":
                    self._under(watch, self.terms)
        self._stand()

    def _waiting(self) -> bool:
        newest = (self.newest.get(kind) for kind in ("first_response", "next_response"))
        return any(watch is not None and watch.stage in LIVE for watch in newest)

    def _under(self, watch: Watch, terms: Terms) -> None:
        """Start, elapsed and pauses stay, the target changes: what ran is counted again by the other calendar."""
        assert self.now is not None
        watch.terms = terms
        watch.counted, watch.reached = 0, None
        for instant in watch.ran:
            if watch.counts(instant):
                watch.counted += 1
                if self.elapsed(watch) == watch.target:
                    watch.reached = instant + self.step
        if self.elapsed(watch) > watch.target and not self._told(watch):
            assert watch.reached is not None
            watch.breaches.append((watch.target, self.now, watch.reached, "retarget"))


def up_to(moves: Sequence[Move], moment: datetime) -> list[Move]:
    """What had happened by then."""
    return [move for move in moves if move.at <= moment]
