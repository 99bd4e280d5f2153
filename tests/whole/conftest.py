"""A desk as people start it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Acta = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `acta` with these arguments in the folder of a desk."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A desk that runs as `make run` runs it, in a folder of its own."""
    environment = {**os.environ, "ACTA_HOME": str(tmp_path), "ACTA_PORT": "0"}
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "run"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as desk:
        assert desk.stdout is not None
        said = ""
        for line in desk.stdout:
            said += line
            if "Stop with Ctrl-C" in line:
                break
        assert "Acta is at http" in said
        yield tmp_path
        desk.send_signal(signal.SIGTERM)
        desk.communicate()


@pytest.fixture
def acta() -> Acta:
    """The command line as a process of its own."""

    def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from deploy.cli import main; main()", *arguments]
        environment = {**os.environ, "ACTA_HOME": str(home)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run
