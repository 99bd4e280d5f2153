"""Configuring: the events that lead from what a desk is to what a document says it should be.

A definition that is the same as before is no event; what the document does not mention stays, unless it is pruned.
Calendars, policies and request types get the next version when they change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from domain.clock.chain import Step
from domain.clock.configured import calendar_of, policy_of
from domain.desk.document import AgentPart, CalendarPart, DeskDocument, PolicyPart, RequestTypePart, RetentionPart
from domain.errors import SetupConflict
from domain.moments import zone_named
from domain.setup import events as e
from domain.setup.policies import CONDITIONS, choices, must_not_tie
from domain.setup.state import Setup, evolve
from domain.ticket.commands import COMMANDS

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
    if document.signature_meanings is not None and document.signature_meanings != setup.meanings:
        yield e.SignatureMeaningsListed(meanings=document.signature_meanings)
    for name, department in document.departments.items():
        defined = e.DepartmentDefined(department=name, **department.model_dump(exclude={"retention"}))
        yield from _if_new(defined, setup.departments.get(name))
        yield from _retention((name, ""), department.retention, setup)
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
        yield from _retention(("", name), request_type.retention, setup)
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
        request_type=name,
        request_type_version=max(versions, default=0) + 1,
        **part.model_dump(exclude={"retention"}),
    )
    if _says(wanted, "request_type_version") != _says(known, "request_type_version"):
        yield wanted


def _retention(scope: tuple[str, str], part: RetentionPart | None, setup: Setup) -> Iterator[e.SetupEvent]:
    department, request_type = scope
    known = setup.retention_in_force.get(scope)
    if part is None:
        if known is not None:
            yield e.RetentionRetired(department=department, request_type=request_type)
        return
    versions = [version for *of, version in setup.retention if tuple(of) == scope]
    wanted = e.RetentionVersioned(
        department=department,
        request_type=request_type,
        retention_version=max(versions, default=0) + 1,
        **part.terms(),
    )
    if _says(wanted, "retention_version") != _says(known, "retention_version"):
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
        _must_be_signable(setup, department.signatures, f"departments.{department.department}.signatures")
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
        _must_be_signable(setup, request_type.signatures, f"{field}.signatures")
    for rule in setup.retention_in_force.values():
        _must_outlast_reopening(rule, setup)
    for policy in setup.policies_in_force.values():
        _must_make_sense(policy, setup)
    must_not_tie(setup.policies_in_force.values())


def _must_outlast_reopening(rule: e.RetentionVersioned, setup: Setup) -> None:
    """What can still be reopened must not be gone."""
    of_type = setup.request_types_in_force.get(rule.request_type)
    department = setup.departments.get(of_type.department if of_type is not None else rule.department)
    if department is None or rule.years or not rule.days or rule.days >= department.reopen_days:
        return
    field = f"request_types.{rule.request_type}" if rule.request_type else f"departments.{rule.department}"
    raise SetupConflict(
        f"{field}.retention: {rule.days} days are fewer than the {department.reopen_days} days in which a closed ticket"
        f" of {department.department!r} can be reopened.",
        field=f"{field}.retention.days",
    )


def _must_know(known: Mapping[str, Any], name: str, field: str) -> None:
    if name not in known:
        raise SetupConflict(f"{field} names {name!r}, which is not configured.", field=field)


def _must_be_group_of(setup: Setup, group: str, department: str, field: str) -> None:
    _must_know(setup.groups, group, field)
    if setup.groups[group].department != department:
        raise SetupConflict(f"{field} names {group!r}, which is a group of another department.", field=field)


def _must_be_signable(setup: Setup, signatures: Mapping[str, Sequence[str]], field: str) -> None:
    for verb, meanings in signatures.items():
        if verb not in COMMANDS or verb == "sign":
            raise SetupConflict(
                f"{field} names {verb!r}, which is no command that can ask for a signature; commands are such as "
                "resolve, close, reopen, cancel, exempt or correct.",
                field=f"{field}.{verb}",
            )
        for n, meaning in enumerate(meanings):
            if meaning not in setup.meanings:
                known = ", ".join(setup.meanings)
                raise SetupConflict(
                    f"{field}.{verb}: a signature means one of {known} here, not {meaning!r}; signature_meanings lists "
                    "what it can mean.",
                    field=f"{field}.{verb}.{n}",
                )


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
