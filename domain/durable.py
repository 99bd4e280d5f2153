"""Small files that are whole or as they were, also after a loss of power."""

import os
from pathlib import Path


def replace(path: Path, content: str | bytes) -> None:
    """Put a small file in place; once this returns it stays. Text is written as UTF-8."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Let the names in a folder be on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
