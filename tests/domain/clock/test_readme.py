"""The example of the clock's README does what it shows."""

from pathlib import Path

import pytest

import domain.clock


def test_the_example_runs_and_explains(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(str(domain.clock.__file__)).with_name("README.md").read_text(encoding="utf-8")
    (code,) = (block.split("```")[0] for block in text.split("```python\n")[1:])
    exec(code, {})
    assert capsys.readouterr().out.startswith("Resolution: running, 4:00 of 8:00, 4:00 left")
