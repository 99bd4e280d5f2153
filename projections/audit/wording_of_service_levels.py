"""What became of the promises made for a ticket, in words."""

from datetime import timedelta

from domain.ticket import events as e
from domain.ticket.sla import ClockFact, Recalculated
from projections.audit.wording import Speech, listed, quoted, says


@says(e.SlaAttached)
def sla_attached(event: e.SlaAttached, speech: Speech) -> str:
    return f"put the ticket under {_terms(event)}"


@says(e.SlaRetargeted)
def sla_retargeted(event: e.SlaRetargeted, speech: Speech) -> str:
    return f"moved the ticket under {_terms(event)}, because of the act {quoted(event.cause)}"


@says(e.SlaDetached)
def sla_detached(event: e.SlaDetached, speech: Speech) -> str:
    policy = quoted(event.policy)
    return f"left the ticket without a service level; {policy} no longer applies after the act {quoted(event.cause)}"


@says(e.SlaWarned)
def sla_warned(event: e.SlaWarned, speech: Speech) -> str:
    due = "" if event.due_at is None else f", which is due on {speech.moment(event.due_at)}"
    return f"warned that {_clock(event)} has used {event.share:.0%} of its {_length(event.target)}{due}"


@says(e.SlaBreached)
def sla_breached(event: e.SlaBreached, speech: Speech) -> str:
    why = "because the target was changed" if event.cause == "retarget" else "by the passing of time"
    due = "" if event.due_at is None else f"; it was due on {speech.moment(event.due_at)}"
    return f"recorded that {_clock(event)} has exceeded its {_length(event.target)}, {why}{due}"


@says(e.SlaBreachWithdrawn)
def sla_breach_withdrawn(event: e.SlaBreachWithdrawn, speech: Speech) -> str:
    claim = f"{speech.agent(event.claimant)} had acted in time, as event {event.claim_version} of the ticket shows"
    return f"withdrew the breach of {_clock(event)} dated {speech.moment(event.breached_at)}, since {claim}"


@says(e.SlaChainStepTaken)
def sla_chain_step_taken(event: e.SlaChainStepTaken, speech: Speech) -> str:
    told = [speech.group(one) if one in speech.names.groups else speech.agent(one) for one in event.notify]
    done = [f"tell {listed(told)}"] if told else []
    done += [f"raise it to level {event.level}"] if event.level else []
    done += [f"give it to {speech.group(event.group)}"] if event.group else []
    done += [f"assign it to {speech.agent(event.assignee)}"] if event.assignee else []
    done += [f"raise its priority to {event.priority}"] if event.priority else []
    missed = f" (not possible any more: {listed(event.impossible)})" if event.impossible else ""
    step = f"the step {quoted(event.step)} of the service level {quoted(event.policy)}"
    return f"took {step} for {_clock(event)}: {listed(done)}{missed}"


@says(e.SlaExempted)
def sla_exempted(event: e.SlaExempted, speech: Speech) -> str:
    clocks = listed([kind.replace("_", " ") for kind in event.clocks])
    return f"exempted the ticket from being measured for {clocks}{speech.because(event)}"


@says(e.SlaRecalculated)
def sla_recalculated(event: e.SlaRecalculated, speech: Speech) -> str:
    changes = [_recalculated(change, speech) for change in event.clocks]
    return f"applied {_terms(event)} to the clocks that go on: {listed(changes)}{speech.because(event)}"


def _clock(event: ClockFact) -> str:
    name = f"the clock for {event.clock.replace('_', ' ')}"
    return name if event.instance == 1 else f"{name}, round {event.instance},"


def _length(target: timedelta) -> str:
    minutes = target // timedelta(minutes=1)
    return f"target of {minutes // 60}:{minutes % 60:02d} h"


def _recalculated(change: Recalculated, speech: Speech) -> str:
    old, new = (
        "not due" if due is None else f"due on {speech.moment(due)}" for due in (change.old_due_at, change.new_due_at)
    )
    breached = ", and breached by that" if change.breached else ""
    return f"{change.clock.replace('_', ' ')} is {new} instead of {old}{breached}"


def _terms(event: e.SlaAttached | e.SlaRetargeted | e.SlaRecalculated) -> str:
    policy = f"the service level {quoted(event.policy)} (version {event.policy_version})"
    return f"{policy}, counted by the calendar {quoted(event.calendar)} (version {event.calendar_version})"
