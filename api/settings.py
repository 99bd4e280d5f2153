"""What the HTTP edge can be told; the composition root reads it from wherever it likes."""

from pathlib import Path

import msgspec

from domain.record.cosignature import Witness
from domain.store.places import Directory, Place

TYPES_TAKEN = (
    "application/gzip",
    "application/json",
    "application/msword",
    "application/octet-stream",
    "application/pdf",
    "application/rtf",
    "application/vnd.*",
    "application/x-7z-compressed",
    "application/x-tar",
    "application/xml",
    "application/zip",
    "audio/*",
    "image/*",
    "message/rfc822",
    "text/*",
    "video/*",
)
"""Media types of files that are taken unless it is said otherwise; ``domain.ticket.content`` says what is looked at."""


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and pauses of the HTTP edge.

    ``head_seconds`` and ``body_seconds`` are how long the two parts of a request may take to arrive;
    ``wait_seconds`` is how long a read waits for a view to reach
    ``wait_for``; ``heartbeat_seconds`` the pause after which a silent event stream says that it lives; ``poll_seconds``
    how often the store is asked for news; ``setup_seconds`` how old the configuration may be that grants are read from;
    ``sign_in_seconds`` how long ago a signer may have signed in at the issuer; ``ledger`` the folder of the
    transparency log, if there is one; ``witnesses`` whose cosignatures are taken, and ``cosignatures`` the folder in
    which they are kept; ``webhook_plain_hosts`` the hosts to which webhooks may send without TLS; ``attachments`` is
    the place where files lie, ``max_attachment_bytes`` and ``attachment_types`` say which are taken, ``upload_hours``
    how long one waits for its ticket, ``chunk_seconds`` how long a mebibyte of it may take to arrive, and
    ``files_at_once`` how many of one caller may come and leave at a time.
    """

    max_head_bytes: int = 64 * 1024
    max_body_bytes: int = 1024 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    wait_seconds: float = 5.0
    heartbeat_seconds: float = 15.0
    poll_seconds: float = 0.2
    setup_seconds: float = 0.5
    sign_in_seconds: int = 300
    readers: int = 8
    ledger: Path | None = None
    witnesses: tuple[Witness, ...] = ()
    cosignatures: Path = Path("cosignatures")
    webhook_plain_hosts: tuple[str, ...] = ()
    attachments: Place = Directory(Path("attachments"))
    max_attachment_bytes: int = 100 * 1024 * 1024
    attachment_types: tuple[str, ...] = TYPES_TAKEN
    upload_hours: int = 24
    chunk_seconds: float = 60.0
    file_threads: int = 4
    files_at_once: int = 50
