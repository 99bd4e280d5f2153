"""Service levels over an imported log: the view is what the streams give, and figures depend on nothing but them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machines import Broker, Databases
from sla_check import ASKED_IN, Way, configure, must_be_the_same_everywhere, must_equal_the_streams, sending

TESTS = Path(__file__).parents[1]
IMPORT = """
import sys
from pathlib import Path
from consumers.importing import import_servicenow
from desks import open_desk
with open_desk(sys.argv[1], configured=False) as desk:
    import_servicenow(desk, Path(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.kafka
def test_the_view_is_what_the_streams_give_wherever_and_however_it_was_filled(
    databases: Databases, kafka: Broker, topics: str, log: Path
) -> None:
    here, there = (imported(databases, log, zone) for zone in ("UTC", "Asia/Kathmandu"))
    with sending(here, {"bootstrap_servers": kafka.bootstrap}, f"{topics}sla"):
        ways = (
            Way("America/Sao_Paulo", bootstrap=kafka.bootstrap, topic=f"{topics}sla"),
            Way("Asia/Kathmandu", batch=7),
            Way("UTC"),
        )
        told = must_be_the_same_everywhere(here, ways)
    tickets, compared = must_equal_the_streams(here)
    assert compared >= 2 * tickets > 0
    told_there = must_be_the_same_everywhere(there, (Way("Asia/Kathmandu"),))
    shares = [name for name in told if name.startswith("(")]
    assert [told_there[name] for name in shares] == [told[name] for name in shares]
    for owner in (here, there):
        databases.drop(owner)


def imported(databases: Databases, log: Path, zone: str) -> str:
    """A desk under the three policies into which a process in this time zone has imported the log."""
    owner = databases.fresh()
    configure(owner)
    subprocess.run(
        [sys.executable, "-c", IMPORT, owner, str(log), ASKED_IN],
        env={**os.environ, "TZ": zone, "PGTZ": zone, "PYTHONPATH": str(TESTS)},
        cwd=TESTS.parent,
        check=True,
    )
    return owner
