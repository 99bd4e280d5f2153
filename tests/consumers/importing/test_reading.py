"""Reading a log: formats, headers, rows that cannot be read, and local times that never were or were twice."""

import bz2
import gzip
import lzma
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.importing import NotThisLayout, import_servicenow
from consumers.importing.gathering import gathered
from consumers.importing.records import Unreadable
from consumers.importing.servicenow.layout import COLUMNS
from consumers.importing.servicenow.log import local_times
from consumers.importing.servicenow.reading import Row, rows_of
from desks import open_desk
from made_log import Incident, written

ROWS = Incident("INC0000001").state("Active").state("Resolved").state("Closed").finished()
LISBON = "Europe/Lisbon"


def read(path: Path, zone: str = LISBON) -> list[Row | Unreadable]:
    return list(rows_of(path, local_times(zone)))


def reasons(path: Path) -> dict[int, str]:
    return {row.row: row.reason for row in read(path) if isinstance(row, Unreadable)}


@pytest.mark.parametrize("ending", [".csv", ".csv.xz", ".csv.gz", ".csv.bz2", ".zip"])
def test_a_log_is_the_same_however_it_is_packed(tmp_path: Path, ending: str):
    plain = written(tmp_path / "log.csv", ROWS)
    packed = tmp_path / f"packed{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(plain, "log.csv")
    else:
        pack = {".csv": bytes, ".csv.xz": lzma.compress, ".csv.gz": gzip.compress, ".csv.bz2": bz2.compress}[ending]
        packed.write_bytes(pack(plain.read_bytes()))
    assert read(packed) == read(plain)
    assert len(read(packed)) == 4


def test_columns_may_stand_in_another_order(tmp_path: Path):
    plain = written(tmp_path / "log.csv", ROWS)
    lines = [line.split(",") for line in plain.read_text().splitlines()]
    (tmp_path / "turned.csv").write_text("\ufeff" + "\n".join(",".join(reversed(line)) for line in lines))
    assert read(tmp_path / "turned.csv") == read(plain)


@pytest.mark.parametrize("header", ["", "number,state", ",".join((*COLUMNS, "more")), ",".join((*COLUMNS[1:], "x"))])
def test_a_header_of_another_layout_is_refused(tmp_path: Path, header: str):
    (tmp_path / "log.csv").write_text(header + "\n")
    with pytest.raises(NotThisLayout, match="36 columns"):
        read(tmp_path / "log.csv")


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / "log.xlsx").write_bytes(b"PK")
    (tmp_path / "log.zip").write_bytes(b"nothing")
    for name in ("log.xlsx", "log.zip"):
        with pytest.raises(NotThisLayout):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Phone", "Pho,ne"), "37 columns"),
        (("Phone", "Pho\udcffne"), "not valid UTF-8"),
        (("2/5/2016 08:20", "31/2/2016 08:20"), "sys_updated_at is no time"),
        (("2/5/2016 08:20", "2016-05-02 08:20"), "sys_updated_at is no time"),
        (("2/5/2016 08:20", "?"), "must be given"),
        (("Active", "Pending"), "incident_state is neither"),
        (("Caller 2403", "Caller" * 40), "longer than 200"),
        (("Do Not Notify", '"' + "x" * 200_000 + '"'), "field larger"),
    ],
)
def test_a_row_that_cannot_be_read_is_reported_and_the_others_are_read(tmp_path: Path, change, reason: str):
    plain = written(tmp_path / "log.csv", ROWS)
    lines = plain.read_bytes().decode().splitlines(keepends=True)
    lines[2] = lines[2].replace(*change)
    plain.write_bytes("".join(lines).encode(errors="surrogateescape"))
    assert reason in reasons(plain)[2]
    assert len(read(plain)) == 4
    assert len(reasons(plain)) == 1


def test_what_was_done_about_an_unreadable_row_is_said(database: str, tmp_path: Path):
    plain = written(tmp_path / "log.csv", [*ROWS, *Incident("INC0000002").finished()])
    lines = plain.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("Phone", "Pho,ne")
    lines[5] = lines[5].replace("Phone", "Pho,ne")
    lines.append("?,?\n")
    plain.write_text("".join(lines))
    with open_desk(database, configured=False) as desk:
        report = import_servicenow(desk, plain, LISBON)
    assert report.is_whole
    assert [(it.row, it.line, it.incident, it.done[:50]) for it in report.refused] == [
        (2, 3, "INC0000001", "The row was left out; the incident's other rows we"),
        (5, 6, "INC0000002", "The row was left out, and its incident with it: no"),
        (6, 7, "", "The row was left out; which incident it belongs to"),
    ]
    assert report.opened == 1


def test_a_time_that_never_was_is_read_as_if_clocks_had_stayed():
    times = local_times(LISBON)
    assert times.utc("27/3/2016 01:30", 7, "sys_updated_at") == datetime(2016, 3, 27, 1, 30, tzinfo=UTC)
    (problem,) = times.problems
    assert (problem.row, problem.column, problem.kind) == (7, "sys_updated_at", "impossible")
    assert "put forward" in problem.rule


def test_a_time_that_was_twice_is_read_as_the_first():
    times = local_times(LISBON)
    assert times.utc("30/10/2016 01:30", 7, "sys_updated_at") == datetime(2016, 10, 30, 0, 30, tzinfo=UTC)
    assert [problem.kind for problem in times.problems] == ["ambiguous"]


def test_an_ordinary_time_needs_no_rule():
    times = local_times(LISBON)
    assert times.utc("9/8/2016 09:05", 1, "sys_updated_at") == datetime(2016, 8, 9, 8, 5, tzinfo=UTC)
    assert times.utc("", 1, "resolved_at") is None
    assert times.problems == []


def test_rows_of_an_incident_come_together_in_bounded_memory(tmp_path: Path):
    rows = [row for row in read(written(tmp_path / "log.csv", ROWS)) if isinstance(row, Row)]
    other = list(read(written(tmp_path / "b.csv", Incident("INC2").update().finished())))
    mixed = [rows[0], other[0], rows[1], other[1], rows[2], rows[3]]
    assert [len(run) for run in gathered(mixed)] == [2, 4]
    runs = list(gathered(mixed, window=2))
    assert [len(run) for run in runs] == [1, 2, 1, 2]
    assert [row for run in runs for row in run if row.number == "INC2"] == other


@pytest.mark.parametrize("zone", ["localtime", "Lisbon", "../Lisbon", "Europe", ""])
def test_a_zone_that_the_iana_database_does_not_have_is_none(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        local_times(zone)
