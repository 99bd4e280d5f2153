"""The README as code: its shell blocks, and the table of settings that it must show."""

import re
from pathlib import Path

from deploy.settings import PREFIX, Settings

README = Path(__file__).parent.parent / "README.md"


def section(title: str) -> str:
    """The text of one section of the README."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README.read_text(), re.S | re.M)
    assert found is not None, title
    return found.group(1)


def blocks(title: str) -> list[tuple[str, str]]:
    """The shell blocks of a section, each with what stands behind ``sh``."""
    return re.findall(r"^```sh *(\w*)\n(.*?)^```", section(title), re.S | re.M)


def settings_table() -> str:
    """Every setting, its default and what it is for, as the README shows them."""
    lines = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, "", ()) else f"`{default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)
