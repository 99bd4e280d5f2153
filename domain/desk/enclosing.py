"""Enclosing: a file that comes within a request is stored like any other upload before the request is decided.

Storing waits for disks and networks, and so has threads of its own. Whoever dies in between leaves an upload that
expires; the request is stored and decided when it comes again.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event as Flag
from time import monotonic
from uuid import UUID

import msgspec

from domain.errors import (
    ContentNotAsDeclared,
    MediaTypeNotTaken,
    NotReadyYet,
    Unreachable,
    UploadNotFound,
    UploadTooLarge,
)
from domain.request.asking import Enclosed
from domain.store.clearing import clear
from domain.store.places import Place
from domain.store.receiving import Receiving
from domain.store.uploads import Uploads
from domain.ticket.content import must_be_as_declared
from domain.ticket.file import file_name, media_type

WAITS = timedelta(hours=1)
"""How long a file stays that nobody has taken: far longer than it takes to decide."""
AWAY_S = 1.0
"""For so long a place that could not be reached is not asked again, whoever waits for it."""
_THREADS = 4


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Which files a desk takes, of these media types and at most so many bytes, and the ``place`` where they lie.

    That is opened when the first comes: most processes take none.
    """

    place: Callable[[], Place]
    most_bytes: int
    types: tuple[str, ...]


class Enclosures:
    """Stores enclosed files; a desk that was told of no ``files`` waits for a place."""

    def __init__(self, uploads: Uploads, files: Files | None, now: Callable[[], datetime]) -> None:
        self._uploads = uploads
        self._files = files
        self._now = now
        self._away_until = 0.0
        self._closing = Flag()
        self._threads = ThreadPoolExecutor(_THREADS, "acta enclosing")

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """Do something on a thread that may wait; cancelled where the desk closes before. Raises ``NotReadyYet``."""
        try:
            return self._threads.submit(work)
        except RuntimeError:
            raise NotReadyYet("The desk is closing.") from None

    def must_be_taken(self, enclosed: Enclosed) -> None:
        """Refuse a file that this desk does not take."""
        if self._files is None:
            return
        try:
            kind = media_type(enclosed.media_type, self._files.types)
            must_be_as_declared(kind, enclosed.content)
        except MediaTypeNotTaken:
            raise MediaTypeNotTaken(field="body/media_type", known=sorted(self._files.types)) from None
        except ContentNotAsDeclared as refused:
            raise ContentNotAsDeclared(refused.detail, field="body/content") from None
        if len(enclosed.content) > self._files.most_bytes:
            raise UploadTooLarge(field="body/content", limit=self._files.most_bytes)

    def store(self, enclosed: Enclosed, holder: UUID) -> UUID:
        """Store a file durably; the id of its upload. Raises ``Unreachable``, and leaves nothing then."""
        if self._files is None:
            raise Unreachable("no place of files is named")
        # Whoever is refused comes again at once.
        self._closing.wait(self._away_until - monotonic())
        now = self._now()
        upload = self._uploads.begin(
            holder,
            file_name(enclosed.name),
            media_type(enclosed.media_type, self._files.types),
            len(enclosed.content),
            now,
            now + WAITS,
            limited=False,
        )
        receiving = Receiving(self._uploads, self._files.place(), upload, self._files.most_bytes)
        try:
            receiving.fill(enclosed.content)
            receiving.finish()
        except Unreachable:
            self._away_until = monotonic() + AWAY_S
            self._uploads.give_up(upload.upload, holder, self._now())
            raise
        return upload.upload

    def give_up(self, upload: UUID, holder: UUID) -> None:
        """Remove a file that was not taken."""
        assert self._files is not None
        now = self._now()
        with suppress(UploadNotFound, Unreachable):
            self._uploads.give_up(upload, holder, now)
            clear(self._uploads, self._files.place(), now)

    def close(self) -> None:
        """Store what was begun, and nothing more."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
