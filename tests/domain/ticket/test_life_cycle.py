"""The six states, and what moves a ticket between them."""

from datetime import timedelta

import pytest

from domain.errors import HoldEndsInThePast, NotAllowed, NotUnderstood, ReopenWindowOver, TicketIsElsewhere
from domain.ticket.commands.conversing import Note, Reply
from domain.ticket.commands.holding import Hold, Resume, Start
from domain.ticket.commands.opening import FollowUp
from domain.ticket.commands.resolving import Cancel, Close, Rate, Reopen, Resolve
from domain.ticket.events import (
    AgentReplied,
    FollowUpOpened,
    RequesterReplied,
    TicketCancelled,
    TicketClosed,
    TicketPutOnHold,
    TicketRated,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WorkStarted,
)
from examples import MONDAY
from given_when_then import given, opened, requester, ticket_after

FINISHED = (TicketResolved(code="fixed"), TicketClosed())
WAITING = TicketPutOnHold(reason="requester")


def test_a_new_ticket_is_taken_into_work():
    given(opened()).when(Start()).then(WorkStarted())


def test_a_ticket_in_work_cannot_be_started_again():
    given(opened(), WorkStarted()).when(Start()).then_refused(TicketIsElsewhere, status="in_progress")


def test_a_refusal_says_what_is_possible_now():
    refused = given(opened(), *FINISHED).when(Hold(reason="vendor"))
    with pytest.raises(TicketIsElsewhere) as why:
        refused.then()
    assert {"reopen", "follow-up", "note"} <= set(why.value.particulars["possible"])
    assert "hold" not in why.value.particulars["possible"]


def test_a_hold_until_a_date_needs_the_date():
    given(opened()).when(Hold(reason="date")).then_refused(NotUnderstood, field="until")


def test_a_hold_ends_in_the_future():
    given(opened()).when(Hold(reason="date", until=MONDAY)).then_refused(HoldEndsInThePast)


def test_only_a_ticket_on_hold_resumes():
    given(opened()).when(Resume()).then_refused(TicketIsElsewhere)
    given(opened(), WAITING).when(Resume()).then(TicketResumed())


def test_resolving_from_hold_ends_the_hold_first():
    given(opened(), WAITING).when(Resolve(code="fixed")).then(
        TicketResumed(cause="resolved"), TicketResolved(code="fixed")
    )


def test_the_requesters_reply_ends_a_hold_that_waited_for_them():
    given(opened(), WAITING).by(requester()).when(Reply(text="Here it is.")).then(
        RequesterReplied(text="Here it is."), TicketResumed(cause="requester-replied")
    )


def test_the_requesters_reply_does_not_end_a_hold_that_waited_for_the_vendor():
    given(opened(), TicketPutOnHold(reason="vendor")).by(requester()).when(Reply(text="And?")).then(
        RequesterReplied(text="And?")
    )


def test_the_requesters_reply_reopens_what_was_resolved():
    given(opened(), FINISHED[0]).by(requester()).when(Reply(text="No.")).then(
        RequesterReplied(text="No."), TicketReopened(was="resolved")
    )


def test_the_requesters_reply_reopens_a_closed_ticket_within_the_window():
    given(opened(), *FINISHED).by(requester()).when(Reply(text="No.")).then(
        RequesterReplied(text="No."), TicketReopened(was="closed")
    )


def test_the_requesters_reply_after_the_window_opens_a_follow_up():
    late = given(opened(), *FINISHED).at(MONDAY + timedelta(days=20)).by(requester()).when(Reply(text="Again."))
    assert late.becomes().status == "closed"
    assert FollowUpOpened in {type(fact) for fact in late._decided()}


def test_an_agent_does_not_reply_to_a_closed_ticket():
    given(opened(), *FINISHED).when(Reply(text="Hello?")).then_refused(TicketIsElsewhere)


def test_an_agents_reply_takes_a_new_ticket_into_work_but_an_acknowledgement_does_not():
    assert given(opened()).when(Reply(text="Hello.")).becomes().status == "in_progress"
    assert given(opened()).when(Reply(text="Received.", automatic=True)).becomes().status == "new"


def test_a_closed_ticket_reopens_within_the_window_only():
    given(opened(), *FINISHED).when(Reopen()).then(TicketReopened(was="closed"))
    given(opened(), *FINISHED).at(MONDAY + timedelta(days=20)).when(Reopen()).then_refused(
        ReopenWindowOver, possible=["follow-up"]
    )


def test_reopening_forgets_no_count():
    reopened = ticket_after(opened(), FINISHED[0], TicketReopened(was="resolved"), *FINISHED)
    assert (reopened.reopen_count, reopened.status) == (1, "closed")


def test_a_follow_up_leaves_the_closed_ticket_as_it_is():
    assert given(opened(), *FINISHED).when(FollowUp(text="More.")).becomes().status == "closed"


def test_a_requester_who_closes_confirms():
    given(opened(), FINISHED[0]).by(requester()).when(Close()).then(TicketClosed(manner="confirmed"))


def test_a_cancelled_ticket_takes_notes_but_no_work():
    cancelled = given(opened(), TicketCancelled())
    cancelled.when(Resolve(code="fixed")).then_refused(TicketIsElsewhere)
    assert cancelled.when(Note(text="For the record.")).becomes().notes == 1


def test_cancelling_ends_the_hold():
    ticket = given(opened(), WAITING).when(Cancel()).becomes()
    assert (ticket.status, ticket.hold_reason) == ("cancelled", "")


def test_only_the_requester_rates():
    given(opened(), FINISHED[0]).when(Rate(score=5)).then_refused(NotAllowed)
    given(opened(), FINISHED[0]).by(requester()).when(Rate(score=5)).then(TicketRated(score=5))


def test_a_reply_of_an_agent_changes_no_state_of_a_ticket_on_hold():
    given(opened(), WAITING).when(Reply(text="Any news?")).then(AgentReplied(text="Any news?"))
