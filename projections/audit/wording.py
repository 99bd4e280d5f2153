"""From an event to a sentence: who did what, when and why, in words that a compliance officer reads.

Sentences are made when they are shown and never stored, so that what is erased is gone from them, too. Each event type
has one function that says what was done, without who and when; ``says`` enters it. Personal text is quoted only when
the event handed in is opened for the reader; otherwise the sentence says that it is sealed, or was erased.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from domain.envelope import Event

E = TypeVar("E", bound=Event)

# strftime would answer in the language of the machine.
_MONTHS: tuple[str, ...] = ("January", "February", "March", "April", "May", "June")
_MONTHS += ("July", "August", "September", "October", "November", "December")


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What things are called by today: handle, code or id to name. What is not in here is shown as it is recorded.

    ``people`` by id (UUID as text); a handle that is no agent's is looked for there, too.
    """

    agents: Mapping[str, str] = {}
    groups: Mapping[str, str] = {}
    departments: Mapping[str, str] = {}
    people: Mapping[str, str] = {}


class Speech(NamedTuple):
    """How things are put into words for one reader: by these names, in this time zone."""

    names: Names
    zone: ZoneInfo

    def agent(self, handle: str) -> str:
        return self.names.agents.get(handle) or self.names.people.get(handle) or handle

    def group(self, code: str) -> str:
        return f"the group {self.names.groups.get(code, code)}"

    def department(self, code: str) -> str:
        return f"the department {self.names.departments.get(code, code)}"

    def person(self, person: UUID) -> str:
        return self.names.people.get(str(person)) or f"person {str(person)[:8]}"

    def moment(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        clock = local.time().isoformat("seconds")
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year} at {clock} {local.tzname()}"

    def text(self, event: Event, field: str) -> str:
        """A personal text after a colon, nothing if there was none, or why it cannot be shown."""
        if gone := _withheld(event, field):
            return f" (the text {gone})"
        said = str(getattr(event, field) or "").strip()
        return f": {quoted(said)}" if said else ""

    def because(self, event: Event, field: str = "reason") -> str:
        """The reason that was given, nothing if none was, or why it cannot be shown."""
        if gone := _withheld(event, field):
            return f", for a reason that {gone}"
        said = str(getattr(event, field) or "").strip()
        return f", because {quoted(said)}" if said else ""


Says = Callable[[Any, Speech], str]

WORDING: dict[type[Event], Says] = {}
"""What was done, by event type: a phrase that follows the name of whoever did it."""


def says(event_type: type[E]) -> Callable[[Callable[[E, Speech], str]], Callable[[E, Speech], str]]:
    """Enter the decorated function as the wording of ``event_type``; two for one type are a programming error."""

    def enter(function: Callable[[E, Speech], str]) -> Callable[[E, Speech], str]:
        if event_type in WORDING:
            raise TypeError(f"{event_type.__name__} has two wordings")
        WORDING[event_type] = function
        return function

    return enter


class Wording(NamedTuple):
    """A sentence in its parts; ``note`` is empty unless the event was recorded later than it happened."""

    when: str
    who: str
    what: str
    note: str

    def __str__(self) -> str:
        stop = "" if self.what.endswith((".”", "!”", "?”")) and not self.note else "."
        return f"On {self.when}, {self.who} {self.what}{self.note}{stop}"


def tell(event: Event, names: Names, zone: ZoneInfo) -> Wording:
    """``event`` in words, with times in ``zone``."""
    speech = Speech(names, zone)
    recorded, occurred = event.recorded_at, event.occurred_at
    # An event that is not dated otherwise has the very same time twice.
    late = recorded is not occurred and recorded.replace(microsecond=0) > occurred
    note = f" (recorded on {speech.moment(recorded)})" if late else ""
    return Wording(speech.moment(occurred), _who(event, speech), WORDING[type(event)](event, speech), note)


def sentence(event: Event, names: Names, zone: ZoneInfo) -> str:
    """``event`` as one sentence, with times in ``zone``."""
    return str(tell(event, names, zone))


def quoted(text: object) -> str:
    """Somebody's own words, or a value, set off from ours."""
    return f"“{text}”"


def changed(what: str, old: object, new: object) -> str:
    """A value in place of another, either of which may be missing."""
    if old in ("", None):
        return f"set the {what} to {quoted(new)}"
    if new in ("", None):
        return f"cleared the {what}, which was {quoted(old)}"
    return f"changed the {what} from {quoted(old)} to {quoted(new)}"


def listed(things: "tuple[str, ...] | list[str]") -> str:
    """Things in a row: a, b and c."""
    return ", ".join(things[:-1]) + (" and " if len(things) > 1 else "") + things[-1] if things else "nothing"


def several(count: int, thing: str) -> str:
    """So many of a thing, in the right number."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _withheld(event: Event, field: str) -> str:
    """Why a text that is there cannot be shown; empty if it can, or if there is none."""
    if not event.withheld or event.seal is None or field not in event.seal.fields:
        return ""
    return "was erased" if event.withheld == "erased" else "is sealed"


def _who(event: Event, speech: Speech) -> str:
    actor = event.act.actor
    match actor.kind:
        case "agent":
            who = speech.agent(actor.id)
        case "requester":
            who = f"the requester {speech.agent(actor.id)}"
        case "service":
            who = f"the service {actor.id}"
        case "system":
            who = f"the desk’s own {actor.id}" if actor.id else "the desk itself"
    return f"{who}, on behalf of {speech.agent(event.act.on_behalf_of)}," if event.act.on_behalf_of else who
