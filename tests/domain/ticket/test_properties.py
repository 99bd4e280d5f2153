"""Whatever is asked of a ticket, in whatever order: what must always hold."""

from datetime import timedelta
from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from domain.access.principal import Principal
from domain.errors import Refused
from domain.store import codec
from domain.ticket import state as ticket_state
from domain.ticket.commands import (
    COMMANDS,
    Command,
    Elsewhere,
    Situation,
    decide,
    must_be_where_it_is_possible,
    possible,
)
from domain.ticket.events import TicketEvent
from domain.ticket.state import Ticket
from examples import MONDAY, OTHER, PERSON, TICKET, placed
from given_when_then import DESK, FRESH, agent, opened, requester, ticket_after

TARGET = ticket_after(opened(number=3800), stream=OTHER)
OTHERS = {"3800": TARGET, str(OTHER): TARGET}
TEXT = st.sampled_from(["yes", "no", "perhaps"])


def commands() -> st.SearchStrategy[Command]:
    """Any command but opening and importing, plausibly filled in."""
    fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "assign": {"assignee": st.sampled_from(["alice", "bob", "nobody"])},
        "route": {"group": st.sampled_from(["service-desk", "network", "people"])},
        "transfer": {"department": st.sampled_from(["it", "hr", "legal"])},
        "reply": {"text": TEXT, "automatic": st.booleans()},
        "note": {"text": TEXT},
        "hold": {"reason": st.sampled_from(["requester", "vendor", "problem", "evidence", "approval"])},
        "escalate": {
            "kind": st.sampled_from(["functional", "hierarchical"]),
            "skill": st.sampled_from(["", "vpn"]),
            "reason": TEXT,
        },
        "de-escalate": {"level": st.integers(0, 2)},
        "classify": {"category": TEXT},
        "prioritise": {"impact": st.integers(1, 3), "urgency": st.integers(1, 3)},
        "tag": {"tags": st.lists(TEXT, min_size=1, max_size=2)},
        "untag": {"tags": st.lists(TEXT, min_size=1, max_size=2)},
        "set-field": {"fields": st.dictionaries(TEXT, st.one_of(st.none(), st.integers(0, 2), TEXT), min_size=1)},
        "resolve": {"code": st.just("fixed")},
        "rate": {"score": st.integers(1, 5)},
        "split": {"title": TEXT},
        "follow-up": {"text": TEXT},
        "link": {"kind": st.sampled_from(["causes", "relates"]), "other": st.just("3800")},
        "unlink": {"kind": st.sampled_from(["causes", "relates"]), "other": st.just("3800")},
        "merge": {"into": st.just("3800")},
        "log-time": {"minutes": st.integers(1, 90)},
        "correct-time": {"entry": st.integers(1, 2), "minutes": st.integers(0, 90), "reason": TEXT},
    }
    plain = ["claim", "release", "watch", "unwatch", "start", "resume", "close", "reopen", "cancel", "unmerge"]
    plain += ["mark-spam", "unmark-spam"]
    filled = [st.builds(COMMANDS[verb], **given) for verb, given in fields.items()]
    return st.one_of(*filled, *(st.builds(COMMANDS[verb]) for verb in plain))


def act(ticket: Ticket, command: Command, who: Principal, version_at: int) -> tuple[Ticket, list[TicketEvent]]:
    """The ticket after a command, and its new events; both as before if it is refused."""
    now = MONDAY + timedelta(hours=version_at)
    situation = Situation(now=now, setup=DESK, principal=who, others=OTHERS, fresh=FRESH, number=4000, requester=PERSON)
    try:
        must_be_where_it_is_possible(command, ticket, COMMANDS)
        decided = list(decide(command, ticket, situation))
    except Refused:
        return ticket, []
    events: list[TicketEvent] = []
    for fact in decided:
        if not isinstance(fact, Elsewhere):
            event = placed(fact, ticket.version + 1, at=now)
            assert isinstance(event, TicketEvent)
            ticket = ticket_state.fold([event], ticket)
            events.append(event)
    return ticket, events


@settings(max_examples=150, deadline=None)
@for_all(st.lists(st.tuples(commands(), st.booleans()), max_size=40))
def test_any_interleaving_of_commands_keeps_the_rules(asked: list[tuple[Command, bool]]):
    history = [placed(opened(), 1)]
    ticket = ticket_state.fold(history)
    for n, (command, by_requester) in enumerate(asked, start=1):
        before = ticket
        ticket, events = act(before, command, requester() if by_requester else agent(), n)
        history += events
        for event in events:
            check(ticket_state.fold(history[: history.index(event) + 1]))
        check(ticket)
        assert ticket.version == len(history)
        assert ticket.number == before.number
        assert ticket.opened_at == before.opened_at
    assert ticket_state.fold(history) == ticket
    stored = [codec.encode(codec.unplaced(event)) for event in history]
    loaded = [
        codec.decode(e.TYPE, body, stream=TICKET, version=e.version, position=1, recorded_at=e.recorded_at)
        for e, body in zip(history, stored, strict=True)
    ]
    assert ticket_state.fold(loaded) == ticket


def check(ticket: Ticket) -> None:
    """What holds of every ticket at every moment."""
    assert (ticket.status == "on_hold") == bool(ticket.hold_reason)
    assert ticket.hold_until is None or ticket.status == "on_hold"
    assert (ticket.closed_at is not None) == (ticket.status in ("closed", "cancelled"))
    assert ticket.resolved_at is None or ticket.status in ("resolved", "closed")
    assert not (ticket.assignee and ticket.group and ticket.group not in DESK.agents[ticket.assignee].groups)
    assert 1 <= ticket.priority <= 5
    assert ticket.priority == DESK.priority(ticket.impact, ticket.urgency) or ticket.priority_overridden
    offered = possible(ticket, COMMANDS)
    assert offered
    assert "open" not in offered
