"""Sentences read as a person would say them."""

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from domain.envelope import ERASED, SEALED, Act, Actor, Event, Seal
from domain.setup import events as s
from domain.ticket import events as e
from examples import MONDAY, PERSON, placed
from projections.audit import Names, sentence, tell

NAMES = Names(
    agents={"alice": "Alice", "bob": "Bob", "carol": "Carol"},
    groups={"network": "Network"},
    departments={"it": "IT", "hr": "Human resources"},
    people={str(PERSON): "Petra Prosser"},
)
BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
HANDED_OVER = placed(e.TicketAssigned(old="carol", assignee="bob", reason="Bob knows the concentrator"))


def said(event: Event) -> str:
    return sentence(placed(event), NAMES, BERLIN)


def test_an_assignment_says_who_what_when_and_why() -> None:
    assert sentence(HANDED_OVER, NAMES, BERLIN) == (
        "On 2 March 2026 at 10:00:00 CET, Alice assigned the ticket to Bob, who takes it from Carol, "
        "because “Bob knows the concentrator”."
    )


def test_times_are_those_of_the_zone_asked_for() -> None:
    assert tell(HANDED_OVER, NAMES, ZoneInfo("UTC")).when == "2 March 2026 at 09:00:00 UTC"
    summer = replace(HANDED_OVER, occurred_at=MONDAY + timedelta(days=30))
    assert tell(summer, NAMES, BERLIN).when == "1 April 2026 at 11:00:00 CEST"
    assert tell(HANDED_OVER, NAMES, LORD_HOWE).when == "2 March 2026 at 20:00:00 +11"


def test_what_is_sealed_or_erased_is_said_to_be() -> None:
    seal = Seal(PERSON, "", {"reason": "…"})
    sealed = replace(HANDED_OVER, seal=seal, withheld="sealed", reason=SEALED)
    assert sentence(sealed, NAMES, BERLIN).endswith("from Carol, for a reason that is sealed.")
    erased = replace(HANDED_OVER, seal=seal, withheld="erased", reason=ERASED)
    assert sentence(erased, NAMES, BERLIN).endswith("from Carol, for a reason that was erased.")
    reply = replace(placed(e.AgentReplied(text=ERASED)), seal=Seal(PERSON, "", {"text": "…"}), withheld="erased")
    assert sentence(reply, NAMES, BERLIN).endswith("Alice replied to the requester (the text was erased).")
    unsaid = replace(placed(e.TicketCancelled()), withheld="sealed")
    assert sentence(unsaid, NAMES, BERLIN).endswith("Alice cancelled the ticket.")


def test_an_event_recorded_later_than_it_happened_says_so() -> None:
    late = replace(HANDED_OVER, recorded_at=MONDAY + timedelta(days=1))
    assert sentence(late, NAMES, BERLIN).endswith("concentrator” (recorded on 3 March 2026 at 10:00:00 CET).")
    prompt = replace(HANDED_OVER, occurred_at=MONDAY, recorded_at=MONDAY + timedelta(milliseconds=3))
    assert tell(prompt, NAMES, BERLIN).note == ""


@pytest.mark.parametrize(
    ("act", "who"),
    [
        (Act(actor=Actor(kind="agent", id="alice"), on_behalf_of="carol"), "Alice, on behalf of Carol, began"),
        (Act(actor=Actor(kind="agent", id="dora")), "dora began"),
        (Act(actor=Actor(kind="requester", id=str(PERSON))), "the requester Petra Prosser began"),
        (Act(actor=Actor(kind="service", id="monitoring")), "the service monitoring began"),
        (Act(actor=Actor(kind="system", id="clock")), "the desk’s own clock began"),
        (Act(actor=Actor(kind="system", id="")), "the desk itself began"),
    ],
)
def test_whoever_acted_is_named(act: Act, who: str) -> None:
    started = replace(placed(e.WorkStarted()), act=act)
    assert sentence(started, NAMES, BERLIN) == f"On 2 March 2026 at 10:00:00 CET, {who} to work on the ticket."


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (e.TicketClaimed(assignee="alice"), "Alice took the ticket on."),
        (e.TicketClaimed(assignee="bob"), "Alice let Bob take the ticket on."),
        (e.TicketReleased(old="alice"), "Alice gave the ticket back, so that nobody is answerable for it."),
        (e.TicketReleased(old="bob"), "Alice took the ticket from Bob, so that nobody is answerable for it."),
        (e.TicketAssigned(assignee="bob"), "Alice assigned the ticket to Bob."),
        (e.TicketRouted(old="", new="network"), "Alice routed the ticket to the group Network."),
        (e.TicketRouted(old="network", new=""), "Alice took the ticket out of the queue of the group Network."),
        (e.CategoryChanged(old="", new="network"), "Alice set the category to “network”."),
        (e.CategoryChanged(old="network", new=""), "Alice cleared the category, which was “network”."),
        (e.TicketPutOnHold(reason="vendor"), "Alice put the ticket on hold until the vendor has moved."),
        (e.AgentReplied(text="Is it back?"), "Alice replied to the requester: “Is it back?”"),
        (e.AgentReplied(text="Got it.", automatic=True), "Alice sent the requester an automatic reply: “Got it.”"),
        (e.TimeLogged(entry=1, minutes=1), "Alice logged 1 minute of work (entry 1)."),
        (
            e.TicketEscalated(kind="functional", group="network", skill="vpn", reason="too hard"),
            "Alice escalated the ticket to the group Network, calling for the skill “vpn”, because “too hard”.",
        ),
        (
            e.RequesterChanged(old=PERSON, new=UUID(int=7)),
            "Alice made the ticket the request of person 00000000 instead of Petra Prosser.",
        ),
        (
            e.TicketCorrected(old={"assignee": "bob"}, new={"assignee": ""}, why="he left"),
            "Alice put the record right: assignee is nothing instead of “bob”, because “he left”.",
        ),
        (
            e.TicketCorrected(
                old={"closed_at": None, "fields": {"code": "5"}},
                new={"closed_at": MONDAY.isoformat(), "fields": {"code": "6"}},
                why="source",
            ),
            "Alice put the record right: closed at is 2 March 2026 at 10:00:00 CET instead of nothing and "
            "field “code” is “6” instead of “5”, because “source”.",
        ),
        (
            s.RoleGranted(grantee="bob", role="agent", departments=("it", "hr")),
            "Alice gave Bob the role “agent” in the department IT and the department Human resources.",
        ),
        (s.RoleGranted(grantee="bob", role="admin", departments=("*",)), "Alice gave Bob the role “admin” everywhere."),
    ],
)
def test_sentences_read_well(event: Event, words: str) -> None:
    assert said(event) == f"On 2 March 2026 at 10:00:00 CET, {words}"
