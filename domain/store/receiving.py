"""Receiving: the bytes of one upload, as they come, become chunks that lie durably in their place.

At most two chunks' worth is in memory. A chunk is sealed as the last of its file when the file is said to be complete,
so what might still be the last is held back until it is known: in memory while bytes come, in the upload's row between.
"""

from hashlib import sha256
from typing import Any

from domain.errors import Altered, Refused, Unreachable, UploadIsComplete, UploadLengthWrong, UploadTooLarge
from domain.store.chunks import CHUNK_BYTES, address_of, open_chunk, path_of, seal_chunk
from domain.store.places import BYTES, Place
from domain.store.uploads import Upload, Uploads
from domain.ticket.content import must_be_as_declared


class Receiving:
    """Takes the bytes of one upload from where it stands; ``most`` is the greatest length of a file, in bytes.

    Fewer than ``least`` are not kept when it is paused: what makes no chunk yet is sealed and written anew each time.

    ``fill`` it until it is ``full``, then ``store``; at the end ``finish``, or ``pause`` when more is to come later.
    ``fill`` waits for nothing; the others write. Raises ``UploadIsComplete``.
    """

    def __init__(self, uploads: Uploads, place: Place, upload: Upload, most: int, least: int = 0) -> None:
        if upload.complete:
            raise UploadIsComplete(received=upload.received)
        self.upload = upload
        self._uploads = uploads
        self._place = place
        self._most = most
        self._worth_it = upload.received + least
        self._waiting = bytearray(upload.tail)
        # What was stored in an earlier life is read once more at the end.
        self._digest: Any = None if upload.chunks else sha256()

    @property
    def offset(self) -> int:
        """How many bytes of the file have come."""
        return len(self.upload.chunks) * CHUNK_BYTES + len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is a chunk that is certainly not the last."""
        return len(self._waiting) > CHUNK_BYTES or (
            len(self._waiting) == CHUNK_BYTES and self.upload.length is not None and self.offset < self.upload.length
        )

    def fill(self, piece: bytes) -> None:
        """Take a piece. Raises ``UploadLengthWrong`` or ``UploadTooLarge``: the upload must be given up then."""
        must_fit(self.upload, self.offset + len(piece), self._most)
        self._waiting += piece

    def store(self) -> None:
        """Store what makes chunks. Raises ``WrongOffset`` if somebody else goes on with the same upload.

        Raises ``ContentNotAsDeclared``, as the others do: the upload must be given up then.
        """
        while self.full:
            self._put(last=False)

    def pause(self) -> Upload:
        """Keep what has come, so that the upload can go on from where it stands then."""
        self.store()
        if self.offset >= self._worth_it:
            self.upload = self._uploads.keep_tail(self.upload, bytes(self._waiting))
        return self.upload

    def finish(self) -> Upload:
        """Make the file complete. Raises ``UploadLengthWrong`` if it is shorter than was said; it can go on then."""
        self.store()
        if self.upload.length is not None and self.offset != self.upload.length:
            self.pause()
            raise UploadLengthWrong(
                "There are fewer bytes than were announced; send the rest, or give the upload up.",
                length=self.upload.length,
                received=self.upload.received,
            )
        self._put(last=True)
        return self.upload

    def _put(self, *, last: bool) -> None:
        upload = self.upload
        plain = bytes(self._waiting[:CHUNK_BYTES])
        if not upload.chunks:
            must_be_as_declared(upload.media_type, plain)
            self._must_be_the_place()
        sealed = seal_chunk(upload.key, upload.upload, len(upload.chunks), last, plain)
        address = address_of(sealed)
        self._uploads.announce(upload, address)
        try:
            self._place.put(path_of(address), sealed, BYTES)
            if self._digest is not None:
                self._digest.update(plain)
            digest = self._whole(plain) if last else ""
            received = len(upload.chunks) * CHUNK_BYTES + len(plain)
            self.upload = self._uploads.count(upload, address, received, digest)
        except (Refused, Unreachable, Altered):
            # A place that is full has room for it no longer than it takes to say so.
            self._place.remove([path_of(address)])
            self._uploads.retract(upload, address)
            raise
        del self._waiting[: len(plain)]

    def _must_be_the_place(self) -> None:
        """Put nothing where a place was not mounted: it would not be seen again once that is."""
        try:
            self._place.must_be_there()
        except Unreachable:
            if self._uploads.any_attached():
                raise

    def _whole(self, last: bytes) -> str:
        """The SHA-256 of the whole file, of which this is the last chunk."""
        if self._digest is None:
            digest = sha256()
            for number, address in enumerate(self.upload.chunks):
                sealed = self._place.read(path_of(address))
                if sealed is None:
                    raise Altered("a part of an upload is missing")
                digest.update(open_chunk(self.upload.key, self.upload.upload, number, False, sealed))
            digest.update(last)
            self._digest = digest
        return str(self._digest.hexdigest())


def must_fit(upload: Upload, offset: int, most: int) -> None:
    """Refuse bytes up to ``offset`` where that is more than was announced, or than the desk takes."""
    if upload.length is not None and offset > upload.length:
        raise UploadLengthWrong("There are more bytes than were announced.", length=upload.length)
    if offset > most:
        raise UploadTooLarge(limit=most)
