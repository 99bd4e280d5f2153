"""Maps for imports: the ones that come with Acta are good, and a mistake in one is refused with its line."""

from pathlib import Path

import pytest

from deploy.cli_import import OWN_EXPORTS, read_map
from deploy.desk_file import DeskFileError

EXAMPLE = Path(__file__).parents[2] / "deploy" / "import.example.yaml"


def line_with(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize("path", [EXAMPLE, OWN_EXPORTS], ids=lambda path: path.name)
def test_the_maps_that_come_with_it_are_good(path: Path):
    assert read_map(path).case


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: oldhelp", "source: Old Help!", "source: String should match pattern"),
        ("case: Ticket", "cases: Ticket", "cases: Extra inputs are not permitted"),
        ("  Created: open", "  Created: opened", "activities.Created.act: Input should be 'open'"),
        ("  Viewed: ignore", "  Closed: ignore", "'Closed' stands here a second time"),
        ("{act: hold, reason: vendor}", "{act: hold}", "activities.Waiting for supplier: hold needs its reason"),
        ("{act: hold, reason: vendor}", "{act: hold, reason: lunch}", "activities.Waiting for supplier.reason"),
        ("{act: cancel}", "{act: cancel, reason: vendor}", "only hold has a reason"),
        ("Blocker: 1", "Blocker: 9", "'Blocker' must mean one of 1, 2, 3, 4, 5, not '9'"),
        ("  text: Comment", "  text: {column: Comment, empty: clear}", "only group, assignee, category and fields can"),
        ("  fields: {site: Site}", "  fields: {'\\t': Site}", "a field's name begins with a letter"),
        ("otherwise: refuse", "otherwise: guess", "otherwise: Input should be 'refuse', 'ignore' or 'update'"),
        ("# encoding: cp1252", "encoding: utf-16", "no encoding that can be read line by line"),
        ("  title: Subject", "  title: [Subject]", "columns.title"),
        ("actor: Who", "actor: {column: Who, sort: x}", "actor.sort: Extra inputs are not permitted"),
        ("id: Entry", "id: [", "expected"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str):
    text = EXAMPLE.read_text().replace(old, new)
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(DeskFileError) as why:
        read_map(path)
    line = line_with(text, new.splitlines()[0])
    if said != "expected":
        assert f"line {line}: " in str(why.value)
    assert said in str(why.value)


def test_words_of_the_file_are_taken_as_they_are_written(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_text(
        "source: x\ncase: 01\nactivity: 2\ntime: No\nactivities: {Yes: open, 01: close, 2026-01-01: note}\n"
    )
    by = read_map(path)
    assert (by.case, by.activity, by.time.column) == ("01", "2", "No")
    assert list(by.activities) == ["Yes", "01", "2026-01-01"]


def test_activities_without_their_column_are_refused(tmp_path: Path):
    text = EXAMPLE.read_text().replace("activity: Action", "#")
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(DeskFileError, match=f"line {line_with(text, 'activities:')}: activities: there is no column"):
        read_map(path)


def test_a_map_that_is_no_text_is_refused(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_bytes(b"source: x\ncase: \xff\n")
    with pytest.raises(DeskFileError, match="line 2: not valid UTF-8"):
        read_map(path)
