"""What if another policy had applied: people's acts stay, the service level is decided anew, and both are compared."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from berlin import BERLIN, Desk, named, wall
from domain.clock.clocks import Verdict
from domain.clock.comparing import Changed, Comparison, Judged, Tally, Turned, judged
from domain.clock.configured import Configured
from domain.clock.policy import Kind, Policies
from domain.clock.supposing import supposed
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.desk.laying_over import laid_over
from domain.setup.events import CalendarVersioned, PolicyVersioned
from domain.setup.state import Setup, fold
from domain.ticket import events as e

LATE = wall("2026-06-01 12:00")


def configured(**policies: dict[str, Any]) -> Setup:
    """A desk with Berlin's office hours and these policies; resolution in so many minutes."""
    document = DeskDocument.model_validate(
        {
            "departments": {"it": {"name": "IT"}},
            "calendars": {"office": {"zone": "Europe/Berlin", "openings": {"monday-friday": "09:00-17:00"}}},
            "policies": {name: {"calendar": "office"} | policy for name, policy in policies.items()},
        }
    )
    return numbered(plan(document, {})(Setup()))


def numbered(events: Any) -> Setup:
    return fold(msgspec.structs.replace(event, version=version) for version, event in enumerate(events, start=1))


def resolution(minutes: int, **more: Any) -> dict[str, Any]:
    return {"targets": {"resolution": {"minutes": minutes}}, **more}


def levels(setup: Setup, desk: Desk) -> list[tuple[type, str, Any]]:
    """The service levels that a desk configured like this would have given the ticket."""
    found = supposed(desk.events, setup)
    return [
        (type(event), event.policy, event.effective_at)
        for event in found
        if isinstance(event, e.SlaAttached | e.SlaRetargeted | e.SlaDetached)
    ]


def opened(at: str = "2026-03-30 09:00", **fields: Any) -> Desk:
    """A ticket that came under no policy."""
    known = {"number": 1, "department": "it", "requester": UUID(int=9), "priority": 3}
    return Desk().then(e.TicketOpened, at, **(known | fields))


def test_a_ticket_without_a_policy_gets_the_one_supposed_from_its_opening_on() -> None:
    assert levels(configured(silver=resolution(480)), opened()) == [(e.SlaAttached, "silver", wall("2026-03-30 09:00"))]


def test_what_was_recorded_of_levels_is_left_out() -> None:
    desk = Desk()
    gold = desk.policy("gold", resolution=60)
    desk.opened("2026-03-30 09:00", gold).then(e.SlaRetargeted, "2026-03-30 10:00", **named(gold), cause="tag")
    assert levels(configured(silver=resolution(480)), desk) == [(e.SlaAttached, "silver", wall("2026-03-30 09:00"))]
    assert levels(Setup(), desk) == []


def test_a_change_that_a_condition_asks_about_changes_the_level_when_it_happened() -> None:
    setup = configured(
        silver=resolution(480, when={"department": "it"}), gold=resolution(60, when={"priority": 1, "department": "it"})
    )
    desk = opened().then(e.PriorityOverridden, "2026-03-30 15:00", old=3, new=1, reason="")
    desk.then(e.TicketTransferred, "2026-03-31 09:00", old="it", new="hr")
    assert levels(setup, desk) == [
        (e.SlaAttached, "silver", wall("2026-03-30 09:00")),
        (e.SlaRetargeted, "gold", wall("2026-03-30 15:00")),
        (e.SlaDetached, "gold", wall("2026-03-31 09:00")),
    ]


def test_tags_put_on_together_are_one_change() -> None:
    setup = configured(
        one=resolution(60, when={"tags": ["a"]}), both=resolution(120, when={"tags": ["a", "b"]}, on_retarget="restart")
    )
    together = (
        opened().then(e.TicketTagged, "2026-03-30 10:00", tag="a").then(e.TicketTagged, "2026-03-30 10:00", tag="b")
    )
    assert [policy for _, policy, _ in levels(setup, together)] == ["both"]
    apart = opened().then(e.TicketTagged, "2026-03-30 10:00", tag="a").then(e.TicketTagged, "2026-03-30 10:01", tag="b")
    assert [policy for _, policy, _ in levels(setup, apart)] == ["one", "both"]


def test_a_finished_ticket_keeps_its_level() -> None:
    setup = configured(silver=resolution(480), gold=resolution(60, when={"priority": 1}))
    desk = opened().then(e.TicketClosed, "2026-03-30 10:00")
    desk.then(e.TicketCorrected, "2026-03-30 11:00", old={"priority": 3}, new={"priority": 1}, why="w")
    assert [policy for _, policy, _ in levels(setup, desk)] == ["silver"]


def by_name(events: Any, at: datetime, policies: Policies) -> dict[tuple[Kind, int], Judged]:
    return {(one.clock, one.round): one for one in judged(events, at, policies)}


def test_verdicts_follow_the_policy_supposed() -> None:
    desk = opened().then(e.TicketResolved, "2026-03-30 14:00", code="done")
    for minutes, verdict in ((300, Verdict.MET), (299, Verdict.BREACHED)):
        setup = configured(silver=resolution(minutes))
        found = by_name(supposed(desk.events, setup), LATE, Configured(lambda setup=setup: setup))  # type: ignore[misc]
        assert found[Kind.RESOLUTION, 1].verdict is verdict
        assert found[Kind.RESOLUTION, 1].policy == "silver"
    assert by_name(desk.events, LATE, {})[Kind.RESOLUTION, 1].verdict is Verdict.NONE


def test_a_clock_that_ended_stays_where_its_ticket_was_then() -> None:
    desk = opened(group="first").then(e.AgentReplied, "2026-03-30 10:00", text="x")
    desk.then(e.TicketRouted, "2026-03-30 11:00", old="first", new="second")
    found = by_name(desk.events, LATE, {})
    assert found[Kind.FIRST_RESPONSE, 1].group == "first"
    assert found[Kind.RESOLUTION, 1].group == "second"


def test_what_happened_after_the_instant_is_not_known() -> None:
    desk = opened().then(e.TicketResolved, "2026-03-30 14:00", code="done")
    setup = configured(silver=resolution(480))
    policies = Configured(lambda: setup)
    found = by_name(supposed(desk.events, setup), wall("2026-03-30 13:00"), policies)
    assert found[Kind.RESOLUTION, 1].verdict is Verdict.UNDECIDED


def of(policy: str, *verdicts: Verdict) -> list[Judged]:
    """The resolution clocks of a ticket, one round each."""
    return [
        Judged(Kind.RESOLUTION, number, policy, verdict, "it", "first", 3)
        for number, verdict in enumerate(verdicts, start=1)
    ]


def test_shares_and_changes_are_counted() -> None:
    comparison = Comparison(("month", "priority"), zone=BERLIN, limit=1)
    for number, (before, after) in enumerate(
        [
            (Verdict.MET, Verdict.MET),
            (Verdict.MET, Verdict.BREACHED),
            (Verdict.MET, Verdict.BREACHED),
            (Verdict.NONE, Verdict.UNDECIDED),
        ],
        start=1,
    ):
        comparison.add(number, wall("2026-04-01 00:30"), of("old", before), of("new", after))
    assert comparison.lines["resolution", "old", "2026-04", "3"].recorded == Tally(met=3)
    line = comparison.lines["resolution", "new", "2026-04", "3"]
    assert (line.recorded, line.supposed) == (Tally(), Tally(met=1, breached=2, undecided=1))
    assert line.supposed.share == 1 / 3
    assert comparison.changed == [Changed(2, Kind.RESOLUTION, 1, Verdict.MET, Verdict.BREACHED)]
    assert comparison.turned[Turned(Kind.RESOLUTION, Verdict.MET, Verdict.BREACHED)] == 2
    assert (comparison.tickets, comparison.tickets_changed) == (4, 3)


def test_a_promise_that_only_one_history_knows_is_a_change_if_it_has_a_verdict() -> None:
    comparison = Comparison(zone=ZoneInfo("UTC"))
    comparison.add(1, wall("2026-04-01 00:30"), of("old", Verdict.MET), of("new", Verdict.MET, Verdict.BREACHED))
    comparison.add(2, wall("2026-04-01 00:30"), of("old", Verdict.MET), of("new", Verdict.MET, Verdict.NONE))
    assert comparison.changed == [Changed(1, Kind.RESOLUTION, 2, Verdict.NONE, Verdict.BREACHED)]


def test_a_clock_and_the_one_that_replaced_it_are_one_promise() -> None:
    afresh = {"on_retarget": "restart", "on_reopen": "restart"}
    setup = configured(silver=resolution(480), gold=resolution(240, when={"priority": 1}, **afresh))
    desk = opened().then(e.PriorityOverridden, "2026-03-30 12:00", old=3, new=1, reason="")
    desk.then(e.TicketResolved, "2026-03-30 15:00", code="done")
    desk.then(e.TicketReopened, "2026-03-30 16:00", was="resolved")
    found = judged(supposed(desk.events, setup), LATE, Configured(lambda: setup))
    resolutions = [(one.round, one.policy, one.verdict) for one in found if one.clock is Kind.RESOLUTION]
    assert resolutions == [(1, "silver", Verdict.NONE), (1, "gold", Verdict.MET), (2, "gold", Verdict.BREACHED)]


def test_a_changed_calendar_reaches_the_policies_that_count_by_it() -> None:
    setup = configured(silver=resolution(480), gold=resolution(60, when={"priority": 1}))
    longer = {"zone": "Europe/Berlin", "openings": {"monday-friday": "08:00-20:00"}}
    document = DeskDocument.model_validate({"calendars": {"office": longer}})
    events, after = laid_over(document, setup)
    assert [type(event) for event in events] == [CalendarVersioned, PolicyVersioned, PolicyVersioned]
    assert {policy.calendar_version for policy in after.policies_in_force.values()} == {2}
    assert setup.policies.keys() < after.policies.keys()
    desk = opened("2026-03-30 19:00").then(e.TicketResolved, "2026-03-31 16:30", code="done")
    for supposition, verdict in ((setup, Verdict.MET), (after, Verdict.BREACHED)):
        policies = Configured(lambda supposition=supposition: supposition)  # type: ignore[misc]
        found = by_name(supposed(desk.events, supposition), LATE, policies)
        assert found[Kind.RESOLUTION, 1].verdict is verdict


def test_what_is_laid_over_is_calendars_and_policies_alone() -> None:
    setup = configured(silver=resolution(480))
    document = DeskDocument.model_validate(
        {
            "departments": {"it": {"name": "Renamed"}, "new": {"name": "New"}},
            "calendars": {"office": {"zone": "Europe/Berlin", "openings": {"monday-friday": "09:00-17:00"}}},
            "policies": {"silver": {"calendar": "office", **resolution(480)}},
        }
    )
    events, after = laid_over(document, setup)
    assert (events, after) == ([], setup)
