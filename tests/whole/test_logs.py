"""`acta import csv`, `acta import xes`, `acta export …` beside a desk that runs."""

import subprocess
from collections.abc import Callable
from pathlib import Path

Acta = Callable[..., subprocess.CompletedProcess[str]]
MAP = """\
source: oldhelp
case: Ticket
activity: Action
time: When
columns:
  group: Team
activities:
  Created: open
  Closed: close
"""
LOG = """\
Ticket,Action,When,Team
A,Created,2026-03-02T08:00:00Z,First line
A,Exploded,2026-03-02T09:00:00Z,
A,Closed,2026-03-02T10:00:00Z,
"""


def test_a_log_goes_in_by_a_map_and_out_for_process_mining(home: Path, acta: Acta, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "log.csv").write_text(LOG)
    asked = ("import", "csv", "--map", str(tmp_path / "map.yaml"), str(tmp_path / "log.csv"))
    dry = acta(home, *asked, "--dry-run")
    assert dry.returncode == 1, dry.stderr
    assert "Nothing was recorded" in dry.stdout
    assert "Row 2 (line 3) of A refused: the activity 'Exploded' is not in the map." in dry.stdout
    assert acta(home, "export", "xes").stdout.count("<trace>") == 0
    real = acta(home, *asked)
    assert real.returncode == 1, real.stderr
    assert "Tickets opened 1, continued 0" in real.stdout
    (tmp_path / "map.yaml").write_text(MAP + "otherwise: ignore\n")
    wrong = acta(home, "import", "csv", "--map", str(tmp_path / "map.yaml"), str(tmp_path / "map.yaml"))
    assert wrong.returncode != 0
    out = acta(home, "export", "xes", "--output", str(tmp_path / "log.xes"), "--department", "it")
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "log.xes").read_text().count("<trace>") == 1
    assert '"id":"ticket:1"' in acta(home, "export", "ocel", "--from", "2026-03-02", "--to", "2026-03-03").stdout
    again = acta(home, "import", "xes", str(tmp_path / "log.xes"), "--dry-run")
    assert again.returncode == 0, again.stdout
    assert "Tickets opened 1, continued 0" in again.stdout


def test_a_map_that_does_not_fit_its_file_is_refused_with_its_line(home: Path, acta: Acta, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP.replace("group: Team", "group: Crew"))
    (tmp_path / "log.csv").write_text(LOG)
    asked = ("import", "csv", "--map", str(tmp_path / "map.yaml"), str(tmp_path / "log.csv"))
    told = acta(home, *asked)
    assert told.returncode == 1
    assert "line 6: columns.group: the file has no column 'Crew' (log.csv)" in " ".join(told.stdout.split())
    (tmp_path / "map.yaml").write_text(MAP.replace("time: When", "time: {column: When, zone: Mars}"))
    told = acta(home, *asked)
    assert told.returncode == 1
    assert "line 4: time.zone: 'Mars' is no time zone" in " ".join(told.stdout.split())
    nowhere = acta(home, "export", "xes", "--department", "nowhere")
    assert nowhere.returncode != 0
    assert "there is no department 'nowhere'" in " ".join(nowhere.stderr.split())
