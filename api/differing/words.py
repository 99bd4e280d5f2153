"""A difference in words: what a value is called, and the whole as a page to read."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from textwrap import indent
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from api.differing.shapes import ClockChange, Difference, Message
from domain.clock.wording import shown as length
from domain.envelope import ERASED, SEALED
from domain.ticket.parts import Attachment, Breach, Link, Reminder, Signature, Sla, TimeEntry
from projections.audit import Names
from projections.audit.wording import Speech, quoted, several

_LABELS = {
    "hold_reason": "on hold for",
    "hold_until": "on hold until",
    "level": "level of escalation",
    "sla": "service level",
    "priority_overridden": "priority set against the matrix",
    "absorbed": "speaks for",
    "breaches": "targets exceeded",
    "exempt": "clocks measured no longer",
    "time_entries": "time spent",
    "reopen_count": "times reopened",
}
_CODES = frozenset({"status", "hold_reason", "exempt"})
_WITHHELD = {ERASED: "(erased)", SEALED: "(sealed)"}


class Shown(NamedTuple):
    """How a reader is told: by which names, in which zone, and the numbers of the other tickets that exist for them."""

    names: Names
    zone: ZoneInfo
    numbers: Mapping[UUID, int]

    @property
    def speech(self) -> Speech:
        """The same without the tickets."""
        return Speech(self.names, self.zone)


def label(field: str) -> str:
    """What a field is called."""
    return _LABELS.get(field) or field.removeprefix("fields.").replace("_", " ")


def words(field: str, value: Any, shown: Shown) -> str:
    """A field's value, or one thing of its list; empty if there is none."""
    speech = shown.speech
    match value:
        case None | "":
            return ""
        case str() if value in _WITHHELD:
            return _WITHHELD[value]
        case bool():
            return "yes" if value else "no"
        case datetime():
            return speech.moment(value)
        case UUID():
            return f"#{shown.numbers[value]}" if value in shown.numbers else speech.person(value)
        case Link():
            return f"{value.kind.replace('-', ' ')} #{value.number}"
        case TimeEntry():
            billable = ", billable" if value.billable else ""
            return f"{several(value.minutes, 'minute')} by {speech.agent(value.by)}{billable}"
        case Reminder():
            return f"reminder of {speech.agent(value.agent)} for {speech.moment(value.at)}"
        case Breach():
            instance = f" {value.instance}" if value.instance > 1 else ""
            return f"{value.clock.replace('_', ' ')}{instance}, {length(value.target)}"
        case Attachment():
            name = _WITHHELD.get(value.name) or quoted(value.name)
            kept_back = ", in quarantine" if value.quarantined else ""
            return f"{name} by {speech.agent(value.by)} at version {value.version}{kept_back}"
        case Signature():
            name = _WITHHELD.get(value.name, value.name)
            return f"{quoted(value.meaning)} by {name} at version {value.version}"
        case Sla():
            return (
                f"{value.policy} version {value.policy_version}, calendar {value.calendar} "
                f"version {value.calendar_version}"
            )
        case str() if field in ("assignee", "opened_by", "watchers"):
            return speech.agent(value)
        case str() if field == "group":
            return shown.names.groups.get(value, value)
        case str() if field == "department":
            return shown.names.departments.get(value, value)
        case str():
            return value.replace("_", " ") if field in _CODES else quoted(value)
        case timedelta():
            return length(value)
        case _:
            return msgspec.json.encode(value).decode()


def page(found: Difference, zone: ZoneInfo) -> str:
    """The whole difference as plain text."""
    return "\n".join(_lines(found, Speech(Names(), zone)))


def _lines(found: Difference, speech: Speech) -> Iterator[str]:
    known = "" if found.known_at is None else f", as was known on {speech.moment(found.known_at)}"
    yield f"#{found.number} from {_place(found.from_.version, found.from_.at, speech)}"
    yield f"to {_place(found.to.version, found.to.at, speech)}{known}"
    sections = (
        ("What differs", [change.text for change in found.changes]),
        ("What was written", [_message(one, speech) for one in found.messages]),
        ("Clocks", [_clock(one) for one in found.clocks or ()]),
        ("What happened", [event.sentence or _plain(event.type) for event in found.events]),
    )
    for heading, paragraphs in sections:
        if paragraphs:
            yield f"\n{heading}"
            yield from (indent(text, "  ") for text in paragraphs)
    if not any(paragraphs for _, paragraphs in sections):
        yield "\nNothing differs."


def _place(version: int, at: datetime, speech: Speech) -> str:
    return f"{speech.moment(at)} " + (f"(version {version})" if version else "(not there yet)")


def _message(one: Message, speech: Speech) -> str:
    said = {"erased": "(erased)", "sealed": "(sealed)"}.get(one.withheld) or one.text
    return f"{one.kind} by {one.by}, {speech.moment(one.at)}, version {one.version}:\n{indent(said, '  ')}"


def _clock(one: ClockChange) -> str:
    name = one.clock.replace("_", " ").capitalize() + (f" {one.instance}" if one.instance > 1 else "")
    before = "not started" if one.before is None else one.before.text
    return f"{name}\n  before: {before}\n  after:  {one.after.text}"


def _plain(type_name: str) -> str:
    """An event of which its reader gets no sentence."""
    return type_name.split(".")[1].replace("-", " ")
