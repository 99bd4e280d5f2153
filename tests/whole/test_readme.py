"""The README is true: its tour runs, its settings are the settings."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path

from typer.testing import CliRunner

import readme
from consuming import until
from deploy.cli import cli


def test_the_tour_runs_as_it_stands_in_the_readme(home: Path):
    tour = readme.blocks("Five minutes with curl")
    assert len(tour) >= 6
    preface = tour[0][1]
    refused = 0
    for kind, block in tour[1:]:
        run = subprocess.run(
            ["bash", "-ec", preface + block],
            env={**os.environ, "ACTA_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if kind == "refused":
            refused += 1
            assert json.loads(run.stdout)["possible"]
        else:
            assert run.returncode == 0, run.stdout + run.stderr
    assert refused == 1


def test_the_transparency_log_is_read_as_the_readme_says(home: Path):
    until((home / "ledger" / "checkpoint").exists)
    ((_, preface), *_) = readme.blocks("Five minutes with curl")
    ((_, block),) = readme.blocks("The transparency log")
    environment = {**os.environ, "ACTA_HOME": str(home)}
    run = subprocess.run(["bash", "-ec", preface + block], env=environment, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n\n\u2014 acta.local/record ".encode() in run.stdout
    assert b'"position":1,' in run.stdout


def test_evidence_is_made_as_the_readme_says_and_holds(home: Path):
    (_, preface), (_, opening), *_ = readme.blocks("Five minutes with curl")
    ((_, block),) = readme.blocks("Evidence")
    environment = {**os.environ, "ACTA_HOME": str(home)}
    script = f"{preface}{opening}{block}"
    run = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    made = CliRunner().invoke(cli, ["bundle", "1", "--out", str(home / "1.zip")], env=environment)
    assert made.exit_code == 0, made.output
    for bundle in (home / "evidence-1.zip", home / "1.zip"):
        told = CliRunner().invoke(cli, ["verify-bundle", str(bundle)])
        assert told.output.startswith("VALID: ticket #1"), told.output


def test_who_looked_is_asked_as_the_readme_says(home: Path):
    (_, preface), (_, opening), *_ = readme.blocks("Five minutes with curl")
    ((_, block),) = readme.blocks("Who looked")
    environment = {**os.environ, "ACTA_HOME": str(home)}
    script = f"{preface}{opening}ask $desk/tickets/1\n{block}"
    run = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert '"outside":' in run.stdout
    # The answer was recorded before it left; the view shows it a moment later.
    until(lambda: "get-ticket" in CliRunner().invoke(cli, ["looked", "1"], env=environment).output)
    rows = CliRunner().invoke(cli, ["looked", "1", "--csv"], env=environment).output.splitlines()
    first = next(csv.DictReader(rows))
    assert (first["operation"], first["named"], first["allowed"]) == ("get-ticket", "1", "True")


def test_only_the_owner_can_read_where_the_key_stands(home: Path):
    assert (home / "run.json").stat().st_mode & 0o077 == 0
    assert (home / "kek").stat().st_mode & 0o077 == 0
    assert (home / "ledger.key").stat().st_mode & 0o077 == 0


def test_every_setting_stands_in_the_readme_with_its_default():
    assert readme.settings_table() in readme.section("Settings")


def test_every_command_that_the_readme_names_exists():
    called = (command.name or command.callback.__name__ for command in cli.registered_commands if command.callback)
    known = {name.replace("_", "-") for name in called} | {group.name for group in cli.registered_groups}
    named = set(re.findall(r"`acta ([a-z]+(?:-[a-z]+)*)", readme.README.read_text()))
    assert named <= known
