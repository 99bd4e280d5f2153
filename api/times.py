"""Times as they come in: aware, plausible, and in UTC from here on."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

FIRST, LAST = 1900, 9000
"""Years beyond which arithmetic with zones leaves the calendar."""


def in_utc(moment: datetime) -> datetime:
    """The same instant in UTC; ValueError outside the years that can be reckoned with."""
    if not FIRST <= moment.year <= LAST:
        raise ValueError(f"must lie between the years {FIRST} and {LAST}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""An instant, with a zone."""
