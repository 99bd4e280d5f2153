"""`acta keys rotate`: where the new key must be before anything is changed, and what is said when it is not there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import cli
from desks import KEK, as_role, open_desk, opened, prepare
from domain.desk import Desk
from domain.store.keyring import KeyRing, kek_id

NEW = bytes(range(100, 132))


@pytest.fixture
def given(database: str, tmp_path: Path) -> dict[str, str]:
    prepare(database)
    with open_desk(database) as desk:
        opened(desk, requester={"email": "petra@example.org"})
    return {
        "ACTA_HOME": str(tmp_path),
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_OWNER_DATABASE_URL": database,
    }


def rotate(given: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(cli, ["keys", "rotate", *words], env=given)


def a_key(path: Path, *keys: bytes) -> Path:
    path.write_text("".join(f"{key.hex()}\n" for key in keys))
    path.chmod(0o640)
    return path


def test_the_new_key_goes_before_the_old_one_into_the_file_that_keeps_its_mode(given: dict[str, str], tmp_path: Path):
    file = a_key(tmp_path / "key", KEK)
    done = rotate(given | {"ACTA_KEK_FILE": str(file)}, "--new-kek-file", str(tmp_path / "new"))
    assert done.exit_code == 0, done.exception
    drawn = (tmp_path / "new").read_bytes()
    assert file.read_text() == f"{drawn.hex()}\n{KEK.hex()}\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert kek_id(drawn) in done.output
    assert drawn.hex() not in done.output


def test_where_the_key_is_in_no_file_it_is_said_what_to_do_and_nothing_is_changed(
    given: dict[str, str], database: str, tmp_path: Path
):
    new = a_key(tmp_path / "new", NEW)
    for variable, value in (("ACTA_KEK", KEK.hex()), ("ACTA_KEK_COMMAND", f"echo {KEK.hex()}")):
        refused = rotate(given | {variable: value}, "--new-kek-file", str(new))
        assert str(refused.exception).startswith(f"{variable}: put the new key before the old one there")
    with open_desk(database) as desk:
        assert desk.keys.ring.ids == (kek_id(KEK),)


def test_both_keys_in_the_environment_are_enough(given: dict[str, str], database: str):
    both = given | {"ACTA_KEK": f"{NEW.hex()} {KEK.hex()}"}
    assert rotate(both).exit_code == 0
    assert rotate(both).exit_code == 0
    desk = Desk(as_role(database, "acta_app"), KeyRing(lambda: (NEW,)))
    try:
        desk.keys.must_be_openable()
    finally:
        desk.close()


def test_with_one_key_there_is_nothing_to_change(given: dict[str, str]):
    refused = rotate(given | {"ACTA_KEK": KEK.hex()})
    assert str(refused.exception) == "ACTA_KEK: holds one key only; name the new one in --new-kek-file."
