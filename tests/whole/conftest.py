"""A desk as people start it."""

import lzma
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from machines import tied
from made_log import made_incidents, written

REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "incident_event_log.csv.xz"
Acta = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `acta` with these arguments in the folder of a desk."""


@contextmanager
def running_in(home: Path) -> Iterator[None]:
    """A desk that runs as `make run` runs it, as long as the block."""
    environment = {**os.environ, "ACTA_HOME": str(home), "ACTA_PORT": "0"}
    command = tied([sys.executable, "-c", "from deploy.cli import main; main()", "run"], signal.SIGTERM)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as desk:
        assert desk.stdout is not None
        said = ""
        for line in desk.stdout:
            said += line
            if "Stop with Ctrl-C" in line:
                break
        assert "Acta is at http" in said, desk.communicate()[1]
        try:
            yield
        finally:
            desk.send_signal(signal.SIGTERM)
            desk.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A desk that runs in a folder of its own."""
    with running_in(tmp_path):
        yield tmp_path


@pytest.fixture
def run_desk() -> Callable[[Path], AbstractContextManager[None]]:
    """Runs a desk in a folder as long as a block, again and again."""
    return running_in


@pytest.fixture
def acta() -> Acta:
    """The command line as a process of its own."""

    def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from deploy.cli import main; main()", *arguments]
        environment = {**os.environ, "ACTA_HOME": str(home)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(params=["made", "real"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A made log with every oddity; and the first rows of the real one, where it is at hand."""
    path = tmp_path / "log.csv"
    if request.param == "made":
        return written(path, (row for incident in made_incidents(80) for row in incident))
    if not REAL_LOG.is_file():
        pytest.skip(f"THE REAL LOG IS NOT AT {REAL_LOG}: a made one only was imported")
    with lzma.open(REAL_LOG, "rt", encoding="utf-8") as real, path.open("w", encoding="utf-8") as part:
        part.writelines(islice(real, 1_001))
    return path
