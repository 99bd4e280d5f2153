"""Escalation chains: what a policy does when a clock has used up some share of its target, or has exceeded it.

A step is placed by what its clock has counted, so that closed hours and pauses move it as they move the due time:
"1 h before" comes when one hour of the clock is left.
"""

from datetime import timedelta

from msgspec import Struct

INSTANT = timedelta(microseconds=1)


class Step(Struct, frozen=True, kw_only=True):
    """One step. Exactly one of ``percent`` (of the target), ``before`` and ``after`` (the target; 0: at the breach).

    ``notify`` are handles of agents and groups, ``level`` the level of authority to raise to, ``group`` and
    ``assignee`` who is to work on it, ``priority`` the priority to raise to; what is 0 or empty is left alone. Raises
    ValueError naming the field.
    """

    percent: int | None = None
    before: timedelta | None = None
    after: timedelta | None = None
    notify: tuple[str, ...] = ()
    level: int = 0
    group: str = ""
    assignee: str = ""
    priority: int = 0

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.percent, self.before, self.after)) != 1:
            raise ValueError("name exactly one of percent, before_minutes, after_minutes")
        if self.percent is not None and not 1 <= self.percent <= 99:
            raise ValueError(f"percent: {self.percent} is not between 1 and 99; from 100 on it is after_minutes")
        if self.before is not None and self.before <= timedelta():
            raise ValueError("before_minutes: not a positive number of minutes")
        if self.after is not None and self.after < timedelta():
            raise ValueError("after_minutes: a negative number of minutes")
        if not (self.notify or self.level or self.group or self.assignee or self.priority):
            raise ValueError("the step does nothing; name any of notify, level, group, assignee, priority")

    @property
    def name(self) -> str:
        """What the step is called in the record; no chain has two of one name."""
        if self.percent is not None:
            return f"at {self.percent} %"
        if self.before is not None:
            return f"{self.before // timedelta(minutes=1)} min before"
        return f"{self.after // timedelta(minutes=1)} min after" if self.after else "at the breach"

    def point(self, target: timedelta) -> timedelta:
        """What the clock has counted when the step comes; the breach is one microsecond more than the target."""
        if self.percent is not None:
            return target * self.percent / 100
        if self.before is not None:
            return max(target - self.before, INSTANT)
        return target + (self.after or INSTANT)
