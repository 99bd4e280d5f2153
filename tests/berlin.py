"""Events of tickets at times on Berlin's wall, applied to the view, and what it then shows."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from domain.clock.policy import Policy, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.envelope import Act, Actor, Event
from domain.ticket import events as e
from projections.engine import Projector, install
from projections.sla import sla

Connection = psycopg.Connection[Any]
BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
LONG_AFTER = datetime(2027, 1, 1, tzinfo=UTC)


def wall(text: str) -> datetime:
    """An instant from Berlin's wall: "2026-03-30 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def office(opens: str = "09:00", closes: str = "17:00", **more: Any) -> dict[str, Any]:
    return {"zone": "Europe/Berlin", "openings": dict.fromkeys(WEEKDAYS, ((opens, closes),)), **more}


class Desk:
    """Tickets of a desk, event by event. ``policy`` names targets in minutes of business time by clock."""

    def __init__(self) -> None:
        self.policies: dict[PolicyRef, Policy] = {}
        self.events: list[Event] = []
        self._versions: dict[int, int] = {}
        self._effective: dict[int, datetime] = {}

    def policy(self, name: str, calendar: dict[str, Any] | None = None, **targets: int) -> PolicyRef:
        terms = {"targets": {kind: {"minutes": minutes} for kind, minutes in targets.items()}}
        hours = calendar_from(f"of {name}", 1, **(calendar or office()))
        policy = policy_from(name, 1, hours, terms)
        self.policies[policy.ref] = policy
        return policy.ref

    def then(
        self, kind: type[Event], at: str | datetime, ticket: int = 1, *, channel: str = "", **fields: Any
    ) -> "Desk":
        moment = wall(at) if isinstance(at, str) else at
        version = self._versions[ticket] = self._versions.get(ticket, 0) + 1
        effective = self._effective[ticket] = max(moment, self._effective.get(ticket, moment))
        self.events.append(
            kind(
                stream=UUID(int=ticket),
                version=version,
                position=len(self.events) + 1,
                recorded_at=moment,
                occurred_at=moment,
                effective_at=effective,
                act=Act(actor=Actor(kind="agent", id="ann"), channel=channel),
                **fields,
            )
        )
        return self

    def opened(
        self, at: str | datetime, policy: PolicyRef, ticket: int = 1, *, channel: str = "", **fields: Any
    ) -> "Desk":
        """A ticket is opened and comes under a policy."""
        known = {"number": ticket, "department": "it", "requester": UUID(int=99), "priority": 3, "group": "desk"}
        self.then(e.TicketOpened, at, ticket, channel=channel, **(known | fields))
        return self.then(e.SlaAttached, at, ticket, channel=channel, **named(policy))

    def shown(self, connection: Connection, sizes: Iterable[int] = (10**6,)) -> "Desk":
        """The view counts what it has not counted yet, in batches of these sizes (the last one for the rest)."""
        install(connection, (sla,))
        projector = Projector(connection, sla, versions=self.policies, remember=3)
        *first, rest = sizes
        left = [event for event in self.events if event.position > projector.position]
        for size in first:
            projector.apply(left[:size])
            left = left[size:]
        while left:
            projector.apply(left[:rest])
            left = left[rest:]
        return self


def named(policy: PolicyRef) -> dict[str, Any]:
    """The fields by which an event names a policy version."""
    return {
        "policy": policy.policy,
        "policy_version": policy.version,
        "calendar": policy.calendar,
        "calendar_version": policy.calendar_version,
    }


def clock(connection: Connection, kind: str = "resolution", ticket: int = 1, instance: int = 1) -> dict[str, Any]:
    """The row of one clock."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "SELECT * FROM sla.clocks WHERE ticket = %s AND clock = %s AND instance = %s",
            (UUID(int=ticket), kind, instance),
        ).fetchone()
    assert row is not None
    return row
