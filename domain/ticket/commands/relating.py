"""Relating: links that both tickets show, and merges that can be undone."""

from typing import Literal

from pydantic import Field

from domain.errors import (
    LinkNotThere,
    MergeWouldCircle,
    NothingChanges,
    NotMerged,
    NotPossible,
    Particulars,
    TicketIsElsewhere,
    TicketIsMerged,
)
from domain.ticket.commands.command import (
    ALWAYS,
    OPEN,
    UNFINISHED,
    Command,
    Decision,
    Elsewhere,
    Ref,
    Situation,
    decide,
)
from domain.ticket.events import (
    AbsorptionReversed,
    LinkKind,
    MergeReversed,
    TicketAbsorbed,
    TicketLinked,
    TicketMergedInto,
    TicketUnlinked,
)
from domain.ticket.parts import Link as Linked
from domain.ticket.state import Ticket

INVERSE: dict[LinkKind, LinkKind] = {
    "relates": "relates",
    "duplicates": "duplicated-by",
    "causes": "caused-by",
    "blocks": "blocked-by",
    "parent-of": "child-of",
    "follows": "followed-by",
    "split-from": "split-into",
}
INVERSE |= {there: here for here, there in INVERSE.items()}

By_hand = Literal[
    "relates",
    "duplicates",
    "duplicated-by",
    "causes",
    "caused-by",
    "blocks",
    "blocked-by",
    "parent-of",
    "child-of",
    "follows",
    "followed-by",
]


class Link(Command):
    """Say how this ticket relates to another: this one <kind> that one."""

    VERB = "link"
    STATUSES = ALWAYS
    MERGED = "taken"

    kind: By_hand
    other: Ref = Field(min_length=1, max_length=64, examples=["#3847"])

    def others(self) -> tuple[Ref, ...]:
        return (self.other,)


class Unlink(Command):
    """Take a link back."""

    VERB = "unlink"
    STATUSES = ALWAYS
    MERGED = "taken"

    kind: By_hand
    other: Ref = Field(min_length=1, max_length=64)

    def others(self) -> tuple[Ref, ...]:
        return (self.other,)


class Merge(Command):
    """Let another ticket speak for this one; later replies go there."""

    VERB = "merge"
    STATUSES = UNFINISHED

    into: Ref = Field(min_length=1, max_length=64, examples=["#3847"])
    reason: str = Field(default="", max_length=10_000)

    def others(self) -> tuple[Ref, ...]:
        return (self.into,)


class Unmerge(Command):
    """Undo a merge: this ticket stands for itself again, as it stood before."""

    VERB = "unmerge"
    STATUSES = ALWAYS
    MERGED = "taken"

    reason: str = Field(default="", max_length=10_000)


@decide.register
def link(command: Link, ticket: Ticket, situation: Situation) -> Decision:
    """Both tickets know of it, each from its own side."""
    other = situation.others[command.other]
    if other.ticket == ticket.ticket:
        raise NotPossible("A ticket cannot be linked to itself.")
    if Linked(command.kind, other.ticket, other.number) in ticket.links:
        raise NothingChanges()
    yield TicketLinked(kind=command.kind, other=other.ticket, number=other.number)
    inverse = TicketLinked(kind=INVERSE[command.kind], other=ticket.ticket, number=ticket.number)
    yield Elsewhere(other.ticket, inverse)


@decide.register
def unlink(command: Unlink, ticket: Ticket, situation: Situation) -> Decision:
    """The mirror of linking."""
    other = situation.others[command.other]
    if Linked(command.kind, other.ticket, other.number) not in ticket.links:
        raise LinkNotThere(kind=command.kind)
    yield TicketUnlinked(kind=command.kind, other=other.ticket, number=other.number)
    inverse = TicketUnlinked(kind=INVERSE[command.kind], other=ticket.ticket, number=ticket.number)
    yield Elsewhere(other.ticket, inverse)


@decide.register
def merge(command: Merge, ticket: Ticket, situation: Situation) -> Decision:
    """A target that was merged away itself is refused, so merges can never form a circle."""
    target = situation.others[command.into]
    if ticket.ticket in (target.ticket, target.merged_into):
        raise MergeWouldCircle()
    if target.merged_into is not None:
        went = situation.others.get(str(target.merged_into))
        where = Particulars(possible=[])
        if went is not None:
            where["into"] = went.number
        raise TicketIsMerged("The ticket named was merged into another one itself.", **where)
    if target.status not in OPEN:
        raise TicketIsElsewhere("Only an open ticket can take another one in.", status=target.status, possible=[])
    yield TicketMergedInto(target=target.ticket, number=target.number, reason=command.reason)
    yield Elsewhere(target.ticket, TicketAbsorbed(source=ticket.ticket, number=ticket.number))


@decide.register
def unmerge(command: Unmerge, ticket: Ticket, situation: Situation) -> Decision:
    """Nothing was copied when merging, so nothing needs to be taken out of the target."""
    if ticket.merged_into is None:
        raise NotMerged()
    target = situation.others[str(ticket.merged_into)]
    yield MergeReversed(target=target.ticket, number=target.number, reason=command.reason)
    yield Elsewhere(target.ticket, AbsorptionReversed(source=ticket.ticket, number=ticket.number))
