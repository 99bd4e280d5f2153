"""What is released: a wheel with all that a desk needs, out of which the contract is written as it is served."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from jsonschema import Draft7Validator

from consumers.asyncapi import schemas
from deploy import wiring
from deploy.settings import read

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "api", "consumers", "deploy")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this version, unpacked."""
    source, unpacked = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source)
    build = "pip wheel --quiet --no-deps --no-build-isolation --disable-pip-version-check --wheel-dir dist ."
    subprocess.run([sys.executable, "-m", *build.split()], cwd=source, check=True)
    (made,) = (source / "dist").glob("acta-*.whl")
    with ZipFile(made) as archive:
        archive.extractall(unpacked)
    return unpacked


def written_by(wheel: Path, folder: Path, **environment: str) -> dict[str, bytes]:
    """What `acta contract` of the wheel writes, where nothing else of this repository is."""
    program = "import deploy.cli, sys; assert sys.argv[3] in deploy.cli.__file__; del sys.argv[3:]; deploy.cli.main()"
    subprocess.run(
        [sys.executable, "-c", program, "contract", f"--to={folder}", str(wheel)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(wheel), **environment},
        cwd=folder.parent,
        check=True,
    )
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.json")}


def test_the_wheel_writes_the_contract_that_this_version_serves(wheel: Path, tmp_path: Path) -> None:
    files = written_by(wheel, tmp_path / "contract", ACTA_DOORS="it", ACTA_DOOR_TOPICS="desk")
    serves = wiring.contract(read({"ACTA_DOORS": "it", "ACTA_DOOR_TOPICS": "desk"}))
    assert {name: json.loads(said) for name, said in files.items()} == json.loads(json.dumps(serves, default=str))
    assert {"asyncapi.json", "openapi.json", "schemas/request.open.v1.json", "schemas/outcome.refused.v1.json"} <= set(
        files
    )


def test_the_wheel_holds_every_file_that_is_no_program_either(wheel: Path) -> None:
    kept = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix in {".sql", ".yaml", ".html", ".properties", ".xml"}
    }
    assert {name for name in kept if not (wheel / name).is_file()} == set()


def test_without_departments_the_doors_are_described_for_any() -> None:
    channels = wiring.contract(read({}))["asyncapi.json"]["channels"]
    assert channels["requests"]["parameters"] == {"department": {"description": "The department."}}
    assert channels["requests"]["address"] == "acta.requests.{department}"


def test_each_schema_needs_no_other_file() -> None:
    files = wiring.contract(read({}))
    for name, schema in schemas(files["asyncapi.json"]).items():
        assert files[f"schemas/{name}.json"] == schema
        Draft7Validator.check_schema(schema)
    opening = Draft7Validator(files["schemas/request.open.v1.json"])
    assert opening.is_valid({"title": "A laptop"})
    assert not opening.is_valid({"title": "A laptop", "requester": {"colour": "blue"}})
