"""What a person is called."""

from collections.abc import Iterable

from domain.envelope import Event
from domain.person.events import ContactChanged, PersonRegistered


def name_of(history: Iterable[Event]) -> str:
    """A person's name after these events; "" if none was given, or a mark where it cannot be read."""
    known = [event.name for event in history if isinstance(event, PersonRegistered | ContactChanged)]
    return known[-1] if known else ""
