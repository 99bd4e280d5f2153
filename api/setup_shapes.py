"""The configuration as it is shown: handles and rules; of agents no address, of keys no digest."""

from datetime import datetime
from typing import Any

import msgspec

from domain.setup.state import Setup


class Configured(msgspec.Struct, kw_only=True):
    """The configuration has this version; ``changed`` says whether the request made a difference."""

    version: int
    position: int
    changed: bool


class KeyShown(msgspec.Struct, kw_only=True):
    """An API key, without what opens."""

    key: str
    holder: str
    kind: str
    expires_at: datetime | None


class KeyIssued(KeyShown, kw_only=True):
    """A fresh API key. ``secret`` is the whole bearer token; it is shown this once and kept nowhere."""

    secret: str
    position: int


class PinCode(msgspec.Struct, kw_only=True):
    """A code with which its holder sets a signing PIN, once; it is shown this once and kept nowhere."""

    holder: str
    code: str
    expires_at: datetime
    position: int


class SetupShown(msgspec.Struct, kw_only=True):
    """What the desk is configured to be, by handle; the versions in force of what has versions."""

    version: int
    position: int
    departments: dict[str, dict[str, Any]]
    groups: dict[str, dict[str, Any]]
    agents: dict[str, dict[str, Any]]
    calendars: dict[str, dict[str, Any]]
    policies: dict[str, dict[str, Any]]
    request_types: dict[str, dict[str, Any]]
    priority_matrix: list[list[int]]
    signature_meanings: list[str]


KINDS: dict[str, tuple[str, ...]] = {
    "departments": ("name", "default_group", "reopen_days", "close_after_days", "backdate_minutes", "signatures"),
    "groups": ("name", "department", "skills", "level"),
    "agents": ("groups", "skills", "available"),
    "calendars": ("calendar_version", "zone", "openings", "holidays", "special"),
    "policies": ("policy_version", "calendar", "calendar_version", "condition", "terms"),
    "request-types": ("request_type_version", "name", "department", "form", "category", "group", "signatures"),
}
"""What is shown of each kind of definition."""


def definitions(setup: Setup, kind: str) -> dict[str, dict[str, Any]]:
    """The definitions of one kind, by handle."""
    known: dict[str, Any] = {
        "departments": setup.departments,
        "groups": setup.groups,
        "agents": setup.agents,
        "calendars": setup.latest_calendars,
        "policies": setup.policies_in_force,
        "request-types": setup.request_types_in_force,
    }
    return {
        handle: {name: getattr(defined, name) for name in KINDS[kind]} | _retention(setup, kind, handle)
        for handle, defined in sorted(known[kind].items())
    }


def _retention(setup: Setup, kind: str, handle: str) -> dict[str, Any]:
    """How long tickets of a department or type are kept; nothing for other kinds."""
    scope = {"departments": (handle, ""), "request-types": ("", handle)}.get(kind)
    if scope is None:
        return {}
    rule = setup.retention_in_force.get(scope)
    if rule is None:
        return {"retention": None}
    return {"retention": {name: getattr(rule, name) for name in ("retention_version", "years", "days", "persons")}}


def setup_shown(setup: Setup) -> SetupShown:
    """The whole configuration."""
    return SetupShown(
        version=setup.version,
        position=setup.position,
        priority_matrix=[list(row) for row in setup.matrix],
        signature_meanings=list(setup.meanings),
        **{kind.replace("-", "_"): definitions(setup, kind) for kind in KINDS},
    )


def keys_shown(setup: Setup) -> dict[str, list[KeyShown]]:
    """The keys that open something."""
    shown = [
        KeyShown(key=key.key, holder=key.holder, kind=key.kind, expires_at=key.expires_at)
        for key in sorted(setup.keys.values(), key=lambda key: (key.holder, key.key))
    ]
    return {"keys": shown}


class KeyList(msgspec.Struct, kw_only=True):
    """API keys."""

    keys: list[KeyShown]


SHAPES: list[type[msgspec.Struct]] = [Configured, KeyIssued, KeyList, PinCode, SetupShown]
