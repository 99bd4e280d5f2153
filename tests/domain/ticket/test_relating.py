"""Links from both sides, and merges that can be undone."""

from uuid import UUID

import msgspec

from domain.errors import LinkNotThere, MergeWouldCircle, NotMerged, TicketIsElsewhere, TicketIsMerged
from domain.ticket.commands.command import Elsewhere
from domain.ticket.commands.conversing import Note
from domain.ticket.commands.holding import Hold
from domain.ticket.commands.logging_time import CorrectTime, LogTime
from domain.ticket.commands.opening import Split
from domain.ticket.commands.relating import Link, Merge, Unlink, Unmerge
from domain.ticket.events import (
    AbsorptionReversed,
    MergeReversed,
    TicketAbsorbed,
    TicketClosed,
    TicketLinked,
    TicketMergedInto,
    TicketOpened,
    TicketSplitOff,
    TicketUnlinked,
    TimeCorrected,
    TimeLogged,
)
from examples import OTHER, TICKET
from given_when_then import FRESH, given, opened, ticket_after

TARGET = ticket_after(opened(number=3800), stream=OTHER)
MERGED = TicketMergedInto(target=OTHER, number=3800)


def test_both_tickets_know_of_a_link_each_from_its_own_side():
    given(opened(), others={"#3800": TARGET}).when(Link(kind="causes", other="#3800")).then(
        TicketLinked(kind="causes", other=OTHER, number=3800),
        Elsewhere(OTHER, TicketLinked(kind="caused-by", other=TICKET, number=3847)),
    )


def test_unlinking_needs_the_link():
    linked = TicketLinked(kind="causes", other=OTHER, number=3800)
    given(opened(), others={"3800": TARGET}).when(Unlink(kind="causes", other="3800")).then_refused(LinkNotThere)
    given(opened(), linked, others={"3800": TARGET}).when(Unlink(kind="causes", other="3800")).then(
        TicketUnlinked(kind="causes", other=OTHER, number=3800),
        Elsewhere(OTHER, TicketUnlinked(kind="caused-by", other=TICKET, number=3847)),
    )


def test_merging_appends_to_both_tickets_and_copies_nothing():
    given(opened(), others={"3800": TARGET}).when(Merge(into="3800", reason="Same outage.")).then(
        TicketMergedInto(target=OTHER, number=3800, reason="Same outage."),
        Elsewhere(OTHER, TicketAbsorbed(source=TICKET, number=3847)),
    )


def test_a_ticket_that_was_merged_away_takes_nothing_in_and_says_where_it_went():
    elsewhere, there = UUID(int=77), ticket_after(opened(number=3900), stream=UUID(int=77))
    away = msgspec.structs.replace(TARGET, merged_into=elsewhere)
    seen = given(opened(), others={"3800": away, str(elsewhere): there})
    seen.when(Merge(into="3800")).then_refused(TicketIsMerged, into=3900, possible=[])
    given(opened(), others={"3800": away}).when(Merge(into="3800")).then_refused(TicketIsMerged, possible=[])


def test_merges_cannot_form_a_circle():
    merged_away = msgspec.structs.replace(TARGET, merged_into=TICKET)
    given(opened(), others={"3800": merged_away}).when(Merge(into="3800")).then_refused(MergeWouldCircle)
    itself = ticket_after(opened())
    given(opened(), others={"3847": itself}).when(Merge(into="3847")).then_refused(MergeWouldCircle)


def test_only_an_open_ticket_takes_another_in():
    closed = ticket_after(opened(number=3800), TicketClosed(), stream=OTHER)
    given(opened(), others={"3800": closed}).when(Merge(into="3800")).then_refused(TicketIsElsewhere)


def test_a_merged_ticket_takes_notes_and_no_work():
    given(opened(), MERGED).when(Hold(reason="vendor")).then_refused(
        TicketIsMerged,
        possible=[
            "attach",
            "correct",
            "link",
            "note",
            "quarantine",
            "redact",
            "release-attachment",
            "reply",
            "sign",
            "unlink",
            "unmerge",
            "unwatch",
            "watch",
        ],
    )
    assert given(opened(), MERGED).when(Note(text="x")).becomes().notes == 1


def test_undoing_a_merge_restores_the_ticket_as_it_stood():
    before = ticket_after(opened())
    undone = given(opened(), MERGED, others={str(OTHER): TARGET}).when(Unmerge(reason="Another one."))
    undone.then(
        MergeReversed(target=OTHER, number=3800, reason="Another one."),
        Elsewhere(OTHER, AbsorptionReversed(source=TICKET, number=3847)),
    )
    after = undone.becomes()
    same = {"version": 0, "updated_at": before.updated_at, "recorded_at": before.recorded_at}
    assert msgspec.structs.replace(after, **same) == msgspec.structs.replace(before, **same)


def test_what_is_not_merged_cannot_be_unmerged():
    given(opened()).when(Unmerge()).then_refused(NotMerged)


def test_a_split_off_part_starts_a_life_of_its_own():
    there, part, link = given(opened()).when(Split(title="The other thing"))._decided()
    assert there == TicketSplitOff(part=FRESH, number=4000)
    assert isinstance(part, Elsewhere)
    assert isinstance(part.event, TicketOpened)
    assert (part.stream, part.event.number, part.event.group) == (FRESH, 4000, "service-desk")
    assert link == Elsewhere(FRESH, TicketLinked(kind="split-from", other=TICKET, number=3847))


def test_a_wrong_time_entry_is_put_right_and_stays_in_the_history():
    logged = TimeLogged(entry=1, minutes=25)
    given(opened(), logged).when(LogTime(minutes=5)).then(TimeLogged(entry=2, minutes=5))
    given(opened(), logged).when(CorrectTime(entry=1, minutes=35, reason="Second call.")).then(
        TimeCorrected(entry=1, old_minutes=25, minutes=35, reason="Second call.")
    )
