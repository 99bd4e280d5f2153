"""Preparing: a first pass over the log finds what the desk must know before the history can be told by its rules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from consumers.importing.log import Contents, RequestType
from domain.errors import SetupConflict
from domain.setup.events import AgentDefined, DepartmentDefined, GroupDefined, RequestTypeVersioned, SetupEvent
from domain.setup.state import Setup


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where the incidents go: a department (made if it is not there) and the request type that they have in it."""

    department: str = "it"
    request_type: str = "incident"


def plan(
    contents: Contents,
    to: Destination,
    names: Mapping[str, AgentDefined],
    source: str,
    request_type: RequestType | None,
) -> Callable[[Setup], Sequence[SetupEvent]]:
    """What must be configured so that the log can be told; only differences, so a second import configures nothing.

    Whoever was answerable for an incident in a group is taken to have worked in that group. Handles are the source's
    own words. ``names`` are the agents of the desk with their personal fields open, for a definition is stated whole.
    Raises ``SetupConflict`` where a handle means something else here already.
    """

    def events(setup: Setup) -> list[SetupEvent]:
        planned: list[SetupEvent] = []
        if to.department not in setup.departments:
            planned.append(DepartmentDefined(department=to.department, name=to.department.upper()))
        planned += _groups(sorted(contents.groups), to, setup)
        planned += _agents(contents.agents, setup, names)
        if request_type is not None:
            planned += _request_type(to, setup, source, request_type)
        return planned

    return events


def _groups(names: Iterable[str], to: Destination, setup: Setup) -> Iterable[SetupEvent]:
    for name in names:
        known = setup.groups.get(name)
        if known is None:
            yield GroupDefined(group=name, name=name, department=to.department)
        elif known.department != to.department:
            raise SetupConflict(f"The group {name!r} belongs to the department {known.department!r} here.", group=name)


def _agents(agents: Mapping[str, set[str]], setup: Setup, names: Mapping[str, AgentDefined]) -> Iterable[SetupEvent]:
    for name, groups in sorted(agents.items()):
        known = setup.agents.get(name)
        if known is None:
            yield AgentDefined(agent=name, groups=tuple(sorted(groups)))
        elif not groups <= set(known.groups):
            opened = names.get(name, known)
            yield AgentDefined(
                agent=name,
                groups=(*known.groups, *sorted(groups - set(known.groups))),
                skills=known.skills,
                available=known.available,
                name="" if opened.withheld else opened.name,
                email="" if opened.withheld else opened.email,
            )


def _request_type(to: Destination, setup: Setup, source: str, wanted: RequestType) -> Iterable[SetupEvent]:
    form = dict(wanted.form)
    known = setup.request_types_in_force.get(to.request_type)
    if known is not None:
        if known.department != to.department or known.form.get("x-acta-import") != source:
            raise SetupConflict(
                f"There is a request type {to.request_type!r} of the desk's own; import under another name.",
                request_type=to.request_type,
            )
        if known.form == _json(form):
            return
    versions = [version for name, version in setup.request_types if name == to.request_type]
    yield RequestTypeVersioned(
        request_type=to.request_type,
        request_type_version=max(versions, default=0) + 1,
        department=to.department,
        name=wanted.name,
        form=form,
    )


def _json(form: dict[str, Any]) -> Any:
    """The form as it comes back from the store."""
    return msgspec.json.decode(msgspec.json.encode(form))
