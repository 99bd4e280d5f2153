"""A file that was handed in whole and waits for a ticket: what a decision may know of it."""

from uuid import UUID

import msgspec


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file by the id of its upload, which becomes that of the attachment; see ``AttachmentAdded`` for the rest."""

    upload: UUID
    name: str
    media_type: str
    length: int
    sha256: str
    key: str
    chunks: tuple[str, ...]
    stored: int
