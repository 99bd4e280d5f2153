"""Every command on a ticket, by its verb. A new command is entered by importing its file here."""

from domain.ticket.commands import (
    assigning,
    attaching,
    classifying,
    conversing,
    correcting,
    escalating,
    holding,
    logging_time,
    opening,
    promising,
    redacting,
    relating,
    reminding,
    resolving,
    signing,
)
from domain.ticket.commands.command import (
    Command,
    Decision,
    Elsewhere,
    Situation,
    decide,
    is_own,
    must_be_where_it_is_possible,
    possible,
)

_FILES = (
    opening,
    assigning,
    conversing,
    attaching,
    holding,
    reminding,
    escalating,
    classifying,
    promising,
    redacting,
    relating,
    resolving,
    signing,
    logging_time,
    correcting,
)

COMMANDS: dict[str, type[Command]] = {
    found.VERB: found
    for file in _FILES
    for found in vars(file).values()
    if isinstance(found, type) and issubclass(found, Command) and found.__module__ == file.__name__
}

__all__ = [
    "COMMANDS",
    "Command",
    "Decision",
    "Elsewhere",
    "Situation",
    "decide",
    "is_own",
    "must_be_where_it_is_possible",
    "possible",
]
