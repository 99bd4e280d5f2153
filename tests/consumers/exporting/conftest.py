"""A desk with an imported history and with work done on it: everything an export has to tell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.exporting import Selection
from consumers.importing import import_servicenow
from desks import give, open_desk, opened
from domain.desk import Desk
from made_log import made_incidents, written


@pytest.fixture(scope="session")
def secrets() -> tuple[str, ...]:
    """What was written and how people are called: it must never be found in an export."""
    return ("Prosser", "petra@example", "xylophone", "Zanzibar", "Alice Archer", "bob@example.org")


@pytest.fixture(scope="module")
def desk(databases, database_template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    database = databases.fresh(database_template)
    with open_desk(database) as desk:
        _live(desk)
        rows = (row for incident in made_incidents(60) for row in incident)
        import_servicenow(desk, written(tmp_path_factory.mktemp("log") / "log.csv", rows), "Europe/Lisbon")
        yield desk
    databases.drop(database)


@pytest.fixture
def everything(desk: Desk) -> Selection:
    return Selection(head=desk.store.head())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def _live(desk: Desk) -> None:
    """Some work of every kind, with text that is personal."""
    petra = {"email": "petra@example.org", "name": "Petra Prosser", "tier": "gold"}
    vpn = str(opened(desk, title="A xylophone", requester=petra, tags=["vpn"], category='<&"\x01 \n>').number)
    other = str(opened(desk, department="hr", title="Zanzibar", requester=petra).number)
    third = str(opened(desk, title="Zanzibar again").number)
    give(desk, "assign", vpn, assignee="alice", reason="xylophone")
    give(desk, "reply", vpn, text="A xylophone in Zanzibar")
    give(desk, "note", vpn, text="A xylophone", mentions=["bob"])
    give(desk, "route", vpn, group="network")
    give(desk, "hold", vpn, reason="vendor", comment="xylophone")
    give(desk, "link", vpn, kind="relates", other=other)
    give(desk, "set-field", vpn, fields={"street": "Zanzibar Road", "floor": 3})
    give(desk, "watch", vpn, participant="bob")
    give(desk, "merge", third, into=vpn, reason="Zanzibar")
    give(desk, "resolve", vpn, code="fixed", notes="xylophone")
    give(desk, "transfer", other, department="it", reason="Zanzibar")
    give(desk, "cancel", other, reason="Zanzibar")
