"""The clocks of a ticket as a picture: one lane each, over one time axis, as SVG that needs nothing else.

Everything in it is text or a shape; no script, no address, nothing to load. It follows the reader's light or dark.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from api.clocks.axis import Axis, overlap
from api.clocks.lane import LANE, MEANINGS, Lane, drawn, flags_of, shut
from api.clocks.svg import box, coordinate, fit, stroke, width_of, words
from domain.clock.explain import Explanation, hours_of
from domain.clock.policy import Policies
from domain.clock.wording import title, wall_time

_WIDTH, _MARGIN = 960, 24
_HEAD, _FOOT = 62, 52
_LINE = 18
_SHORTEST = timedelta(minutes=1)

_STYLE = """
svg{--page:#fff;--ink:#1b2430;--soft:#566270;--line:#c9d1da;--shut:#e3e8ee;--free:#ecdff5;
--good:#2f6fd0;--held:#8fb4ea;--late:#c62f3b;--rest:#e9b44c;--gone:#9aa5b1;--met:#1f8a4c}
@media (prefers-color-scheme:dark){
svg{--page:#12171e;--ink:#e8edf3;--soft:#a3afbd;--line:#3a4654;--shut:#232c37;--free:#3a2b48;
--good:#5b96f0;--held:#3f6299;--late:#f0616b;--rest:#c8922a;--gone:#66717e;--met:#45b874}}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:11px;
fill:var(--ink);paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}
.h1{font-size:17px;font-weight:600}
.h2{font-size:13px;font-weight:600}
.soft{fill:var(--soft)}
.red{fill:var(--late)}
.page{fill:var(--page)}
.lane{fill:none;stroke:var(--line)}
.grid{stroke:var(--line)}
.date{stroke:var(--soft);stroke-dasharray:2 3}
.closed{fill:var(--shut)}
.holiday,.special_day{fill:var(--free)}
.life{stroke:var(--gone);stroke-width:2}
.to-come{stroke:var(--soft);stroke-width:2;stroke-dasharray:4 4}
.counted{fill:var(--good)}
.held{fill:var(--held)}
.over{fill:var(--late)}
.paused{fill:var(--rest)}
.on-paused{fill:#2b1d00;stroke:none}
.waived,.stopped,.cancelled,.merged,.replaced,.exempt{fill:var(--page);stroke:var(--gone);stroke-dasharray:3 2}
.mark,.now{stroke:var(--ink);stroke-width:1.5}
.due{stroke:var(--ink);stroke-width:2;stroke-dasharray:5 2}
.breach{stroke:var(--late);stroke-width:2}
.warning{fill:var(--rest);stroke:var(--ink);stroke-width:.75}
.start{fill:var(--ink)}
.met{fill:var(--met);stroke:var(--page)}
.breached{fill:var(--late);stroke:var(--page)}
.ended{fill:var(--gone);stroke:var(--page)}
"""
STYLE_DIGEST = "sha256-" + b64encode(sha256(_STYLE.encode()).digest()).decode()
"""What a Content-Security-Policy must name for the picture's own style to count."""


def picture(
    number: int, at: datetime, explanations: Sequence[Explanation], policies: Policies, zone: str | None = None
) -> str:
    """The clocks of ticket ``number`` as of ``at`` as an SVG document, times on the wall of ``zone`` (IANA).

    Without a zone it is that of the first clock that goes by a policy. The same clocks give the same text.
    """
    named = [one.zone for one in explanations if one.policy is not None]
    wall = ZoneInfo(zone or (named[0] if named else "UTC"))
    if not explanations:
        said = f"as of {wall_time(at, wall)} no clock had started"
        return _document(number, said, said, _HEAD, ())
    axis, lanes = _laid_out(explanations, policies, wall)
    foot = _HEAD + LANE * len(lanes)
    legend = _legend(lanes, axis)
    about = f"as of {wall_time(at, wall)}; times in {wall.key}, {axis.offsets()}"
    body = [
        *_grid(axis, foot),
        *(shape for index, lane in enumerate(lanes) for shape in drawn(lane, axis, _HEAD + LANE * index)),
        *_now(axis, at, foot),
        *(shape for x, row, kind, text in legend for shape in _meaning(x, foot + _FOOT + _LINE * row, kind, text)),
    ]
    told = "\n".join(title(one, wall) for one in explanations)
    # A clock that ended at the instant it started has no stretch to be explained.
    rows = legend[-1][1] if legend else 0
    return _document(number, about, told, foot + _FOOT + _LINE * rows + 12, body)


def _laid_out(explanations: Sequence[Explanation], policies: Policies, zone: ZoneInfo) -> tuple[Axis, list[Lane]]:
    """The axis from the first start to the last thing that happened or is to come, and the lanes over it."""
    flags = [flags_of(one, zone) for one in explanations]
    begin = min(one.started_at for one in explanations)
    told = (one.stopped_at or one.at for one in explanations)
    end = max(begin + _SHORTEST, *told, *(flag.at for each in flags for flag in each))
    hours = [hours_of(one, begin, end, policies) for one in explanations]
    axis = Axis(begin, end, overlap([shut(each) for each in hours]), zone, _MARGIN, _WIDTH - _MARGIN)
    return axis, [Lane(*lane) for lane in zip(explanations, hours, flags, strict=True)]


def _document(number: int, about: str, told: str, height: int, body: Sequence[str]) -> str:
    heading = f"Clocks of #{number}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
            f'height="{height}" role="img" aria-labelledby="clocks-title clocks-desc">',
            f'<title id="clocks-title">{fit(f"{heading} {about}")}</title>',
            f'<desc id="clocks-desc">{fit(told)}</desc>',
            f"<style>{_STYLE}</style>",
            box("page", (0, _WIDTH), 0, height, ""),
            words(_MARGIN, 28, heading, "h1"),
            words(_MARGIN, 46, about, "soft"),
            *body,
            "</svg>\n",
        ]
    )


def _grid(axis: Axis, foot: float) -> Iterator[str]:
    """The lines of the axis through all lanes, and what is written under them."""
    times, dates = axis.ticks()
    for kind, ticks, row in (("grid", times, 14), ("date", dates, 28 if times else 14)):
        for tick in ticks:
            yield stroke(kind, tick.x, _HEAD + 34, f"V{coordinate(foot + 2)}")
            if tick.label:
                yield words(tick.x, foot + row, tick.label, "soft", "middle" if kind == "grid" else "")


def _now(axis: Axis, at: datetime, foot: float) -> Iterator[str]:
    """The instant that is asked about, if the clocks reach that far."""
    if axis.start <= at <= axis.end:
        x = axis.x(at)
        yield stroke("now", x, _HEAD + 34, f"V{coordinate(foot + 2)}", "as of")
        yield words(min(max(x, axis.left + 14), axis.right - 14), foot + 42, "as of", "", "middle")


def _legend(lanes: Sequence[Lane], axis: Axis) -> list[tuple[float, int, str, str]]:
    """What the shapes mean, of those that are there, with x and row; and what the axis does with closed hours."""
    there = set[str]().union(*(lane.kinds for lane in lanes))
    items = [(kind, text) for kind, text in MEANINGS.items() if kind in there]
    if axis.narrows:
        items.append(("", "Closed hours are drawn narrower, the shortest not at all."))
    placed, x, row = [], axis.left, 1
    for kind, text in items:
        if x + 19 + width_of(text) > axis.right:
            x, row = axis.left, row + 1
        placed.append((x, row, kind, text))
        x += 19 + width_of(text) + 14
    return placed


def _meaning(x: float, y: float, kind: str, text: str) -> Iterator[str]:
    if not kind:
        yield words(x, y, text, "soft")
        return
    yield stroke(kind, x + 3, y, "h8l-4 -8z") if kind == "warning" else box(kind, (x, x + 14), y - 10, 11, "")
    yield words(x + 19, y, text)
