"""What falls due on a ticket becomes facts of it: once, with its true time, and never for what did not happen."""

from datetime import datetime, timedelta

from domain.clock.asking import explanations_of
from domain.clock.clocks import Verdict, verdict
from domain.clock.policy import PolicyRef
from domain.clock.wording import render
from domain.ticket import events as e
from striking import Struck, office, on, under

INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def told(events: list[e.TicketEvent]) -> list[tuple[str, datetime]]:
    return [(event.TYPE, event.occurred_at) for event in events]


def test_warnings_and_the_breach_are_recorded_once_with_their_true_times_however_late_the_clock_is() -> None:
    ticket = Struck(under()).attached()
    assert told(ticket.struck(on(20, 12))) == [
        ("sla.warned.v1", on(2, 15)),
        ("sla.warned.v1", on(2, 16, 12)),
        ("sla.breached.v1", on(3, 9)),
    ]
    breach = ticket.events[-1]
    assert isinstance(breach, e.SlaBreached)
    assert (breach.due_at, breach.target, breach.elapsed, breach.cause) == (on(2, 17), 8 * HOUR, 8 * HOUR, "time")
    assert ticket.struck(on(20, 12)) == []
    assert ticket.struck(on(21, 12)) == []


def test_nothing_is_due_before_its_instant_nor_is_a_breach_at_it() -> None:
    ticket = Struck(under()).attached()
    assert ticket.struck(on(2, 15) - INSTANT) == []
    assert len(ticket.struck(on(2, 15))) == 1
    ticket.struck(on(2, 17))
    assert ticket.struck(on(3, 9)) == []
    assert [event.TYPE for event in ticket.struck(on(3, 9) + INSTANT)] == ["sla.breached.v1"]


def test_the_earlier_of_the_watches_of_the_process_and_of_the_desk_counts() -> None:
    ticket = Struck(under()).attached()
    assert ticket.struck(on(2, 14), as_of=on(2, 15)) == []
    assert ticket.struck(on(2, 15), as_of=on(2, 14)) == []


def test_a_clock_that_stopped_in_time_owes_nothing() -> None:
    ticket = Struck(under()).attached().then(e.TicketResolved(code="fixed"), on(2, 14))
    assert ticket.struck(on(4, 12)) == []


def test_an_imported_ticket_warns_nobody() -> None:
    ticket = Struck(under(), imported_from="servicenow").attached()
    assert ticket.struck(on(20, 12)) == []


def test_a_reply_in_time_that_is_recorded_late_withdraws_the_breach_and_is_named() -> None:
    ticket = Struck(under(targets={"first_response": {"minutes": 60}}, warnings=[])).attached()
    assert told(ticket.struck(on(2, 10, 5))) == [("sla.breached.v1", on(2, 10))]
    ticket.then(e.TicketNoted(text="Where is the answer?"), on(2, 10, 6))
    ticket.then(e.AgentReplied(text="Done."), on(2, 9, 50), by="service-7", recorded_at=on(2, 10, 7))
    first = ticket.clocks.first
    assert first is not None
    assert (first.stopped_at, verdict(first, on(2, 11))) == (on(2, 9, 50), Verdict.MET)
    (withdrawal,) = ticket.struck(on(2, 10, 8))
    assert isinstance(withdrawal, e.SlaBreachWithdrawn)
    assert (withdrawal.claimant, withdrawal.claim_version, withdrawal.breached_at) == ("service-7", 5, on(2, 10))
    assert ticket.ticket.breaches == frozenset()
    assert ticket.struck(on(5, 12)) == []


def test_a_retarget_that_breaches_says_that_it_was_the_change() -> None:
    policies = {**under(), **under("short", targets={"resolution": {"minutes": 240}})}
    ticket = Struck(policies).attached().attached(PolicyRef("short", 1, "office", 1), on(2, 15))
    (breach,) = [event for event in ticket.struck(on(2, 15, 1)) if isinstance(event, e.SlaBreached)]
    assert (breach.cause, breach.occurred_at, breach.due_at) == ("retarget", on(2, 15), on(2, 13))
    assert (breach.elapsed, breach.target) == (6 * HOUR, 4 * HOUR)


CHAIN = {
    "resolution": [
        {"percent": 50, "notify": ["alice"]},
        {"before_minutes": 60, "level": 1},
        {"after_minutes": 0, "group": "network", "priority": 1},
        {"after_minutes": 120, "assignee": "bob", "level": 2},
    ]
}


def test_a_chain_is_taken_step_by_step_each_once() -> None:
    ticket = Struck(under(chain=CHAIN, warnings=[])).attached()
    assert told(ticket.struck(on(2, 13))) == [("sla.chain-step-taken.v1", on(2, 13))]
    assert [event.TYPE for event in ticket.struck(on(2, 16))] == ["sla.chain-step-taken.v1", "ticket.escalated.v1"]
    assert [event.TYPE for event in ticket.struck(on(3, 9, 1))] == [
        "sla.breached.v1",
        "sla.chain-step-taken.v1",
        "ticket.routed.v1",
        "ticket.priority-overridden.v1",
    ]
    assert ticket.struck(on(3, 10, 59)) == []
    taken, *effects = ticket.struck(on(3, 11))
    assert isinstance(taken, e.SlaChainStepTaken)
    assert (taken.step, taken.occurred_at, taken.elapsed) == ("120 min after", on(3, 11), 10 * HOUR)
    assert [event.TYPE for event in effects] == ["ticket.escalated.v1", "ticket.assigned.v1"]
    now = ticket.ticket
    assert (now.group, now.assignee, now.level, now.priority) == ("network", "bob", 2, 1)
    assert ticket.struck(on(30, 12)) == []


def test_a_late_clock_takes_the_steps_it_missed_after_what_it_has_to_record() -> None:
    ticket = Struck(under(chain=CHAIN)).attached()
    kinds = [event.TYPE.split(".")[1] for event in ticket.struck(on(10, 12))]
    steps = ("chain-step-taken", "warned", "chain-step-taken", "warned", "breached", "chain-step-taken")
    assert kinds[:7] == [*steps, "chain-step-taken"]
    assert kinds[7:] == ["escalated", "routed", "priority-overridden", "escalated", "assigned"]


def test_no_step_is_taken_for_a_clock_that_stopped_first() -> None:
    ticket = Struck(under(chain=CHAIN, warnings=[])).attached().then(e.TicketResolved(code="fixed"), on(2, 14))
    assert ticket.struck(on(6, 12)) == []
    ticket.then(e.TicketReopened(was="resolved"), on(9, 9))
    assert told(ticket.struck(on(9, 11)))[:1] == [("sla.chain-step-taken.v1", on(9, 11))]


def test_a_step_reached_before_a_hold_is_still_taken_and_later_ones_wait_for_its_end() -> None:
    ticket = Struck(under(chain=CHAIN, warnings=[])).attached()
    ticket.then(e.TicketPutOnHold(reason="requester"), on(2, 14))
    assert told(ticket.struck(on(4, 12))) == [("sla.chain-step-taken.v1", on(2, 13))]
    ticket.then(e.TicketResumed(), on(5, 9))
    assert [event.TYPE for event in ticket.struck(on(5, 11))][:1] == ["sla.chain-step-taken.v1"]


def test_a_breach_found_at_a_retarget_runs_no_chain_unless_the_policy_says_so() -> None:
    for asked, steps in ((False, 0), (True, 3)):
        chained = under("short", targets={"resolution": {"minutes": 240}}, chain=CHAIN, chain_on_retarget=asked)
        ticket = Struck({**under(), **chained}).attached().attached(PolicyRef("short", 1, "office", 1), on(2, 14))
        taken = [event for event in ticket.struck(on(2, 14, 30)) if isinstance(event, e.SlaChainStepTaken)]
        assert len(taken) == steps
        later = [event for event in ticket.struck(on(3, 12)) if isinstance(event, e.SlaChainStepTaken)]
        assert [event.step for event in later] == ["120 min after"]


def test_what_a_step_can_no_longer_do_is_said_and_the_rest_is_done() -> None:
    chain = {"resolution": [{"percent": 50, "group": "gone", "assignee": "bob", "level": 3}]}
    ticket = Struck(under(chain=chain, warnings=[])).attached()
    step, effect = ticket.struck(on(2, 13))
    assert isinstance(step, e.SlaChainStepTaken)
    assert step.impossible == ("group", "assignee")
    assert isinstance(effect, e.TicketEscalated)
    assert effect.level == 3


def test_example_8_a_step_one_hour_before() -> None:
    chain = {"resolution": [{"before_minutes": 60, "notify": ["alice"]}]}
    terms = {"targets": {"resolution": {"minutes": 240}}, "warnings": [], "chain": chain}
    ticket = Struck(under(calendar=office("08:00", "18:00"), **terms), at=on(2, 17)).attached(at=on(2, 17))
    assert ticket.clocks.due_at == on(3, 11)
    assert ticket.struck(on(3, 10) - INSTANT) == []
    assert told(ticket.struck(on(3, 10))) == [("sla.chain-step-taken.v1", on(3, 10))]


def test_a_hold_ends_at_its_date_and_what_follows_comes_with_the_next_stroke() -> None:
    ticket = Struck(under(warnings=[])).attached()
    ticket.then(e.TicketPutOnHold(reason="requester", until=on(4, 9)), on(2, 10))
    assert ticket.struck(on(4, 8, 59)) == []
    assert told(ticket.struck(on(10, 12))) == [("ticket.resumed.v1", on(4, 9))]
    assert told(ticket.struck(on(10, 12))) == [("sla.breached.v1", on(4, 16))]


def test_a_resolved_ticket_closes_by_itself_after_the_departments_days() -> None:
    ticket = Struck(under()).attached().then(e.TicketResolved(code="fixed"), on(2, 14))
    assert ticket.struck(on(9, 13, 59)) == []
    (closed,) = ticket.struck(on(12, 3))
    assert isinstance(closed, e.TicketClosed)
    assert (closed.manner, closed.occurred_at) == ("automatic", on(9, 14))


def test_a_reminder_comes_once_and_not_when_it_was_taken_back() -> None:
    ticket = Struck(under())
    ticket.then(e.ReminderSet(reminder=1, at=on(3, 9), agent="alice"), on(2, 10))
    ticket.then(e.ReminderSet(reminder=2, at=on(3, 9, 30), agent="bob"), on(2, 10))
    ticket.then(e.ReminderCancelled(reminder=2), on(2, 11))
    (due,) = ticket.struck(on(3, 12))
    assert isinstance(due, e.ReminderDue)
    assert (due.reminder, due.agent, due.occurred_at) == (1, "alice", on(3, 9))
    assert ticket.struck(on(4, 12)) == []


def test_steps_are_explained_with_the_clock() -> None:
    ticket = Struck(under(chain=CHAIN, warnings=[])).attached()
    ticket.struck(on(2, 13))
    (_, resolution) = explanations_of(ticket.events, on(2, 14), ticket.policies)
    lines = [line.strip() for line in render(resolution).splitlines()]
    assert "took the step “at 50 %” Mon 2026-03-02 13:00" in lines
    assert lines[-3:] == [
        "takes the step “60 min before” Mon 2026-03-02 16:00",
        "takes the step “at the breach” Tue 2026-03-03 09:00:00",
        "takes the step “120 min after” Tue 2026-03-03 11:00",
    ]
