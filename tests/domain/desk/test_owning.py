"""An agent who is answerable for their own request waits for nobody: there is no response clock while that lasts."""

from collections.abc import Iterator

import pytest

from desks import ACT, give, open_desk, prepare
from domain.access.principal import Principal, principal_of
from domain.clock.asking import clocks_of
from domain.clock.clocks import Stage
from domain.clock.configured import Configured
from domain.desk import Desk
from domain.envelope import Actor
from levels import levels
from machines import Prepare

RESPONSE = {"first_response": {"minutes": 60}, "resolution": {"minutes": 480}}


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with open_desk(database) as desk:
        desk.configure(lambda setup: levels(targets=RESPONSE), ACT)
        yield desk


def alice(desk: Desk) -> Principal:
    """Alice, as her API key lets her in."""
    actor = Actor(kind="agent", id="alice")
    return principal_of(desk.setup(), actor, desk.keys.stream_of("person", "agent", "alice"))


def stage(desk: Desk, ticket: str) -> Stage:
    first = clocks_of(desk.history(desk.find(ticket)), Configured(desk.setup)).first
    assert first is not None
    return first.stage


def test_who_opens_a_ticket_for_themselves_and_claims_it_waits_for_nobody(desk: Desk) -> None:
    ticket = str(give(desk, "open", by=alice(desk), department="it", title="My own laptop").number)
    assert stage(desk, ticket) is Stage.RUNNING
    give(desk, "claim", ticket, by=alice(desk))
    assert stage(desk, ticket) is Stage.WAIVED
    give(desk, "assign", ticket, assignee="bob")
    assert stage(desk, ticket) is Stage.RUNNING
    give(desk, "assign", ticket, assignee="alice")
    assert stage(desk, ticket) is Stage.WAIVED
    give(desk, "release", ticket, reason="On leave.")
    assert stage(desk, ticket) is Stage.RUNNING


def test_an_agent_is_known_by_the_address_in_the_configuration(desk: Desk) -> None:
    opened = give(desk, "open", department="it", title="VPN drops", requester={"email": "Bob@example.org"})
    ticket = str(opened.number)
    give(desk, "assign", ticket, assignee="bob")
    assert stage(desk, ticket) is Stage.WAIVED
    give(desk, "change-requester", ticket, requester={"email": "petra@example.org"})
    assert stage(desk, ticket) is Stage.RUNNING
    give(desk, "change-requester", ticket, requester={"email": "bob@example.org"})
    assert stage(desk, ticket) is Stage.WAIVED


def test_an_agents_address_is_nowhere_readable(desk: Desk) -> None:
    stored = b"".join(event.state for event in desk.store.page(0, 1000))
    assert b"bob@example.org" not in stored
