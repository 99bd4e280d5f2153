"""What a desk should be, as one document: the shape of ``desk.yaml``, and of its parts over HTTP.

Every part is checked by itself here; whether they hold together, ``configuring`` says.
"""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from domain.clock.calendar import WEEKDAYS
from domain.clock.holiday_sets import holidays_of
from domain.setup import events as e
from domain.setup.forms import must_match_in_linear_time, must_refer_to_itself_only
from domain.ticket.events import HoldReason

HANDLE = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Openings = tuple[tuple[str, str], ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Signatures = dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]
"""Commands that take an electronic signature, each with the meanings it may have."""


class RetentionPart(_Part):
    """How long tickets are kept after they closed: so many ``years`` or ``days``, or ``forever``; one of the three.

    Then what they hold of persons is erased; with ``persons`` those are forgotten who have nothing left.
    """

    years: int | None = Field(default=None, ge=1, le=200)
    days: int | None = Field(default=None, ge=1, le=36_500)
    forever: Literal[True] | None = None
    persons: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> "RetentionPart":
        if [self.years, self.days, self.forever].count(None) != 2:
            raise ValueError("say years, days or forever, one of them")
        if self.forever and self.persons:
            raise ValueError("what is kept forever lets nobody be forgotten: leave out persons")
        return self

    def terms(self) -> dict[str, Any]:
        """The rule as stored."""
        return {"years": self.years or 0, "days": self.days or 0, "persons": self.persons}


class DepartmentPart(_Part):
    """A department; as in ``DepartmentDefined``. Without ``retention`` its tickets are kept."""

    name: str = Field(min_length=1, max_length=200)
    default_group: str = ""
    reopen_days: int = Field(default=14, ge=0, le=3650)
    close_after_days: int = Field(default=7, ge=0, le=3650)
    backdate_minutes: int = Field(default=0, ge=0, le=525_600)
    signatures: Signatures = Field(default={}, examples=[{"resolve": ["approved"]}])
    retention: RetentionPart | None = None


class GroupPart(_Part):
    """A group of one department."""

    name: str = Field(min_length=1, max_length=200)
    department: str
    skills: tuple[str, ...] = ()
    level: int = Field(default=1, ge=1, le=9)


class AgentPart(_Part):
    """An agent; name and address are stored sealed."""

    name: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=254)
    groups: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    available: bool = True


class HolidaysPart(_Part):
    """Public holidays of a country and region, frozen by date when configured, and dates of one's own."""

    country: str = ""
    region: str | None = None
    years: tuple[Annotated[int, Field(ge=1900, le=2200)], ...] = ()
    dates: dict[date, str] = {}

    def frozen(self) -> dict[str, str]:
        """ISO date to name."""
        public = holidays_of(self.country, self.region, self.years) if self.country else {}
        return {day.isoformat(): name for day, name in sorted((public | self.dates).items())}


def _times(value: Any) -> Openings:
    """ "09:00-17:00", or a list of such."""
    spans = [value] if isinstance(value, str) else value
    if not isinstance(spans, list | tuple):
        raise ValueError("openings are of the form 09:00-17:00")
    pairs = []
    for span in spans:
        start, dash, end = str(span).partition("-")
        if not dash:
            raise ValueError(f"{span!r} is not of the form 09:00-17:00")
        pairs.append((start.strip(), end.strip()))
    return tuple(pairs)


class CalendarPart(_Part):
    """A business calendar: openings by weekday or range of weekdays ("monday-friday")."""

    zone: str
    openings: dict[str, Openings]
    holidays: HolidaysPart = HolidaysPart()
    special: dict[date, Openings] = {}

    @field_validator("openings", mode="before")
    @classmethod
    def _spread(cls, value: Any) -> dict[str, Openings]:
        if not isinstance(value, Mapping):
            raise ValueError("openings are given by weekday")
        spread: dict[str, Openings] = {}
        for days, spans in value.items():
            first, _, last = str(days).partition("-")
            if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
                raise ValueError(f"{days!r} is no weekday, nor two with a dash between")
            covered = WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last or first) + 1]
            if not covered:
                raise ValueError(f"{days!r} goes backwards: a week begins on Monday; name its two parts")
            for day in covered:
                if day in spread:
                    raise ValueError(f"{day} is given twice; {days!r} has it, too")
                spread[day] = _times(spans)
        return spread

    @field_validator("special", mode="before")
    @classmethod
    def _special(cls, value: Any) -> Any:
        return {day: _times(spans) for day, spans in value.items()} if isinstance(value, Mapping) else value


Handles = str | tuple[str, ...] | None
Priority = Annotated[int, Field(ge=1, le=5)]


class ConditionPart(_Part):
    """For which tickets a policy is: each of these is one value or a choice of several; of tags all must be there."""

    department: Handles = None
    request_type: Handles = None
    priority: Priority | tuple[Priority, ...] | None = None
    tier: Handles = None
    tags: Handles = None


class StepPart(_Part):
    """A step of an escalation chain: when it comes (one of the first three), and what it does."""

    percent: int | None = None
    before_minutes: int | None = Field(default=None, le=5_000_000)
    after_minutes: int | None = Field(default=None, le=5_000_000)
    notify: tuple[str, ...] = ()
    level: int = Field(default=0, ge=0, le=9)
    group: str = ""
    assignee: str = ""
    priority: int = Field(default=0, ge=0, le=5)


class PolicyPart(_Part):
    """A service level policy; ``when`` is its condition, the rest its terms."""

    calendar: str
    when: ConditionPart = ConditionPart()
    targets: dict[str, dict[str, int]] = {}
    pauses: dict[str, tuple[HoldReason, ...]] | None = None
    warnings: tuple[float, ...] | None = None
    on_reopen: str | None = None
    on_retarget: str | None = None
    chain: dict[str, tuple[StepPart, ...]] | None = None
    chain_on_retarget: bool | None = None

    @field_validator("warnings")
    @classmethod
    def _ascend(cls, shares: tuple[float, ...] | None) -> tuple[float, ...] | None:
        for earlier, later in pairwise(shares or ()):
            if later <= earlier:
                raise ValueError(f"{later} comes after {earlier}: shares are given in the order in which they warn")
        return shares

    def condition(self) -> dict[str, Any]:
        """The condition as stored: only what is given."""
        return dict(msgspec.to_builtins(self.when.model_dump(exclude_none=True)))

    def terms(self) -> dict[str, Any]:
        """The terms as stored: only what is given."""
        names = ("targets", "pauses", "warnings", "on_reopen", "on_retarget", "chain_on_retarget")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.chain is not None:
            given["chain"] = {
                kind: [step.model_dump(mode="json", exclude_defaults=True) for step in steps]
                for kind, steps in self.chain.items()
            }
        return dict(msgspec.to_builtins(given))


class RequestTypePart(_Part):
    """Something one can ask a department for, with its form as JSON Schema (2020-12).

    Without ``retention`` the department's counts.
    """

    name: str = Field(min_length=1, max_length=200)
    department: str
    form: dict[str, JsonValue] = {}
    category: str = ""
    group: str = ""
    signatures: Signatures = {}
    retention: RetentionPart | None = None

    @field_validator("form")
    @classmethod
    def _is_schema(cls, form: dict[str, Any]) -> dict[str, Any]:
        try:
            Draft202012Validator.check_schema(form)
        except SchemaError as fault:
            raise ValueError(f"not a JSON Schema: {fault.message}") from None
        must_refer_to_itself_only(form)
        must_match_in_linear_time(form)
        return form


class DeskDocument(_Part):
    """The whole of a ``desk.yaml``; every part may be missing."""

    departments: dict[str, DepartmentPart] = {}
    groups: dict[str, GroupPart] = {}
    agents: dict[str, AgentPart] = {}
    grants: dict[str, dict[e.Role, tuple[str, ...]]] = {}
    calendars: dict[str, CalendarPart] = {}
    policies: dict[str, PolicyPart] = {}
    request_types: dict[str, RequestTypePart] = {}
    priority_matrix: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]] | None = None
    signature_meanings: tuple[Annotated[str, Field(pattern=HANDLE)], ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _handles(self) -> "DeskDocument":
        for part in ("departments", "groups", "calendars", "policies", "request_types"):
            for handle in getattr(self, part):
                if not re.fullmatch(HANDLE, handle):
                    raise ValueError(f"{part}.{handle}: a handle has up to 64 of a-z, 0-9, '.', '_' and '-'")
        return self
