"""Command line options that several commands read alike."""

from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from domain import moments


def zone_of(name: str) -> ZoneInfo:
    """The zone of ``--zone``; refuses a name that the IANA database does not have."""
    try:
        return moments.zone_named(name)
    except ValueError:
        raise typer.BadParameter(f"{name!r} is not a known IANA time zone", param_hint="--zone") from None


def moment_of(text: str, option: str, zone: ZoneInfo) -> datetime:
    """A time with its zone, or the beginning of a date in ``zone``, in UTC; refuses what is neither."""
    try:
        found = moments.read(text)
        return moments.in_utc(found if found.tzinfo else found.replace(tzinfo=zone))
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint=option) from None


def instant(text: str) -> datetime:
    """A time that says its zone, in UTC; refuses another one. To be the ``parser`` of an option."""
    try:
        found = moments.read(text)
        if found.tzinfo is None:
            raise ValueError("needs a time zone, such as 2030-01-31T09:00:00Z")
        return moments.in_utc(found)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
