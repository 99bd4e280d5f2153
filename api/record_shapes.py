"""What the routes of the record answer in JSON."""

from datetime import datetime

import msgspec


class Cosigned(msgspec.Struct, frozen=True, kw_only=True):
    """A cosignature that is kept: whose, over the checkpoint of how many entries, given when."""

    witness: str
    size: int
    at: datetime


SHAPES: list[type[msgspec.Struct]] = [Cosigned]
