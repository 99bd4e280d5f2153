"""Exempting clocks, and applying other versions of policy and calendar to them: decisions that ask about clocks."""

from datetime import timedelta

import pytest

from domain.clock.clocks import Stage, Verdict, verdict
from domain.clock.policy import PolicyRef
from domain.errors import NoPolicyApplies, NothingChanges
from domain.setup.events import CalendarVersioned, PolicyVersioned
from domain.setup.state import evolve
from domain.ticket import events as e
from domain.ticket.commands.promising import Exempt, Recalculate
from domain.ticket.sla import Recalculated
from striking import DESK, Struck, on, under

WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (("09:00", "17:00"),))
BOTH = {"first_response": {"minutes": 60}, "resolution": {"minutes": 480}}


def configured(ticket: Struck, minutes: int, version: int = 2, **terms: object) -> Struck:
    """The desk has another version of the policy than the ticket is under."""
    targets = {"targets": {"resolution": {"minutes": minutes}}} | terms
    calendar = CalendarVersioned(calendar="office", calendar_version=1, zone="UTC", openings=WEEK)
    policy = PolicyVersioned(
        policy="gold", policy_version=version, calendar="office", calendar_version=1, terms=targets
    )
    ticket.setup = evolve(evolve(DESK, calendar), policy)
    ticket.policies = {**ticket.policies, **under(version=version, **targets)}
    return ticket


def test_an_exempted_clock_is_neither_met_nor_breached_and_warns_no_more() -> None:
    ticket = Struck(under(targets=BOTH)).attached()
    (exempted,) = ticket.decide(Exempt(clocks=("resolution",), reason="Their own power cut."), on(2, 12))
    assert isinstance(exempted, e.SlaExempted)
    assert (exempted.clocks, exempted.policy, exempted.policy_version) == (("resolution",), "gold", 1)
    resolution = ticket.clocks.resolution
    assert resolution is not None
    assert (resolution.stage, verdict(resolution, on(10, 9))) == (Stage.EXEMPT, Verdict.NONE)
    assert {event.clock for event in ticket.struck(on(10, 9)) if isinstance(event, e.SlaBreached)} == {"first_response"}
    ticket.then(e.TicketResolved(code="fixed"), on(10, 10)).then(e.TicketReopened(was="resolved"), on(11, 9))
    assert ticket.clocks.resolution == resolution


def test_a_next_response_can_be_exempted_before_it_is_asked_for() -> None:
    ticket = Struck(under(targets={"next_response": {"minutes": 60}})).attached()
    ticket.then(e.AgentReplied(text="Which network?"), on(2, 10))
    ticket.decide(Exempt(clocks=("next_response",), reason="They call us daily."), on(2, 11))
    ticket.then(e.RequesterReplied(text="All of them."), on(2, 12))
    assert ticket.clocks.next is None


def test_what_has_ended_or_is_exempt_cannot_be_exempted() -> None:
    ticket = Struck(under(targets=BOTH)).attached().then(e.AgentReplied(text="Done."), on(2, 9, 30))
    with pytest.raises(NothingChanges):
        ticket.decide(Exempt(clocks=("first_response",), reason="Why not."), on(2, 12))
    ticket.decide(Exempt(clocks=("resolution",), reason="Power cut."), on(2, 12))
    with pytest.raises(NothingChanges):
        ticket.decide(Exempt(clocks=("resolution",), reason="Again."), on(2, 13))


def test_a_recalculation_tells_old_and_new_due_and_what_it_breaches() -> None:
    ticket = configured(Struck(under()).attached(), minutes=240)
    (done,) = ticket.decide(Recalculate(reason="The new contract."), on(2, 15))
    assert isinstance(done, e.SlaRecalculated)
    assert (done.policy_version, done.clocks) == (
        2,
        (
            Recalculated(
                clock="resolution",
                instance=1,
                old_target=timedelta(hours=8),
                new_target=timedelta(hours=4),
                old_due_at=on(2, 17),
                new_due_at=on(2, 13),
                breached=True,
            ),
        ),
    )
    assert ticket.ticket.sla is not None
    assert ticket.ticket.sla.policy_version == 2
    (breach,) = [event for event in ticket.struck(on(2, 15, 1)) if isinstance(event, e.SlaBreached)]
    assert (breach.cause, breach.due_at, breach.policy_version) == ("retarget", on(2, 13), 2)


def test_a_second_recalculation_changes_nothing_and_says_so() -> None:
    ticket = configured(Struck(under()).attached(), minutes=960)
    ticket.decide(Recalculate(reason="The new contract."), on(2, 15))
    with pytest.raises(NothingChanges):
        ticket.decide(Recalculate(reason="Again."), on(2, 16))


def test_finished_clocks_are_never_recalculated() -> None:
    ticket = configured(Struck(under(targets=BOTH)).attached(), minutes=960, targets=BOTH)
    ticket.then(e.AgentReplied(text="Done."), on(2, 9, 30))
    first = ticket.clocks.first
    (done,) = ticket.decide(Recalculate(reason="The new contract."), on(2, 15))
    assert isinstance(done, e.SlaRecalculated)
    assert [change.clock for change in done.clocks] == ["resolution"]
    assert ticket.clocks.first == first


def test_a_policy_that_keeps_running_clocks_is_applied_all_the_same_when_somebody_decides_so() -> None:
    ticket = configured(Struck(under()).attached(), minutes=960, on_retarget="keep")
    ticket.decide(Recalculate(reason="The new contract."), on(2, 15))
    assert ticket.clocks.due_at == on(3, 17)


def test_a_ticket_to_which_no_policy_applies_cannot_be_recalculated() -> None:
    with pytest.raises(NoPolicyApplies):
        Struck(under()).decide(Recalculate(reason="Why not."), on(2, 12))


def test_steps_taken_are_not_taken_again_after_a_recalculation() -> None:
    chain = {"resolution": [{"percent": 50, "notify": ["alice"]}]}
    ticket = configured(Struck(under(chain=chain, warnings=[])).attached(), minutes=960, chain=chain, warnings=[])
    assert len(ticket.struck(on(2, 13))) == 1
    ticket.decide(Recalculate(reason="The new contract."), on(2, 14))
    assert [event.TYPE for event in ticket.struck(on(3, 16))] == []
    assert ticket.clocks.resolution is not None
    assert ticket.clocks.resolution.policy == PolicyRef("gold", 2, "office", 1)
