"""What the events of a bundle tell, in words: pure, so that whoever has the events gets the same words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from api.evidence.archive import BundleRefused
from api.evidence.bundle import Bundle, Parts
from api.evidence.opening import place_of
from domain.access.events import AccessEvent
from domain.clock.asking import explanations_of
from domain.clock.clocks import UnknownPolicy
from domain.clock.configured import Configured
from domain.clock.explain import Explanation
from domain.clock.policy import Policies
from domain.envelope import ERASED, Event
from domain.moments import zone_named
from domain.person.events import PersonEvent
from domain.person.naming import name_of
from domain.record.digest import record_digest
from domain.setup import state as setup_state
from domain.setup.events import AgentDefined, DepartmentDefined, GroupDefined, SetupEvent
from domain.ticket import events as e
from domain.ticket import state as ticket_state
from domain.ticket.fact import TicketEvent
from domain.ticket.state import Ticket
from projections.audit import Names, Wording, tell

_KINDS: dict[str, type[Event] | tuple[type[Event], ...]] = {
    "ticket": TicketEvent,
    "persons": PersonEvent,
    "configuration": SetupEvent,
    "access": AccessEvent,
}
_ENDS_A_HOLD = (e.TicketResumed, e.WorkStarted, e.TicketResolved, e.TicketClosed, e.TicketCancelled, e.TicketMergedInto)


@dataclass(frozen=True)
class Told:
    """An event in words."""

    event: Event
    words: Wording


@dataclass(frozen=True)
class Hold:
    """The ticket waited for ``reason``; ``end`` is None while it still does."""

    reason: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Signature:
    """An electronic signature; ``fits``: the events before it are those that were signed."""

    signed: e.TicketSigned
    fits: bool


@dataclass(frozen=True)
class Story:
    """A ticket's life and what bears on it, as of when the bundle was made."""

    bundle: Bundle
    zone: ZoneInfo
    names: Names
    today: Ticket
    ticket: Sequence[Told]
    persons: Sequence[Told]
    configuration: Sequence[Told]
    access: Sequence[Told]
    holds: Sequence[Hold]
    signatures: Sequence[Signature]
    clocks: Sequence[Explanation]
    policies: Policies


def story_of(bundle: Bundle, events: Mapping[int, Event]) -> Story:
    """The story of a bundle whose opened ``events`` are given by position; raises ``BundleRefused``."""
    parts = bundle.description.parts
    _must_fit(parts, events)
    ticket, persons, configuration, access = (
        [events[position] for position in positions]
        for positions in (parts.ticket, parts.persons, parts.configuration, parts.access)
    )
    try:
        zone = zone_named(bundle.description.zone)
    except ValueError as fault:
        raise BundleRefused(str(fault)) from None
    setup = setup_state.fold(configuration)
    policies = Configured(lambda: setup)
    try:
        clocks = explanations_of(ticket, bundle.description.made_at, policies)
    except (UnknownPolicy, KeyError):
        raise BundleRefused("a service level that the ticket names is not among the configuration") from None
    names = _names(persons, configuration)

    def told(some: Sequence[Event]) -> list[Told]:
        return [Told(event, tell(event, names, zone)) for event in some]

    return Story(
        bundle=bundle,
        zone=zone,
        names=names,
        today=ticket_state.fold(ticket),
        ticket=told(ticket),
        persons=told(persons),
        configuration=told(configuration),
        access=told(access),
        holds=list(_holds(ticket)),
        signatures=list(_signatures(bundle, ticket)),
        clocks=clocks,
        policies=policies,
    )


def _must_fit(parts: Parts, events: Mapping[int, Event]) -> None:
    """Refuse an event that plays a part which is not its own."""
    for name, kind in _KINDS.items():
        positions = getattr(parts, name)
        if list(positions) != sorted(set(positions)):
            raise BundleRefused(f"bundle.json does not list the events of {name} in their order")
        for position in positions:
            if not isinstance(events[position], kind):
                raise BundleRefused(f"bundle.json takes the event at position {position} for one of {name}")


def _names(persons: Sequence[Event], configuration: Sequence[Event]) -> Names:
    """What everything is called by the newest of these events."""
    agents = {event.agent: event.name for event in configuration if isinstance(event, AgentDefined)}
    histories: dict[UUID, list[Event]] = {}
    for event in persons:
        histories.setdefault(event.stream, []).append(event)
    people = {str(person): name_of(history) for person, history in histories.items()}
    return Names(
        agents=_known(agents),
        groups={event.group: event.name for event in configuration if isinstance(event, GroupDefined)},
        departments={event.department: event.name for event in configuration if isinstance(event, DepartmentDefined)},
        people=_known(people),
    )


def _known(names: Mapping[str, str]) -> dict[str, str]:
    return {handle: name for handle, name in names.items() if name not in ("", ERASED)}


def _holds(ticket: Sequence[Event]) -> Iterator[Hold]:
    held: e.TicketPutOnHold | None = None
    for event in ticket:
        if held is not None and isinstance(event, (e.TicketPutOnHold, *_ENDS_A_HOLD)):
            yield Hold(held.reason, held.effective_at, event.effective_at)
            held = None
        if isinstance(event, e.TicketPutOnHold):
            held = event
    if held is not None:
        yield Hold(held.reason, held.effective_at, None)


def _signatures(bundle: Bundle, ticket: Sequence[Event]) -> Iterator[Signature]:
    for at, event in enumerate(ticket):
        if isinstance(event, e.TicketSigned):
            exhibits = ((one, bundle.exhibits[one.position]) for one in ticket[:at])
            # By the type it was stored as, which an older event does not have when it is read today.
            before = ((one.version, place_of(one.position, own).type, own.body) for one, own in exhibits)
            yield Signature(event, event.digest == record_digest(event.stream, before))
