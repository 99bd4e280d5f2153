"""Policy versions as the desk has configured them, found in its setup when first asked for.

A numbered version never changes, so what was found stays; a version not known yet makes the setup be read again.
"""

from collections.abc import Callable, Iterator, Mapping

from domain.clock.calendar import Calendar
from domain.clock.policy import Policy, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.setup.events import CalendarVersioned, PolicyVersioned
from domain.setup.state import Setup


def calendar_of(event: CalendarVersioned) -> Calendar:
    """The calendar that was configured; ValueError naming the field when it cannot be meant."""
    return calendar_from(
        event.calendar, event.calendar_version, event.zone, event.openings, event.holidays, event.special
    )


def policy_of(event: PolicyVersioned, calendar: Calendar) -> Policy:
    """The policy that was configured, counting by ``calendar``; ValueError naming the field."""
    return policy_from(event.policy, event.policy_version, calendar, event.terms)


class Configured(Mapping[PolicyRef, Policy]):
    """The policy versions of a desk. ``load`` reads the setup as it is; what it raises, asking raises.

    A version that the setup does not hold is a KeyError; one that cannot be meant a ValueError.
    """

    def __init__(self, load: Callable[[], Setup]) -> None:
        self._load = load
        self._setup = Setup()
        self._policies: dict[PolicyRef, Policy] = {}
        self._calendars: dict[tuple[str, int], Calendar] = {}

    def __getitem__(self, ref: PolicyRef) -> Policy:
        policy = self._policies.get(ref)
        if policy is None:
            if not self._holds(ref):
                self._setup = self._load()
                if not self._holds(ref):
                    raise KeyError(ref)
            event = self._setup.policies[ref.policy, ref.version]
            policy = self._policies[ref] = policy_of(event, self._calendar(ref.calendar, ref.calendar_version))
        return policy

    def __iter__(self) -> Iterator[PolicyRef]:
        """The versions with the calendar versions they were configured with, as of the last reading."""
        for event in self._setup.policies.values():
            yield PolicyRef(event.policy, event.policy_version, event.calendar, event.calendar_version)

    def __len__(self) -> int:
        return len(self._setup.policies)

    def _holds(self, ref: PolicyRef) -> bool:
        setup = self._setup
        return (ref.policy, ref.version) in setup.policies and (ref.calendar, ref.calendar_version) in setup.calendars

    def _calendar(self, name: str, version: int) -> Calendar:
        calendar = self._calendars.get((name, version))
        if calendar is None:
            calendar = self._calendars[name, version] = calendar_of(self._setup.calendars[name, version])
        return calendar
