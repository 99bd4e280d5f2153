"""How two states of a ticket differ: field by field, in what was written in between, and in the clocks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.differing.shapes import Change, ClockChange, ClockFigures, Message
from api.differing.words import Shown, label, words
from api.visibility import Sight, event_fields
from domain.clock.asking import explanations_of
from domain.clock.explain import Explanation
from domain.clock.policy import Policies
from domain.clock.wording import name_of, title
from domain.envelope import ERASED, SEALED, Event
from domain.ticket import events as e

_BESIDE = frozenset(
    {
        "ticket",
        "version",
        "number",
        "updated_at",
        "recorded_at",
        "public_replies",
        "requester_replies",
        "notes",
        "reminders_set",
        "group_changes",
        "personal",
        "taken_over",
    }
)
"""Fields that count or place what is told otherwise."""

_MESSAGES: dict[type[Event], str] = {
    e.RequesterReplied: "message",
    e.AgentReplied: "reply",
    e.TicketNoted: "note",
}
_TEXTS: dict[type[Event], tuple[str, str]] = {
    e.TitleChanged: ("title", "title"),
    e.DescriptionAmended: ("description", "description"),
    e.TicketResolved: ("resolution_notes", "notes"),
}
"""The field of the ticket that an event's text becomes, and the event's own."""

_MINUTE_S = 60.0


def messages(between: list[Event], sight: Sight, shown: Shown) -> Iterator[Message]:
    """What was written in between, as far as this sight reaches."""
    for event in between:
        fields = event_fields(event, sight, {}) if type(event) in _MESSAGES else None
        if fields is not None:
            yield Message(
                kind=_MESSAGES[type(event)],
                version=event.version,
                at=event.effective_at,
                by=shown.speech.agent(event.act.actor.id),
                text=str(fields["text"]),
                withheld=event.withheld,
            )


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], between: list[Event], shown: Shown
) -> Iterator[Change]:
    """The fields that differ; ``before`` and ``after`` are what the reader sees of each state (nothing: not there)."""
    told = set()
    was, now = dict(_flat(before)), dict(_flat(after))
    for name, new in now.items():
        old = was.get(name)
        if old == new or (not before and new in _NOTHING):
            continue
        told.add(name)
        yield _change(name, old, new, shown)
    for name, old in was.items():
        if name not in now:
            told.add(name)
            yield _change(name, old, None, shown)
    for name, why in _withheld(between):
        if name not in told and name in now:
            told.add(name)
            text = f"{label(name)}: changed; what it says {'was erased' if why == 'erased' else 'is sealed'}"
            yield Change(field=name, old=None, new=None, withheld=why, text=text)


_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], (), {}, frozenset())


def _flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every field that a difference tells of, custom ones one by one."""
    for name, value in fields.items():
        if name == "fields":
            yield from ((f"fields.{custom}", answer) for custom, answer in value.items())
        elif name not in _BESIDE:
            yield name, value


def _change(name: str, old: Any, new: Any, shown: Shown) -> Change:
    if isinstance(new, list | tuple | frozenset) and not name.startswith("fields."):
        before, after = list(old or ()), list(new)
        added = sorted(words(name, one, shown) for one in after if one not in before)
        removed = sorted(words(name, one, shown) for one in before if one not in after)
        parts = [f"{verb} {', '.join(things)}" for verb, things in (("added", added), ("removed", removed)) if things]
        text = f"{label(name)}: {'; '.join(parts)}"
        return Change(field=name, old=old, new=new, added=added, removed=removed, text=text)
    why = next((why for mark, why in ((ERASED, "erased"), (SEALED, "sealed")) if mark in (old, new)), "")
    was, now = words(name, old, shown), words(name, new, shown)
    text = f"{label(name)}: {was or 'nothing'} → {now or 'nothing'}"
    return Change(field=name, old=old, new=new, withheld=why, text=text)


def _withheld(between: list[Event]) -> Iterator[tuple[str, str]]:
    """Fields whose change cannot be seen from their values, since both are withheld."""
    for event in between:
        if not event.withheld or event.seal is None:
            continue
        if isinstance(event, e.FieldSet) and "personal_new" in event.seal.fields:
            yield f"fields.{event.field}", event.withheld
        field, own = _TEXTS.get(type(event), ("", ""))
        if own in event.seal.fields:
            yield field, event.withheld


def clocks(
    parts: Sequence[list[Event]], instants: Sequence[datetime], policies: Policies, zone: ZoneInfo
) -> Iterator[ClockChange]:
    """The clocks that look otherwise, each part of the history as of its instant. Raises UnknownPolicy."""
    before, after = (
        {(one.kind, one.instance): one for one in explanations_of(part, at, policies)}
        for part, at in zip(parts, instants, strict=True)
    )
    for name, one in after.items():
        earlier = before.get(name)
        was, now = None if earlier is None else _figures(earlier, zone), _figures(one, zone)
        if was != now:
            yield ClockChange(clock=one.kind, instance=one.instance, before=was, after=now)


def _figures(one: Explanation, zone: ZoneInfo) -> ClockFigures:
    return ClockFigures(
        stage=one.stage,
        verdict=one.verdict,
        elapsed_minutes=one.elapsed.total_seconds() / _MINUTE_S,
        target_minutes=None if one.target is None else one.target.total_seconds() / _MINUTE_S,
        due_at=one.due_at,
        text=title(one, zone).removeprefix(f"{name_of(one)}: "),
    )
