"""Promising: what becomes of a ticket's service levels by somebody's decision.

These commands ask about clocks, so their decisions stand with the clocks, in ``domain/clock/deciding.py``.
"""

from typing import Literal

from pydantic import Field

from domain.ticket.commands.command import UNFINISHED, Command

Clock = Literal["first_response", "next_response", "resolution"]


class Exempt(Command):
    """Let clocks of the ticket be measured no longer: neither met nor breached from here on, for good."""

    VERB = "exempt"
    PERMISSION = "ticket.supervise"
    STATUSES = UNFINISHED
    TIMED = True

    clocks: tuple[Clock, ...] = Field(
        default=("first_response", "next_response", "resolution"), min_length=1, max_length=3
    )
    reason: str = Field(min_length=1, max_length=10_000)


class Recalculate(Command):
    """Apply the newest version of the ticket's policy and calendar to the clocks that are not finished."""

    VERB = "recalculate"
    PERMISSION = "ticket.supervise"
    STATUSES = UNFINISHED
    TIMED = True

    reason: str = Field(min_length=1, max_length=10_000)
