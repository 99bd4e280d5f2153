"""Where files lie: a folder, or a bucket of an S3-compatible store.

Whatever is put there is whole or not there, and stays once ``put`` has returned.
"""

import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from domain.durable import replace, sync_folder
from domain.errors import Unreachable

TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
_REMOVED_AT_ONCE = 16
"""From a bucket: removing one is waiting, mostly."""


class Place(Protocol):
    """A place for files by path. Every method raises ``Unreachable`` while it cannot be reached."""

    def read(self, path: str) -> bytes | None:
        """A file's content; None if there is none."""

    def put(self, path: str, content: bytes, kind: str) -> None:
        """Put a file, or replace it; ``kind`` is its media type."""

    def missing(self, paths: Collection[str]) -> set[str]:
        """Those of ``paths`` where there is no file."""

    def remove(self, paths: Collection[str]) -> None:
        """Remove files, also those put in part when somebody died; one that is not there does not matter."""

    def must_be_there(self) -> None:
        """Raise ``Unreachable`` if this may not be the place at all, so that nothing is taken for gone over it."""

    def forget(self, folder: str) -> None:
        """Remove a folder with all that is in it; one that is not there does not matter."""


def place_at(address: str) -> Place:
    """The place of an address: a folder's path, or ``s3://bucket/prefix?endpoint_override=host:port&scheme=https``.

    The keys of a bucket are found where AWS' own tools look for them, such as ``AWS_ACCESS_KEY_ID``. Raises
    ``ValueError`` for an address that cannot be meant.
    """
    return Bucket(address) if address.startswith("s3://") else Directory(Path(address))


class Directory:
    """A folder on a disk, which a web server can serve as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, path: str) -> bytes | None:
        try:
            return (self._path / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise Unreachable(f"{self._path} cannot be read ({fault.strerror})") from None

    def put(self, path: str, content: bytes, kind: str) -> None:
        place = self._path / path
        try:
            _make(place.parent)
            replace(place, content)
        except OSError as fault:
            raise Unreachable(f"{self._path} cannot be written ({fault.strerror})") from None

    def missing(self, paths: Collection[str]) -> set[str]:
        return {path for path in paths if not (self._path / path).is_file()}

    def remove(self, paths: Collection[str]) -> None:
        try:
            for path in paths:
                place = self._path / path
                for file in (place.with_name(f"{place.name}.new"), place):
                    file.unlink(missing_ok=True)
            for folder in {(self._path / path).parent for path in paths}:
                with suppress(FileNotFoundError):
                    sync_folder(folder)
        except OSError as fault:
            raise Unreachable(f"{self._path} cannot be written ({fault.strerror})") from None

    def must_be_there(self) -> None:
        try:
            # Where anything was ever put, its folder stays; one that was not mounted has none.
            if any(self._path.iterdir()):
                return
        except OSError as fault:
            raise Unreachable(f"{self._path} cannot be read ({fault.strerror})") from None
        raise Unreachable(f"{self._path} is empty, as if it were not mounted")

    def forget(self, folder: str) -> None:
        shutil.rmtree(self._path / folder, ignore_errors=True)


def _make(folder: Path) -> None:
    """Make a folder that stays, with those above it."""
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


class Bucket:
    """A bucket; each file is an object, put whole by one request."""

    def __init__(self, address: str) -> None:
        from pyarrow import fs  # takes a second and much memory, which nobody pays who has a folder

        address += "&" if "?" in address else "?"
        self._files: Any
        self._files, self._prefix = fs.FileSystem.from_uri(f"{address}allow_delayed_open=true")
        if not self._prefix:
            raise ValueError("it names no bucket")
        self._is_missing = fs.FileType.NotFound

    def read(self, path: str) -> bytes | None:
        with _reaching(self._prefix):
            try:
                with self._files.open_input_file(f"{self._prefix}/{path}") as file:
                    return bytes(file.read())
            except FileNotFoundError:
                return None

    def put(self, path: str, content: bytes, kind: str) -> None:
        with (
            _reaching(self._prefix),
            self._files.open_output_stream(f"{self._prefix}/{path}", metadata={"Content-Type": kind}) as file,
        ):
            file.write(content)

    def missing(self, paths: Collection[str]) -> set[str]:
        asked = list(paths)
        with _reaching(self._prefix):
            found = self._files.get_file_info([f"{self._prefix}/{path}" for path in asked])
        return {path for path, one in zip(asked, found, strict=True) if one.type == self._is_missing}

    def remove(self, paths: Collection[str]) -> None:
        # The library removes many at once only by folder, and asks several times for each.
        with _reaching(self._prefix), ThreadPoolExecutor(_REMOVED_AT_ONCE) as threads:
            for _ in threads.map(self._remove, paths):
                pass

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._files.delete_file(f"{self._prefix}/{path}")

    def must_be_there(self) -> None:
        with _reaching(self._prefix):
            self._files.get_file_info(self._prefix)

    def forget(self, folder: str) -> None:
        with _reaching(self._prefix):
            if self._files.get_file_info(f"{self._prefix}/{folder}").type != self._is_missing:
                self._files.delete_dir(f"{self._prefix}/{folder}")


@contextmanager
def _reaching(prefix: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        # Its text may quote an address with a key in it.
        raise Unreachable(f"the bucket of {prefix} cannot be reached ({type(fault).__name__})") from None
