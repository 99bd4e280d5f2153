"""A past moment is answered alike by all who are asked: a ticket, the list of clocks, the stream of events."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.importing import import_servicenow
from domain.clock.asking import clocks_of
from domain.clock.clocks import elapsed, verdict
from domain.clock.configured import Configured
from made_log import made_incidents, written

STATUSES = "running,paused,breached,met"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def imported(house, tmp_path: Path):
    """A desk under a service level into which another desk's history was imported, with its real times."""
    log = written(tmp_path / "log.csv", (row for incident in made_incidents(30) for row in incident))
    import_servicenow(house.desk, log, "America/Sao_Paulo")
    house.catch_up()
    return house


def test_a_past_moment_is_answered_alike_by_ticket_list_and_stream(imported, alice):
    desk, policies = imported.desk, Configured(imported.desk.setup)
    histories = [
        desk.history(event.stream) for page in desk.pages(0, 500, types=["ticket.opened.v1"]) for event in page
    ]
    dice = random.Random(3)
    for history in dice.sample(histories, 10):
        number = history[0].number
        for event in dice.sample(history, min(2, len(history))):
            moment = event.effective_at + dice.choice((0, 7, 600)) * MINUTE
            known = [event for event in history if event.effective_at <= moment]
            told = {
                (str(clock.kind), clock.instance): (
                    str(clock.stage),
                    str(verdict(clock, moment)),
                    elapsed(clock, moment, policies) / MINUTE,
                )
                for clock in clocks_of(known, policies)
            }
            assert told
            answer = alice.get(f"/tickets/{number}/clocks", params={"at": moment.isoformat()})
            assert answer.status_code == 200, answer.text
            explained = [clock["explanation"] for clock in answer.json()["clocks"]]
            assert told == {
                (one["kind"], one["instance"]): (one["stage"], one["verdict"], one["elapsed_minutes"])
                for one in explained
            }
            listed = alice.get("/sla/clocks", params={"at": moment.isoformat(), "status": STATUSES, "limit": 1000})
            assert listed.status_code == 200, listed.text
            rows = {
                (row["clock"], row["instance"]): (row["stage"], row["verdict"], row["elapsed_minutes"])
                for row in listed.json()["clocks"]
                if row["number"] == number
            }
            judged = {name: figure for name, figure in told.items() if figure[1] != "none"}
            assert rows == judged
