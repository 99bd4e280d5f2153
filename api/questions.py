"""Questions: what of a request's parameters the record of who looked may keep readable.

A search may be for a person's name, and whoever mistypes a department may have typed one. So a value is kept only where
the route takes nothing but numbers, times, ids and words of its own, or where it is a handle that the desk knows.
"""

import re

from starlette.requests import Request

from domain.setup.state import Setup

_LONGEST = 500
_HARMLESS = re.compile(r"[A-Za-z0-9 .,:#_+-]{1,200}")
_OF_TIME = frozenset({"after", "at", "from", "known_at", "to", "version"})
_OF_LISTS = frozenset(
    {"clock", "limit", "merged", "own", "priority", "sort", "spam", "state", "status", "type", "types"}
)
_OF_THE_RECORD = frozenset({"allowed", "attachment", "break_glass", "person", "requester", "ticket"})
_PLAIN = _OF_TIME | _OF_LISTS | _OF_THE_RECORD
"""Parameters that are numbers, times, ids or words of the route's own wherever they are taken."""
_NAMING = frozenset({"actor", "assignee", "department", "group", "queue"})
"""Parameters that name something of the desk's."""


def question_of(request: Request, setup: Setup) -> str:
    """The parameters of a request that its route has accepted, as ``name=value``, or the name alone."""
    asked = [(name, str(value)) for name, value in request.path_params.items() if name != "ref"]
    # Most questions are no more than a ticket, and to parse nothing takes as long as all else here.
    asked += request.query_params.multi_items() if request.scope["query_string"] else ()
    return "&".join(_told(name, value, setup) for name, value in asked)[:_LONGEST]


def _told(name: str, value: str, setup: Setup) -> str:
    is_known = name in _NAMING and any(value in words for words in (setup.departments, setup.groups, setup.agents))
    is_told = (name in _PLAIN or is_known) and _HARMLESS.fullmatch(value)
    return f"{name}={value}" if is_told else name
