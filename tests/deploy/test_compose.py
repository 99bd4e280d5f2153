"""The Compose file and the image say the same as the rest of the repository."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.broker import version

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_every_image_is_pinned_by_version(service):
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", COMPOSE["services"][service]["image"])


def test_the_image_of_the_product_is_built_on_a_pinned_version():
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base) for base in bases)


def test_the_broker_is_the_one_the_tests_run_against():
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{version()}"


def test_only_the_migration_knows_the_owner_of_the_database():
    knowing = {name for name, service in COMPOSE["services"].items() if "OWNER_DATABASE" in str(service)}
    assert knowing == {"migrate"}


def test_no_secret_is_written_down():
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.findall(r"(?:PASSWORD|KEK): (?!\$\{)\S+", text)
    assert not re.findall(r"://\w+:(?!\$\{)[^@\s]+@", text)


def test_nothing_is_published_beyond_this_machine():
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
