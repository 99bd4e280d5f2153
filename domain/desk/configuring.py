"""Configuring: what a desk should be, as one document, and the events that lead there from what it is.

The document is what ``desk.yaml`` holds. A definition that is the same as before is no event; what the document does
not mention stays, unless it is pruned. Calendars, policies and request types get the next version when they change.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from domain.clock.calendar import WEEKDAYS
from domain.clock.chain import Step
from domain.clock.configured import calendar_of, policy_of
from domain.clock.holiday_sets import holidays_of
from domain.errors import SetupConflict
from domain.moments import zone_named
from domain.setup import events as e
from domain.setup.forms import must_match_in_linear_time, must_refer_to_itself_only
from domain.setup.policies import CONDITIONS, choices, must_not_tie
from domain.setup.state import Setup, evolve
from domain.ticket.events import HoldReason

HANDLE = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Openings = tuple[tuple[str, str], ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class DepartmentPart(_Part):
    """A department; days and minutes as in ``DepartmentDefined``."""

    name: str = Field(min_length=1, max_length=200)
    default_group: str = ""
    reopen_days: int = Field(default=14, ge=0, le=3650)
    close_after_days: int = Field(default=7, ge=0, le=3650)
    backdate_minutes: int = Field(default=0, ge=0, le=525_600)


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
    """Something one can ask a department for, with its form as JSON Schema (2020-12)."""

    name: str = Field(min_length=1, max_length=200)
    department: str
    form: dict[str, JsonValue] = {}
    category: str = ""
    group: str = ""

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

    @model_validator(mode="after")
    def _handles(self) -> "DeskDocument":
        for part in ("departments", "groups", "calendars", "policies", "request_types"):
            for handle in getattr(self, part):
                if not re.fullmatch(HANDLE, handle):
                    raise ValueError(f"{part}.{handle}: a handle has up to 64 of a-z, 0-9, '.', '_' and '-'")
        return self


Plan = Callable[[Setup], Sequence[e.SetupEvent]]


Contacts = Mapping[str, tuple[str, str]]
"""Name and e-mail address by agent, as they are now; they are sealed in the store, so whoever plans opens them."""


def plan(document: DeskDocument, contacts: Contacts, *, prune: bool = False) -> Plan:
    """The events that lead from a configuration to the document; raises ``SetupConflict`` when they contradict it."""

    def decide(setup: Setup) -> list[e.SetupEvent]:
        events: list[e.SetupEvent] = []
        after = setup
        for event in _wanted(document, setup, contacts, prune):
            events.append(event)
            after = evolve(after, msgspec.structs.replace(event, version=after.version + 1))
        must_hold_together(after)
        return events

    return decide


def _wanted(document: DeskDocument, setup: Setup, contacts: Contacts, prune: bool) -> Iterator[e.SetupEvent]:
    if document.priority_matrix is not None and document.priority_matrix != setup.matrix:
        yield e.PriorityMatrixVersioned(matrix=document.priority_matrix)
    for name, department in document.departments.items():
        defined = e.DepartmentDefined(department=name, **department.model_dump())
        yield from _if_new(defined, setup.departments.get(name))
    for name, group in document.groups.items():
        yield from _if_new(e.GroupDefined(group=name, **group.model_dump()), setup.groups.get(name))
    for name, agent in document.agents.items():
        yield from _agent(name, agent, setup, contacts)
    yield from _grants(document, setup)
    for name, calendar in document.calendars.items():
        yield from _calendar(name, calendar, setup)
    for name, policy in document.policies.items():
        yield from _policy(name, policy, document, setup)
    for name, request_type in document.request_types.items():
        yield from _request_type(name, request_type, setup)
    if prune:
        yield from _pruned(document, setup)


_BESIDE = ["stream", "version", "position", "recorded_at", "occurred_at", "effective_at", "act", "seal", "withheld"]


def _says(event: e.SetupEvent | None, *beside: str) -> dict[str, Any] | None:
    """What an event says, without its envelope, as it is stored: a list read back is no tuple any more."""
    if event is None:
        return None
    said = msgspec.structs.asdict(event)
    told = {name: value for name, value in said.items() if name not in (*_BESIDE, *beside)}
    return dict(msgspec.json.decode(msgspec.json.encode(told)))


def _if_new(event: e.SetupEvent, known: e.SetupEvent | None) -> Iterator[e.SetupEvent]:
    if _says(event) != _says(known):
        yield event


_SEALED = ("name", "email", "person")
"""What is sealed of an agent, or follows from what is."""


def _agent(name: str, part: AgentPart, setup: Setup, contacts: Contacts) -> Iterator[e.SetupEvent]:
    wanted = e.AgentDefined(agent=name, **part.model_dump())
    known = setup.agents.get(name)
    moved = contacts.get(name, ("", "")) != (part.name, part.email)
    if moved or _says(wanted, *_SEALED) != _says(known, *_SEALED):
        yield wanted


def _grants(document: DeskDocument, setup: Setup) -> Iterator[e.SetupEvent]:
    for grantee, roles in document.grants.items():
        known = {grant.role: grant for grant in setup.grants.get(grantee, ())}
        for role, departments in roles.items():
            granted = e.RoleGranted(grantee=grantee, role=role, departments=tuple(sorted(departments)))
            yield from _if_new(granted, known.get(role))
        for role in known.keys() - roles.keys():
            yield e.RoleRevoked(grantee=grantee, role=role)


def _calendar(name: str, part: CalendarPart, setup: Setup) -> Iterator[e.SetupEvent]:
    known = setup.latest_calendars.get(name)
    try:
        zone_named(part.zone)
        wanted = e.CalendarVersioned(
            calendar=name,
            calendar_version=known.calendar_version + 1 if known else 1,
            zone=part.zone,
            openings=part.openings,
            holidays=part.holidays.frozen(),
            special={day.isoformat(): times for day, times in part.special.items()},
        )
        calendar_of(wanted)
    except ValueError as fault:
        raise SetupConflict(f"calendars.{name}: {fault}", field=f"calendars.{name}.{_place(fault)}") from None
    if _says(wanted, "calendar_version") != _says(known, "calendar_version"):
        yield wanted


def _policy(name: str, part: PolicyPart, document: DeskDocument, setup: Setup) -> Iterator[e.SetupEvent]:
    known = setup.policies_in_force.get(name)
    versions = [version for policy, version in setup.policies if policy == name]
    calendar = setup.latest_calendars.get(part.calendar)
    calendar_version = calendar.calendar_version if calendar else 0
    if part.calendar in document.calendars:
        calendar_version += len(list(_calendar(part.calendar, document.calendars[part.calendar], setup)))
    wanted = e.PolicyVersioned(
        policy=name,
        policy_version=max(versions, default=0) + 1,
        calendar=part.calendar,
        calendar_version=calendar_version,
        condition=part.condition(),
        terms=part.terms(),
    )
    if _says(wanted, "policy_version") != _says(known, "policy_version"):
        yield wanted


def _request_type(name: str, part: RequestTypePart, setup: Setup) -> Iterator[e.SetupEvent]:
    known = setup.request_types_in_force.get(name)
    versions = [version for request_type, version in setup.request_types if request_type == name]
    wanted = e.RequestTypeVersioned(
        request_type=name, request_type_version=max(versions, default=0) + 1, **part.model_dump()
    )
    if _says(wanted, "request_type_version") != _says(known, "request_type_version"):
        yield wanted


def _pruned(document: DeskDocument, setup: Setup) -> Iterator[e.SetupEvent]:
    for policy in setup.policies_in_force.keys() - document.policies.keys():
        yield e.PolicyRetired(policy=policy)
    for request_type in setup.request_types_in_force.keys() - document.request_types.keys():
        yield e.RequestTypeRetired(request_type=request_type)
    for agent in setup.agents.keys() - document.agents.keys():
        yield e.AgentRetired(agent=agent)
    for group in setup.groups.keys() - document.groups.keys():
        yield e.GroupRetired(group=group)
    for department in setup.departments.keys() - document.departments.keys():
        yield e.DepartmentRetired(department=department)


def must_hold_together(setup: Setup) -> None:
    """Refuse a configuration that names what is not there or contradicts itself; raises ``SetupConflict``."""
    for group in setup.groups.values():
        _must_know(setup.departments, group.department, f"groups.{group.group}.department")
    for department in setup.departments.values():
        if department.default_group:
            field = f"departments.{department.department}.default_group"
            _must_be_group_of(setup, department.default_group, department.department, field)
    for agent in setup.agents.values():
        for name in agent.groups:
            _must_know(setup.groups, name, f"agents.{agent.agent}.groups")
    for grants in setup.grants.values():
        for grant in grants:
            for name in set(grant.departments) - {e.EVERYWHERE}:
                _must_know(setup.departments, name, f"grants.{grant.grantee}.{grant.role}")
    for request_type in setup.request_types_in_force.values():
        field = f"request_types.{request_type.request_type}"
        _must_know(setup.departments, request_type.department, f"{field}.department")
        if request_type.group:
            _must_be_group_of(setup, request_type.group, request_type.department, f"{field}.group")
    for policy in setup.policies_in_force.values():
        _must_make_sense(policy, setup)
    must_not_tie(setup.policies_in_force.values())


def _must_know(known: Mapping[str, Any], name: str, field: str) -> None:
    if name not in known:
        raise SetupConflict(f"{field} names {name!r}, which is not configured.", field=field)


def _must_be_group_of(setup: Setup, group: str, department: str, field: str) -> None:
    _must_know(setup.groups, group, field)
    if setup.groups[group].department != department:
        raise SetupConflict(f"{field} names {group!r}, which is a group of another department.", field=field)


def _must_make_sense(policy: e.PolicyVersioned, setup: Setup) -> None:
    field = f"policies.{policy.policy}"
    calendar = setup.calendars.get((policy.calendar, policy.calendar_version))
    if calendar is None:
        raise SetupConflict(
            f"{field}.calendar names {policy.calendar!r}, which is not configured.", field=f"{field}.calendar"
        )
    for name in policy.condition:
        if name not in (*CONDITIONS, "tags"):
            raise SetupConflict(f"{field}.when: {name!r} cannot be asked about.", field=f"{field}.when")
    for department in choices(policy.condition, "department") or ():
        _must_know(setup.departments, department, f"{field}.when.department")
    for request_type in choices(policy.condition, "request_type") or ():
        _must_know(setup.request_types_in_force, request_type, f"{field}.when.request_type")
    try:
        known = policy_of(policy, calendar_of(calendar))
    except ValueError as fault:
        raise SetupConflict(f"{field}: {fault}", field=f"{field}.{_place(fault)}") from None
    for kind, steps in known.chain.items():
        for n, step in enumerate(steps):
            _must_know_whom(setup, step, f"{field}.chain.{kind}.{n}")


def _must_know_whom(setup: Setup, step: Step, field: str) -> None:
    for one in step.notify:
        _must_know({**setup.agents, **setup.groups}, one, f"{field}.notify")
    if step.group:
        _must_know(setup.groups, step.group, f"{field}.group")
    if step.assignee:
        _must_know(setup.agents, step.assignee, f"{field}.assignee")


_WRITTEN_AS = {
    "weekly": "openings",
    "country": "holidays.country",
    "region": "holidays.region",
    "years": "holidays.years",
}
"""Where a document has what the arithmetic calls otherwise."""


def _place(fault: ValueError) -> str:
    """The field of a document that a calendar or policy complains of: the words before the colon name it."""
    path, _, _ = str(fault).partition(":")
    first, dot, rest = path.partition(".")
    return _WRITTEN_AS.get(first, first) + dot + rest
