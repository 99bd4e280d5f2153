"""Correcting: a mistake is put right with values that the ticket could have, and both stay in the history."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.errors import AgentNotFound, GroupNotFound, NothingChanges, NotUnderstood, TimeInTheFuture
from domain.ticket.commands.correcting import Correct
from domain.ticket.events import TicketClosed, TicketCorrected, TicketPutOnHold, TicketResolved
from examples import MONDAY
from given_when_then import given, opened

LATER = MONDAY + timedelta(hours=1)


def correct(**fields: object) -> Correct:
    """The correction as it comes in."""
    return Correct.model_validate({"fields": fields, "why": "Entered wrong."})


def test_old_and_new_stand_side_by_side():
    given(opened()).when(correct(impact=1, category="network")).then(
        TicketCorrected(
            old={"impact": 3, "category": ""}, new={"impact": 1, "category": "network"}, why="Entered wrong."
        )
    )


def test_a_ticket_was_opened_earlier_than_it_was_entered():
    earlier = MONDAY - timedelta(days=1)
    given(opened()).when(correct(opened_at=earlier)).then(
        TicketCorrected(
            old={"opened_at": (MONDAY + timedelta(minutes=1)).isoformat()},
            new={"opened_at": earlier.isoformat()},
            why="Entered wrong.",
        )
    )


def test_what_is_so_already_is_no_correction():
    given(opened()).when(correct(impact=3)).then_refused(NothingChanges)


def test_a_correction_states_something():
    given(opened()).when(correct()).then_refused(NotUnderstood, field="fields")


@pytest.mark.parametrize(
    "fields",
    [
        {"impact": "1"},
        {"urgency": 4},
        {"priority": 2.5},
        {"priority": "1"},
        {"status": "lost"},
        {"hold_reason": "lunch"},
        {"opened_at": "yesterday"},
        {"opened_at": "2026-01-01T00:00:00"},
        {"category": "x" * 201},
        {"number": 4},
    ],
)
def test_a_value_that_no_ticket_could_have_is_refused(fields):
    with pytest.raises(ValidationError):
        Correct.model_validate({"fields": fields, "why": "x"}, strict=True)


def test_a_group_and_an_agent_must_be_of_this_desk():
    given(opened()).when(correct(group="people")).then_refused(GroupNotFound)
    given(opened()).when(correct(assignee="nobody")).then_refused(AgentNotFound)


def test_a_hold_has_a_reason_and_a_reason_a_hold():
    given(opened()).when(correct(status="on_hold")).then_refused(NotUnderstood, field="hold_reason")
    given(opened()).when(correct(hold_reason="vendor")).then_refused(NotUnderstood, field="hold_reason")
    given(opened(), TicketPutOnHold(reason="requester")).when(correct(hold_reason="vendor")).then(
        TicketCorrected(old={"hold_reason": "requester"}, new={"hold_reason": "vendor"}, why="Entered wrong.")
    )


def test_a_ticket_is_opened_before_now_and_before_its_end():
    given(opened()).when(correct(opened_at=MONDAY + timedelta(days=9000))).then_refused(TimeInTheFuture)
    done = (TicketResolved(code="fixed"), TicketClosed(manner="by-hand"))
    given(opened(), *done).when(correct(opened_at=LATER)).then_refused(NotUnderstood, field="opened_at")
