"""Signing PINs: the digest opens to the PIN it was made of, and to nobody without the desk's secret."""

from hmac import digest as keyed

import pytest

from domain.access import pins


def blind(*parts: str) -> bytes:
    return keyed(b"the desk's secret", "|".join(parts).encode(), "sha256")


def blind_elsewhere(*parts: str) -> bytes:
    return keyed(b"another secret", "|".join(parts).encode(), "sha256")


@pytest.fixture(scope="module")
def kept() -> str:
    return pins.digest("740 211", "alice", blind)


def test_only_the_pin_itself_fits(kept: str):
    assert pins.fits("740 211", "alice", kept, blind)
    for wrong in ("740211", "740 212", "", "740 211 "):
        assert not pins.fits(wrong, "alice", kept, blind)


def test_it_fits_its_holder_and_this_desk_only(kept: str):
    assert not pins.fits("740 211", "bob", kept, blind)
    assert not pins.fits("740 211", "alice", kept, blind_elsewhere)


def test_the_same_pin_is_kept_differently_each_time(kept: str):
    assert pins.digest("740 211", "alice", blind) != kept
    assert "740" not in kept.split("$")
