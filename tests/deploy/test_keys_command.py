"""`acta keys issue`: who misspells a role or a department is told so, and nothing is recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from deploy.cli import cli
from desks import KEK, as_role, open_desk, prepare
from domain.errors import DepartmentNotFound
from machines import Prepare

Acta = Callable[..., Result]


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture
def acta(database: str, tmp_path: Path) -> Acta:
    (tmp_path / "kek").write_bytes(KEK)
    environment = {"ACTA_DATABASE_URL": as_role(database, "acta_app"), "ACTA_KEK_FILE": str(tmp_path / "kek")}
    return lambda *words: CliRunner().invoke(cli, ["keys", *words], env=environment)


def test_a_key_is_issued_for_a_role_and_a_department_that_there_are_and_for_no_others(acta: Acta, database: str):
    with open_desk(database) as desk:
        configured = desk.store.head()
    misspelt = acta("issue", "hr-software", "--role", "servic", "--department", "it")
    assert (misspelt.exit_code, "'service'" in misspelt.output) == (2, True), misspelt.output
    nowhere = acta("issue", "hr-software", "--role", "service", "--department", "nowhere")
    assert isinstance(nowhere.exception, DepartmentNotFound)
    assert str(nowhere.exception) == "There is no department nowhere; there is hr, it."
    with open_desk(database) as desk:
        assert desk.store.head() == configured
    assert acta("issue", "hr-software", "--role", "service", "--department", "it").output.startswith("acta_")
