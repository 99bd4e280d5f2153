"""A service level for IT, tickets that were opened long ago, and what the record says the clock made of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from desks import give
from domain.desk import Desk
from domain.setup.events import CalendarVersioned, PolicyVersioned, SetupEvent
from projections.sla import alarms

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def levels(**terms: object) -> tuple[SetupEvent, ...]:
    """A policy for IT around the clock: resolution within an hour, warned of at three quarters."""
    given = {"targets": {"resolution": {"minutes": 60}}, "warnings": [0.75]} | terms
    always = dict.fromkeys(DAYS, (("00:00", "24:00"),))
    return (
        CalendarVersioned(calendar="always", calendar_version=1, zone="UTC", openings=always),
        PolicyVersioned(
            policy="gold",
            policy_version=1,
            calendar="always",
            calendar_version=1,
            condition={"department": "it"},
            terms=given,
        ),
    )


def opened_ago(desk: Desk, ago: timedelta) -> UUID:
    """A ticket of IT that was opened so long ago, and is heard of now."""
    return give(desk, "open", department="it", title="VPN drops", occurred_at=datetime.now(UTC) - ago).ticket


def kinds(desk: Desk, ticket: UUID) -> Counter[str]:
    """How often each type of event is in a ticket's history."""
    return Counter(event.TYPE for event in desk.history(ticket))


def quiet(views_dsn: str, desk: Desk) -> bool:
    """Whether the view has read everything and knows of no alarm that has come."""
    with psycopg.connect(views_dsn) as connection:
        if connection.execute("SELECT to_regclass('sla.tickets')").fetchone() == (None,):
            return False
        read = connection.execute(
            "SELECT min(m.position) FROM projections.marks m JOIN projections.editions e USING (edition)"
            " WHERE e.view = 'sla' AND e.state = 'current'"
        ).fetchone()
        return read == (desk.store.head(),) and not alarms.due(connection, desk.store.now(), 1, closing={})
