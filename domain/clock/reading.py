"""Calendars and policies from the plain text shapes in which they are configured and stored.

Times of day are "09:00" to "24:00", dates ISO, weekdays their English names. Everything that cannot be meant raises
ValueError naming the field.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from domain.clock.calendar import WEEKDAYS, Calendar, Openings, minute_of_day
from domain.clock.chain import Step
from domain.clock.policy import Kind, OnReopen, OnRetarget, Policy, Target, Unit

UNITS = {
    "minutes": Unit.BUSINESS_MINUTES,
    "calendar_minutes": Unit.CALENDAR_MINUTES,
    "business_days": Unit.BUSINESS_DAYS,
}
Choice = TypeVar("Choice", OnReopen, OnRetarget)
TERMS = ("targets", "pauses", "warnings", "on_reopen", "on_retarget", "chain", "chain_on_retarget")
STEP_TERMS = ("percent", "before_minutes", "after_minutes", "notify", "level", "group", "assignee", "priority")


def calendar_from(
    name: str,
    version: int,
    zone: str,
    openings: Mapping[str, Iterable[Sequence[str]]],
    holidays: Mapping[str, str] | None = None,
    special: Mapping[str, Iterable[Sequence[str]]] | None = None,
) -> Calendar:
    """A calendar: weekday → pairs of times, date → name, date → pairs of times (none: closed)."""
    for weekday in openings:
        if weekday not in WEEKDAYS:
            raise ValueError(f"openings: {weekday!r} is not one of {', '.join(WEEKDAYS)}")
    return Calendar(
        name=name,
        version=version,
        zone=zone,
        weekly=tuple(_openings(f"openings.{weekday}", openings.get(weekday, ())) for weekday in WEEKDAYS),
        holidays={_date("holidays", day): named for day, named in (holidays or {}).items()},
        special={_date("special", day): _openings(f"special.{day}", times) for day, times in (special or {}).items()},
    )


def policy_from(name: str, version: int, calendar: Calendar, terms: Mapping[str, Any]) -> Policy:
    """A policy from its terms::

        {"targets":  {"first_response": {"minutes": 240}, "resolution": {"business_days": 2}},
         "pauses":   {"resolution": ["requester"]},
         "warnings": [0.75, 0.9], "on_reopen": "resume", "on_retarget": "recompute",
         "chain":    {"resolution": [{"percent": 80, "notify": ["alice"]}, {"before_minutes": 60, "level": 1},
                                     {"after_minutes": 0, "group": "network", "priority": 1}]},
         "chain_on_retarget": false}

    What is left out has the default of `Policy`; pauses are given per clock, others keep theirs.
    """
    for term in terms:
        if term not in TERMS:
            raise ValueError(f"{term}: not a term of a policy; known: {', '.join(TERMS)}")
    plain = Policy(name=name, version=version, calendar=calendar, targets={})
    pauses = {_kind("pauses", kind): frozenset(reasons) for kind, reasons in terms.get("pauses", {}).items()}
    return Policy(
        name=name,
        version=version,
        calendar=calendar,
        targets={_kind("targets", kind): _target(kind, given) for kind, given in terms.get("targets", {}).items()},
        pauses={**plain.pauses, **pauses},
        warnings=tuple(float(share) for share in terms.get("warnings", plain.warnings)),
        on_reopen=_choice("on_reopen", OnReopen, terms.get("on_reopen", plain.on_reopen)),
        on_retarget=_choice("on_retarget", OnRetarget, terms.get("on_retarget", plain.on_retarget)),
        chain={
            _kind(f"chain.{kind}", kind): tuple(_step(f"chain.{kind}.{n}", given) for n, given in enumerate(steps))
            for kind, steps in terms.get("chain", {}).items()
        },
        chain_on_retarget=terms.get("chain_on_retarget") is True,
    )


def _openings(field: str, times: Iterable[Sequence[str]]) -> Openings:
    found = []
    for pair in times:
        if len(pair) != 2:
            raise ValueError(f"{field}: {pair!r} is not a pair of times")
        found.append((minute_of_day(field, pair[0]), minute_of_day(field, pair[1])))
    return tuple(sorted(found))


def _date(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{field}: {text!r} is not a date like 2026-12-25") from None


def _kind(field: str, text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise ValueError(f"{field}: {text!r} is not one of {', '.join(Kind)}") from None


def _target(kind: str, given: Mapping[str, Any]) -> Target:
    field = f"targets.{kind}"
    if not isinstance(given, Mapping) or len(given) != 1 or next(iter(given)) not in UNITS:
        raise ValueError(f"{field}: name exactly one of {', '.join(UNITS)}")
    ((unit, amount),) = given.items()
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise ValueError(f"{field}.{unit}: {amount!r} is not a whole number")
    try:
        return Target(amount, UNITS[unit])
    except ValueError as error:
        raise ValueError(f"{field}.{unit}: {error}") from None


def _step(field: str, given: Mapping[str, Any]) -> Step:
    for term in given:
        if term not in STEP_TERMS:
            raise ValueError(f"{field}: {term!r} is not a term of a step; known: {', '.join(STEP_TERMS)}")

    def minutes(term: str) -> timedelta | None:
        return None if given.get(term) is None else timedelta(minutes=int(given[term]))

    try:
        return Step(
            percent=given.get("percent"),
            before=minutes("before_minutes"),
            after=minutes("after_minutes"),
            notify=tuple(given.get("notify") or ()),
            level=given.get("level") or 0,
            group=given.get("group") or "",
            assignee=given.get("assignee") or "",
            priority=given.get("priority") or 0,
        )
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from None


def _choice(field: str, choices: type[Choice], given: str) -> Choice:
    try:
        return choices(given)
    except ValueError:
        raise ValueError(f"{field}: {given!r} is not one of {', '.join(choices)}") from None
