"""Clearing: what was uploaded and never attached is removed, the chunks first, so that it may end anywhere."""

from datetime import datetime

from domain.store.chunks import path_of
from domain.store.places import Place
from domain.store.uploads import Uploads

_AT_ONCE = 20


def clear(uploads: Uploads, place: Place, now: datetime) -> int:
    """Remove some uploads that have expired or were given up; how many. None of them can be taken by a ticket."""
    over = uploads.given_up(now, _AT_ONCE)
    if over:
        place.remove([path_of(address) for _, addresses in over for address in addresses])
        uploads.forget([upload for upload, _ in over])
    return len(over)
