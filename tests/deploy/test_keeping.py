"""What one process keeps at once ends at once, with what went wrong; a mirror that cannot be is said at the start."""

from pathlib import Path
from threading import Event as Flag

import pytest

from consumers.loop import Halted
from deploy.keeping import how_far, together
from deploy.settings import SettingsError, read


def test_when_one_of_several_halts_all_end_and_its_error_is_raised() -> None:
    ended = Flag()

    def halt(stop: Flag) -> None:
        raise Halted("a person must look")

    def go_on(stop: Flag) -> None:
        stop.wait()
        ended.set()

    with pytest.raises(Halted, match="a person must look"):
        together([go_on, halt], Flag())
    assert ended.is_set()


def test_all_end_when_they_are_told_to() -> None:
    stop, ended = Flag(), list[str]()
    stop.set()

    def go_on(stop: Flag) -> None:
        stop.wait()
        ended.append("ended")

    together([go_on, go_on], stop)
    assert ended == ["ended", "ended"]


@pytest.mark.parametrize("address", ["s3://", "s3://bucket/x?nonsense=1"])
def test_an_address_that_cannot_be_a_mirror_is_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="ACTA_LEDGER_MIRROR"):
        how_far(read({"ACTA_HOME": str(tmp_path), "ACTA_LEDGER_MIRROR": address}))


def test_before_there_is_a_log_everybody_is_at_the_beginning(tmp_path: Path) -> None:
    settings = read({"ACTA_HOME": str(tmp_path), "ACTA_LEDGER_MIRROR": str(tmp_path / "mirror")})
    assert how_far(settings) == {"ledger": 0, "mirror": 0}
