"""Which events of a ticket name another ticket: what a reader who does not know that one must not learn of it."""

from domain.ticket import events as e

OTHER_TICKETS: dict[type[e.TicketEvent], str] = {
    e.TicketLinked: "other",
    e.TicketUnlinked: "other",
    e.TicketMergedInto: "target",
    e.MergeReversed: "target",
    e.TicketAbsorbed: "source",
    e.AbsorptionReversed: "source",
    e.TicketSplitOff: "part",
    e.FollowUpOpened: "follow_up",
}
"""The field that names another ticket, beside its ``number``."""
