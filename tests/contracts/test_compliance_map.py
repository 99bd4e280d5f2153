"""The compliance map claims nothing that no test or command shows."""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from deploy.cli import cli

ROOT = Path(__file__).parents[2]
MAP = ROOT / "projections" / "ledger" / "README.md"
RULES = (
    "21 CFR 11.10(e)",
    "21 CFR 11.50",
    "21 CFR 11.70",
    "SEC 17a-4(f)",
    "HIPAA 164.312(b)",
    "HIPAA 164.312(c)",
    "PCI DSS 10",
    "GDPR 5",
    "GDPR 15",
    "GDPR 17",
    "GDPR 30",
    "ISO 27001 A.8.15",
    "DORA",
)


def rows() -> list[list[str]]:
    """The map, cell by cell: rule, what it asks for, what answers, what shows it, what remains with the operator."""
    section = MAP.read_text(encoding="utf-8").split("## The compliance map", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


ROWS = rows()
CITED = sorted({test for row in ROWS for test in re.findall(r"`(tests/[^`]+)`", row[3])})
COMMANDS = sorted({words for row in ROWS for words in re.findall(r"`acta ([a-z-]+(?: [a-z][a-z-]*)*)", row[3])})


def test_every_rule_has_its_row() -> None:
    named = {row[0] for row in ROWS}
    assert [rule for rule in RULES if rule not in named] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1][:40]}")
def test_every_row_says_what_is_asked_what_answers_what_shows_it_and_what_remains(row: list[str]) -> None:
    assert len(row) == 5
    assert all(row)
    assert re.search(r"`(tests/|acta |make )", row[3])


@pytest.mark.parametrize("cited", CITED)
def test_every_test_that_is_cited_exists(cited: str) -> None:
    path, _, name = cited.partition("::")
    module = ROOT / path
    assert module.is_file()
    if name:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_cited_exists(command: str) -> None:
    found = get_command(cli)
    for word in command.split():
        commands = getattr(found, "commands", None)
        assert word in (commands or ()), command
        found = commands[word]
