"""One clock of a picture as a lane: what it counted and left out, over its opening hours, and what happened to it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from api.clocks.axis import Axis, Span
from api.clocks.svg import Box, box, boxes, coordinate, stroke, width_of, words
from domain.clock.calendar import Interval, Why
from domain.clock.clocks import Stage, Verdict
from domain.clock.explain import Explanation, Part, PartKind
from domain.clock.wording import shown, terms, title, wall_time

LANE = 102
BAR = 24
BAR_TOP = 66
_ROWS = 2
_ROW = 13
_SLIVER_PX = 0.75
_OPEN_OR_SHUT = (PartKind.COUNTED, PartKind.CLOSED, PartKind.HOLIDAY, PartKind.SPECIAL_DAY)

MEANINGS = {
    "counted": "counted",
    "held": "counted, though on hold",
    "over": "counted beyond the target",
    "paused": "on hold, not counted",
    "waived": "waived",
    "stopped": "ended, then reopened",
    "cancelled": "cancelled, then reopened",
    "merged": "merged, then separated",
    "replaced": "replaced",
    "exempt": "exempted",
    "closed": "closed",
    "holiday": "holiday",
    "special_day": "special hours",
    "warning": "warning",
}
"""What each kind of shape says, in the order of the legend."""


class Flag(Struct, frozen=True):
    """Something that happened, or is to come, at an instant of a lane."""

    at: datetime
    label: str
    kind: str


class Lane(Struct, frozen=True):
    """A clock with the opening hours that it goes by over the whole axis; the first flags are labelled first."""

    explanation: Explanation
    hours: Sequence[Interval]
    flags: Sequence[Flag]

    @property
    def kinds(self) -> set[str]:
        """The kinds of shape that it shows."""
        parts = self.explanation.parts
        kinds = {kind for part in parts if part.kind is PartKind.COUNTED for kind, _ in _split(self.explanation, part)}
        kinds |= {part.kind.value for part in parts if part.kind not in _OPEN_OR_SHUT}
        kinds |= {hours.why.value for hours in self.hours if not hours.open}
        return kinds | {flag.kind for flag in self.flags}


def flags_of(explanation: Explanation, zone: ZoneInfo) -> list[Flag]:
    """What is marked in the lane of a clock, the most telling first."""

    def at(instant: datetime) -> str:
        return f"{instant.astimezone(zone):%a %-d %b %H:%M}"

    found = []
    for breach in explanation.breaches:
        word = "breached" if breach.stands else "breach withdrawn," if breach.withdrawn else "breach contradicted,"
        found.append(Flag(breach.at, f"{word} {at(breach.at)}", "breach" if breach.stands else "mark"))
    if explanation.due_at is not None:
        found.append(Flag(explanation.due_at, f"due {at(explanation.due_at)}", "due"))
    if explanation.stopped_at is not None:
        found.append(Flag(explanation.stopped_at, f"{explanation.stage} {at(explanation.stopped_at)}", "mark"))
    for stop in explanation.stops:
        found.append(Flag(stop.at, f"had stopped {at(stop.at)}", "mark"))
    for change in explanation.changes:
        target = "no target" if change.target is None else f"target {shown(change.target)}"
        found.append(Flag(change.at, f"{target} from {at(change.at)}", "mark"))
    for warning in (*explanation.warned, *explanation.ahead):
        found.append(Flag(warning.at, f"{warning.share * 100:.4g} % of {shown(warning.target)}", "warning"))
    return found


def drawn(lane: Lane, axis: Axis, top: float) -> Iterator[str]:
    """The lane, ``top`` pixels from the top of the picture."""
    one, bar = lane.explanation, top + BAR_TOP
    yield words(axis.left, top + 12, title(one, axis.zone), "h2")
    if one.policy is not None:
        yield words(axis.left, top + 28, terms(one), "soft")
    yield from _shades(lane, axis, bar)
    yield stroke("life", axis.x(one.started_at), bar + BAR / 2, f"H{coordinate(axis.x(one.stopped_at or one.at))}")
    if one.stage is Stage.RUNNING and one.due_at is not None and one.due_at > one.at:
        yield stroke("to-come", axis.x(one.at), bar + BAR / 2, f"H{coordinate(axis.x(one.due_at))}")
    yield from _parts(one, axis, bar)
    yield box("lane", (axis.left, axis.right), bar, BAR, "")
    yield from _flagged(lane, axis, bar)
    yield from _ends(one, axis, bar)


def shut(hours: Iterable[Interval]) -> list[Span]:
    """The closed spans, whatever the reason; neighbours are one."""
    spans: list[Span] = []
    for one in hours:
        if not one.open:
            joined = bool(spans) and spans[-1][1] == one.start
            spans.append((spans.pop()[0] if joined else one.start, one.end))
    return spans


def _shades(lane: Lane, axis: Axis, bar: float) -> Iterator[str]:
    """When the calendar is closed; holidays by name."""
    closed = [(hours.start, hours.end) for hours in lane.hours if hours.why is Why.CLOSED]
    yield boxes("closed", _places(closed, axis), bar, BAR, "closed")
    for hours in lane.hours:
        if hours.why in (Why.HOLIDAY, Why.SPECIAL_DAY):
            named = f"{MEANINGS[hours.why.value]}: {hours.detail}"
            yield box(hours.why.value, (axis.x(hours.start), axis.x(hours.end)), bar, BAR, named)


def _parts(one: Explanation, axis: Axis, bar: float) -> Iterator[str]:
    """The intervals that counted, each kind as one shape, and those left out, each by itself with its reason."""
    counted: dict[str, list[Span]] = {"counted": [], "held": [], "over": []}
    for part in one.parts:
        if part.kind is PartKind.COUNTED:
            for kind, span in _split(one, part):
                counted[kind].append(span)
        elif part.kind not in _OPEN_OR_SHUT:
            yield from _left_out(part, axis, bar)
    for kind, spans in counted.items():
        total = sum((end - start for start, end in spans), timedelta())
        yield boxes(kind, _places(spans, axis), bar + 5, BAR - 10, f"{MEANINGS[kind]}: {shown(total)}")


def _split(one: Explanation, part: Part) -> Iterator[tuple[str, Span]]:
    """A counted interval before and after the target was exceeded."""
    exceeded = min((breach.at for breach in one.breaches if breach.stands), default=part.end)
    if part.start < exceeded:
        yield "held" if part.detail else "counted", (part.start, min(part.end, exceeded))
    if part.end > exceeded:
        yield "over", (max(part.start, exceeded), part.end)


def _left_out(part: Part, axis: Axis, bar: float) -> Iterator[str]:
    left, right = axis.x(part.start), axis.x(part.end)
    spared = f"; opening hours left out: {shown(part.withheld)}" if part.withheld else ""
    yield box(part.kind.value, (left, right), bar + 3, BAR - 6, f"{part.reason}{spared}")
    if width_of(part.reason) + 8 <= right - left:
        kind = "on-paused" if part.kind is PartKind.PAUSED else ""
        yield words((left + right) / 2, bar + BAR / 2 + 4, part.reason, kind, "middle")


def _flagged(lane: Lane, axis: Axis, bar: float) -> Iterator[str]:
    """Warnings below the bar, all else above it with a label, in two rows, as long as there is room."""
    rows: list[list[Box]] = [[] for _ in range(_ROWS)]
    labels: list[str] = []
    for flag in lane.flags:
        x = axis.x(flag.at)
        if flag.kind == "warning":
            yield stroke("warning", x - 4, bar + BAR + 9, "h8l-4 -8z", flag.label)
            continue
        half = width_of(flag.label) / 2
        middle = min(max(x, axis.left + half), axis.right - half)
        place = (middle - half - 6, middle + half + 6)
        row = next((n for n, taken in enumerate(rows) if not any(_meet(place, other) for other in taken)), None)
        reach = 3.0 if row is None else 3 + _ROW * row
        yield stroke(flag.kind, x, bar - reach, f"V{coordinate(bar + BAR + 3)}", flag.label)
        if row is not None:
            rows[row].append(place)
            labels.append(
                words(middle, bar - 5 - _ROW * row, flag.label, "red" if flag.kind == "breach" else "", "middle")
            )
    yield from labels


def _ends(one: Explanation, axis: Axis, bar: float) -> Iterator[str]:
    """Where the clock started, and how it ended."""
    begun = f"started {wall_time(one.started_at, axis.zone)}"
    yield stroke("start", axis.x(one.started_at), bar + 3, f"v{BAR - 6}l9 -{BAR / 2 - 3:g}z", begun)
    if one.stopped_at is not None:
        kind = one.verdict.value if one.verdict in (Verdict.MET, Verdict.BREACHED) else "ended"
        x, said = axis.x(one.stopped_at), f"{one.stage} {wall_time(one.stopped_at, axis.zone)}"
        yield box(kind, (x - 5, x + 5), bar + BAR / 2 - 5, 10, said)


def _places(spans: Iterable[Span], axis: Axis) -> list[Box]:
    """Where spans lie; those with less than a sliver between them are drawn as one."""
    places: list[Box] = []
    for start, end in spans:
        left, right = axis.x(start), axis.x(end)
        if places and left - places[-1][1] < _SLIVER_PX:
            left = places.pop()[0]
        places.append((left, right))
    return places


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1]
