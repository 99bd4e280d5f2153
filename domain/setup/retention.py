"""Retention: how long a ticket is kept after it closed, by its type of request, else by its department."""

from datetime import UTC, datetime, time, timedelta

from domain.setup.events import RetentionVersioned
from domain.setup.state import Setup

GRACE = timedelta(days=1)
"""A rule counts only so long after it was recorded, since what it lets go is gone: time to see what it would be."""

_DAY = timedelta(days=1)


def rule_for(setup: Setup, department: str, request_type: str) -> RetentionVersioned | None:
    """The rule in force for tickets of this department and request type; None: they are kept for ever."""
    by_type = setup.retention_in_force.get(("", request_type)) if request_type else None
    rule = by_type or setup.retention_in_force.get((department, ""))
    return None if rule is None or not (rule.years or rule.days) else rule


def counts_from(rule: RetentionVersioned) -> datetime:
    """From when on anything is let go by a rule (UTC)."""
    return rule.recorded_at + GRACE


def kept_until(rule: RetentionVersioned, closed_at: datetime) -> datetime:
    """The end (UTC) of the day on which the period ends that began when the ticket closed.

    So all that closed on one day is due together. Whoever closed on 29 February is kept until 1 March.
    """
    day = closed_at.astimezone(UTC).date()
    try:
        day = day.replace(year=day.year + rule.years)
    except ValueError:
        day = day.replace(year=day.year + rule.years, month=3, day=1)
    return datetime.combine(day + timedelta(days=rule.days), time(), UTC) + _DAY


def closed_before(rule: RetentionVersioned, now: datetime) -> datetime:
    """Before which moment a ticket must have closed for this rule to let it go now.

    The exact answer is ``kept_until``'s; this one may name a day too many, never one too few.
    """
    day = now.astimezone(UTC).date() - timedelta(days=rule.days)
    day = day.replace(year=day.year - rule.years, day=min(day.day, 28)) + timedelta(days=4)
    return datetime.combine(day, time(), UTC)
