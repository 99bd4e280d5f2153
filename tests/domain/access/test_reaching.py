"""Who could see a ticket, by the grants and keys of a moment."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.access.principal import ROLES, principal_of
from domain.access.reaching import who_could_see
from domain.envelope import Actor
from domain.setup import state
from domain.setup.events import EVERYWHERE, ApiKeyIssued, ApiKeyRevoked, RoleGranted, RoleRevoked

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RITA = UUID("9e000000-0000-4000-8000-000000000001")
SOMEBODY = UUID("9e000000-0000-4000-8000-000000000002")


def could(*events, department: str = "it", requester: UUID = SOMEBODY, at: datetime = NOON):
    """Who could see a ticket after these events, with the ways they had."""
    found = who_could_see(
        state.fold(events), department, requester, at, lambda handle: {RITA} if handle == "rita" else set()
    )
    return {reach.principal: [right.way for right in reach.rights] for reach in found}


def granted(grantee: str, role: str, *departments: str) -> RoleGranted:
    return RoleGranted(grantee=grantee, role=role, departments=departments)  # type: ignore[arg-type]


def test_a_role_in_its_department_sees_it_and_in_another_does_not() -> None:
    assert could(granted("alice", "agent", "it"), granted("henry", "agent", "hr")) == {"alice": ["department"]}
    assert could(granted("alice", "agent", EVERYWHERE)) == {"alice": ["department"]}


def test_a_requester_sees_their_own_and_no_other() -> None:
    rita = granted("rita", "requester", "it")
    assert could(rita) == {}
    assert could(rita, requester=RITA) == {"rita": ["own"]}


def test_who_may_break_the_glass_could_have_said_why() -> None:
    assert could(granted("bob", "supervisor", "hr")) == {"bob": ["break-glass"]}


def test_a_grant_taken_back_opened_nothing_any_more() -> None:
    assert could(granted("alice", "agent", "it"), RoleRevoked(grantee="alice", role="agent")) == {}
    assert could(granted("alice", "agent", "it"), granted("alice", "agent")) == {}


def test_keys_are_those_that_opened_something_then() -> None:
    def issued(key: str, until: datetime | None = None) -> ApiKeyIssued:
        return ApiKeyIssued(key=key, digest=key, holder="alice", kind="agent", expires_at=until)

    events = (
        granted("alice", "agent", "it"),
        issued("open"),
        issued("late", NOON),
        issued("long", NOON + timedelta(seconds=1)),
        issued("gone"),
        ApiKeyRevoked(key="gone"),
    )
    (reach,) = who_could_see(state.fold(events), "it", SOMEBODY, NOON, lambda handle: ())
    assert [key.key for key in reach.keys] == ["open", "long"]


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("departments", [(), ("it",), ("hr",), (EVERYWHERE,)], ids=str)
def test_it_says_what_the_gate_would_have_said(role: str, departments: tuple[str, ...]) -> None:
    setup = state.fold([granted("x", role, *departments)])
    principal = principal_of(setup, Actor(kind="agent", id="x"))
    ways = could(granted("x", role, *departments)).get("x", [])
    assert ("department" in ways) == principal.may("ticket.read", "it")
    may_break = bool(departments) and principal.may_anywhere("ticket.break-glass")
    assert ("break-glass" in ways) == (may_break and "department" not in ways)
