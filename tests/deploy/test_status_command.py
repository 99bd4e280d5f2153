"""`acta status` says what waits to be erased, and until when it has waited, until it is carried out."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import cli
from desks import ACT, KEK, as_role, give, open_desk, prepare
from domain.desk.forgetting import erase
from machines import Prepare


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


def test_status_says_how_many_orders_to_erase_wait(database: str, tmp_path: Path) -> None:
    (tmp_path / "kek").write_bytes(KEK)
    environment = {
        "ACTA_HOME": str(tmp_path / "home"),
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_PROJECTOR_DATABASE_URL": as_role(database, "acta_projector"),
        "ACTA_KEK_FILE": str(tmp_path / "kek"),
    }

    def said() -> str:
        run = CliRunner().invoke(cli, ["status"], env=environment)
        assert run.exit_code == 0, (run.output, run.exception)
        return run.output

    with open_desk(database) as desk:
        petra = {"email": "petra@example.org", "name": "Petra Prosser"}
        ticket = give(desk, "open", department="it", title="VPN drops", requester=petra).ticket
        assert "acta eraser" not in said()
        erase(desk, desk.ticket(ticket).requester, "GDPR Art. 17(1)(b)", ACT)
        assert "1 to erase, ordered since " in said()
