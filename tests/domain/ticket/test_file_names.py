"""Names of files: whatever is given, what is kept names a file and nothing else."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.ticket.file import LONGEST_NAME, file_name


@settings(max_examples=1000)
@example("0 \x1b 0")
@example("con .txt")
@example("e\u200b\u0301")
@given(st.text(max_size=400) | st.text("./\\:. \u202e\u200b\x00aé", max_size=400))
def test_a_name_is_harmless_whatever_is_given(text: str) -> None:
    name = file_name(text)
    assert 0 < len(name) <= LONGEST_NAME
    assert len(name.encode()) <= 200
    assert not set(name) & set('/\\<>:"|?*')
    assert name not in (".", "..")
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for one in name)
    assert name == name.strip()
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd", "passwd"),
        ("C:\\temp\\NUL", "_NUL"),
        (f"{'x' * 400}.tar.gz", f"{'x' * 147}.gz"),
        (f"{'ü' * 150}.txt", f"{'ü' * 98}.txt"),
        (".profile", "profile"),
        ("con .txt", "_con.txt"),
        ("", "file"),
        ("\u202e\u200b", "file"),
    ],
)
def test_a_name_is_kept_as_far_as_it_names_a_file(given: str, kept: str) -> None:
    assert file_name(given) == kept
