"""Ordering: commands on one ticket, from the order to the facts, the receipt or the refusal; once for each key."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from uuid import UUID, uuid4

from domain.access.events import AccessRefused
from domain.clock.attaching import service_level
from domain.desk.keeping import record_decision, repeated, request_stream
from domain.desk.order import IdempotencyKey, Order, Receipt
from domain.desk.owning import with_owner
from domain.desk.permitting import may_see, must_be_allowed, when
from domain.desk.preserving import holds_over, must_not_be_held
from domain.desk.signing import must_be_signed, proved_again, signature
from domain.desk.tasks import Task
from domain.desk.work import Draft
from domain.envelope import Act, Event
from domain.errors import (
    DepartmentNotFound,
    NotAllowed,
    PersonNotFound,
    ReferenceTaken,
    Refused,
    SignerNotProved,
    TicketMovedOn,
    TicketNotFound,
)
from domain.person.events import PersonEvent, PersonRegistered
from domain.setup.events import SETUP
from domain.store.keys import SubjectKeys
from domain.store.uploads import Uploads
from domain.ticket.commands import COMMANDS, Command, Elsewhere, Situation, decide, must_be_where_it_is_possible
from domain.ticket.commands.attaching import Attach
from domain.ticket.commands.classifying import ChangeRequester
from domain.ticket.commands.conversing import Reply
from domain.ticket.commands.expiring import Expire
from domain.ticket.commands.opening import FollowUp, Open, Requester, Split
from domain.ticket.commands.redacting import Redact
from domain.ticket.events import AttachmentAdded, RequesterReplied, TicketEvent, TicketOpened
from domain.ticket.file import File
from domain.ticket.state import Ticket

THE_CALLER = Requester()
"""The requester of a command that names none."""


class Ordering(Task):
    """One or several commands on one ticket, carried out together or not at all."""

    def __init__(
        self,
        orders: Sequence[Order],
        keys: SubjectKeys,
        uploads: Uploads,
        key: IdempotencyKey | None,
        access: Callable[[], UUID],
    ) -> None:
        super().__init__()
        self.orders = orders
        self.keys = keys
        self.uploads = uploads
        self.key = key
        self.access = access
        self.timed = any(order.command.TIMED for order in orders)
        self.backdated = self.timed or any(order.command.occurred_at is not None for order in orders)
        self.opens = sum(isinstance(order.command, Open | Split | FollowUp) for order in orders)
        self.request = request_stream(keys, key) if key else None
        self.fresh = uuid4()
        self.opened: int | None = None
        self.ticket = Ticket()
        self.repeated: Receipt | Refused | None = None
        self.refusal: Refused | None = None
        self._persons: dict[int, UUID] = {}

    def refs(self) -> Iterable[str]:
        return self._refs

    @cached_property
    def _refs(self) -> tuple[str, ...]:
        named = (ref for order in self.orders for ref in (order.ticket, *order.command.others()) if ref)
        return tuple(dict.fromkeys(named))

    @cached_property
    def _access(self) -> UUID:
        return self.access()

    def streams(self, find: Callable[[str], UUID | None], known: Callable[[UUID], Ticket]) -> set[UUID]:
        streams = {stream for ref in self.refs() if (stream := find(ref)) is not None}
        streams |= {merged for stream in streams if (merged := known(stream).merged_into) is not None}
        streams |= {self.person_of(order) for order in self.orders if _names_person(order.command)}
        if self.request is not None:
            streams.add(self.request)
        streams.add(self._access)
        return streams

    def new_streams(self) -> set[UUID]:
        opened = {UUID(order.ticket) for order in self.orders if isinstance(order.command, Open) and order.ticket}
        return opened | ({self._access} if self.request is None else {self._access, self.request})

    def person_of(self, order: Order) -> UUID:
        """The stream of the person whom a command names, or of the caller; found out once, for it is a keyed digest."""
        known = self._persons.get(id(order))
        if known is None or self.keys.is_erased(known):
            known = self._persons[id(order)] = self._find_person(order)
        return known

    def _find_person(self, order: Order) -> UUID:
        asked = getattr(order.command, "requester", None) or THE_CALLER
        if asked.id is not None:
            return asked.id
        if asked.email:
            return self.keys.person("email", asked.email.casefold())
        if asked.handle:
            return self.keys.person("handle", order.handles_of or order.principal.actor.id, asked.handle)
        if order.principal.person is not None:
            return order.principal.person
        return self.keys.person(order.principal.actor.kind, order.principal.actor.id)

    def decide(self, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        self.opened, self.repeated, self.refusal = None, None, None
        if self.request is not None and self._is_repeated(draft):
            return
        for order in self.orders:
            if isinstance(order.proof, Refused):
                # Not kept with the key: the same request may come again, signed by who proves who they are.
                self.refusal = order.proof
                self._note_refusal(order.proof, draft, find)
                return
        try:
            for order in self.orders:
                self._carry_out(order, draft, find)
        except Refused as refused:
            draft.events.clear()
            draft.streams.clear()
            self.refusal = refused
            self._note_refusal(refused, draft, find)
        if self.request is not None:
            self._record_decision(draft)
        elif self.refusal is not None and not draft.events:
            raise self.refusal

    def _carry_out(self, order: Order, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        try:
            self._one(order, order.command, draft, find)
        except Refused:
            if order.otherwise is None:
                raise
            self._one(order, order.otherwise, draft, find)

    def _one(self, order: Order, command: Command, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        stream, ticket = self._target(order, command, draft, find)
        must_be_allowed(command, ticket, order.principal)
        if order.if_match is not None and order.if_match != ticket.version:
            raise TicketMovedOn(version=ticket.version)
        entrance = ticket
        while ticket.merged_into is not None and command.MERGED == "passed-on":
            stream = ticket.merged_into
            ticket = draft.ticket(stream)
        must_be_where_it_is_possible(command, ticket, COMMANDS)
        department = command.department if isinstance(command, Open) else ticket.department
        setup = draft.setup
        request_type = command.request_type if isinstance(command, Open) else ticket.request_type
        must_be_signed(command, department, request_type, setup, order)
        # Not what a consumer makes of it, for what a backup has brought back.
        if type(command) in (Redact, Expire):
            versions = command.versions if isinstance(command, Redact) else range(1, ticket.version + 1)
            sealed_for = self.keys.subjects_of(stream, versions)
            holds = setup.holds_on(draft.work.now, persons=sealed_for)
            must_not_be_held((*holds_over(setup, ticket, draft.work.now), *holds))
        occurred_at = when(command, department, setup, order.principal, draft.work.now)
        situation = Situation(
            now=occurred_at or draft.work.now,
            setup=setup,
            principal=order.principal,
            others=self._others(order, command, ticket, draft, find),
            fresh=self.fresh,
            number=draft.work.numbers() if _may_open(command, ticket) else 0,
            requester=self.person_of(order) if _names_person(command) else ticket.requester,
            entrance=None if entrance is ticket else entrance,
            file=self._file(order, command, draft) if isinstance(command, Attach) else None,
        )
        if command.TIMED:
            situation = draft.timed(situation, stream)
        decided = list(decide(command, ticket, situation))
        act = Act(
            actor=order.principal.actor,
            on_behalf_of=order.on_behalf_of,
            channel=order.channel,
            correlation_id=order.correlation_id,
            causation_id=order.causation_id or self._cause(),
        )
        if _names_person(command):
            self._meet(order, command, draft, act)
        before: dict[UUID, Ticket] = {}
        for event in decided:
            place, fact = (event.stream, event.event) if isinstance(event, Elsewhere) else (stream, event)
            current = draft.ticket(place)
            before.setdefault(place, current)
            fact = with_owner(fact, current, order.principal, setup, self.keys)
            subject = _subject(fact, current, entrance, order)
            draft.record(place, fact, act, occurred_at=occurred_at, subject=subject)
            if isinstance(fact, AttachmentAdded):
                draft.take(fact.attachment)
            if isinstance(fact, TicketOpened):
                self.opened = fact.number
        for place, earlier in before.items():
            for fact in service_level(earlier, draft.ticket(place), setup, command.VERB):
                draft.record(place, fact, act, occurred_at=occurred_at)
        if command.signature is not None:
            self._sign(order, command, draft, stream, act)
        # A ticket that was merged into one that its requester may not see answers for itself.
        hidden = entrance is not ticket and not may_see(ticket, order.principal)
        self.ticket = entrance if hidden else draft.ticket(stream)

    def _file(self, order: Order, command: Attach, draft: Draft) -> File | None:
        """The file that the command puts to a ticket, if it is the caller's or of the door through which they came,
        and nobody is about to take it.
        """
        if draft.is_taken(command.upload):
            return None
        file = self.uploads.file(command.upload, self.uploads.holder(order.principal), draft.work.now)
        if file is None and order.handles_of:
            door = self.keys.stream_of("person", "service", order.handles_of)
            file = self.uploads.file(command.upload, door, draft.work.now)
        return file

    def _cause(self) -> str:
        """What led to the events of a request through a door: the request."""
        return str(self.request) if self.key is not None and self.key.department else ""

    def _sign(self, order: Order, command: Command, draft: Draft, stream: UUID, act: Act) -> None:
        """Put the signature behind the act, so that it covers it."""
        proved = proved_again(order, draft.setup)
        if proved is not None:
            draft.record(SETUP, proved, act)
        signer = self.keys.person("agent", order.principal.actor.id)
        draft.record(stream, signature(command, order, draft.work.now), act, subject=signer)

    def _target(
        self, order: Order, command: Command, draft: Draft, find: Callable[[str], UUID | None]
    ) -> tuple[UUID, Ticket]:
        if isinstance(command, Open):
            stream = UUID(order.ticket) if order.ticket else self.fresh
            if draft.stream(stream).version and self.key is not None and self.key.reference:
                raise ReferenceTaken()
            if draft.stream(stream).version:
                raise TicketMovedOn("This ticket is there already.", version=draft.stream(stream).version)
            return stream, Ticket()
        found = find(order.ticket)
        if found is None:
            raise TicketNotFound()
        return found, draft.ticket(found)

    def _others(
        self, order: Order, command: Command, ticket: Ticket, draft: Draft, find: Callable[[str], UUID | None]
    ) -> dict[str, Ticket]:
        others: dict[str, Ticket] = {}
        for ref in command.others():
            stream = find(ref)
            other = draft.ticket(stream) if stream is not None else Ticket()
            must_be_allowed(command, other, order.principal)
            others[ref] = other
            if other.merged_into is not None:
                # Where it went is told to those who may see it there.
                target = draft.ticket(other.merged_into)
                if may_see(target, order.principal):
                    others[str(other.merged_into)] = target
        if ticket.merged_into is not None:
            others[str(ticket.merged_into)] = draft.ticket(ticket.merged_into)
        return others

    def _meet(self, order: Order, command: Command, draft: Draft, act: Act) -> None:
        """Register the person whom the command names, unless the desk knows them."""
        person = self.person_of(order)
        asked: Requester = getattr(command, "requester", None) or THE_CALLER
        if self.keys.is_erased(person):
            raise PersonNotFound("This person was erased.")
        if isinstance(draft.stream(person).first, PersonEvent):
            return
        if asked.id is not None:
            raise PersonNotFound()
        handle = asked.handle or ("" if asked.email else order.principal.actor.id)
        registered = PersonRegistered(name=asked.name, email=asked.email, handle=handle, tier=asked.tier)
        draft.record(person, registered, act, subject=person)

    def _is_repeated(self, draft: Draft) -> bool:
        assert self.key is not None
        assert self.request is not None
        self.repeated = repeated(draft.stream(self.request).first, self.key)
        return self.repeated is not None

    def _record_decision(self, draft: Draft) -> None:
        assert self.key is not None
        assert self.request is not None
        order = self.orders[0]
        decision = self.refusal or self._receipt(0, draft.events)
        act = Act(actor=order.principal.actor, channel=order.channel, correlation_id=order.correlation_id)
        of_whom = self.ticket.requester if self.refusal is None else order.principal.person
        record_decision(draft, self.request, self.key, decision, act, of_whom)

    def _note_refusal(self, refused: Refused, draft: Draft, find: Callable[[str], UUID | None]) -> None:
        """A refusal of access is itself a fact; that something is not there at all is none."""
        order = self.orders[0]
        ticket = find(order.ticket) if order.ticket else None
        department = getattr(order.command, "department", "")
        hidden = isinstance(refused, TicketNotFound) and ticket is not None
        closed = isinstance(refused, DepartmentNotFound) and department in draft.setup.departments
        if isinstance(refused, NotAllowed) or hidden or closed:
            fact = AccessRefused(
                permission="ticket.sign" if isinstance(refused, SignerNotProved) else order.command.PERMISSION,
                code=refused.code,
                ticket=ticket,
                department=department if closed else "",
                origin=order.channel,
            )
            draft.record(self._access, fact, Act(actor=order.principal.actor, channel=order.channel))

    def _receipt(self, position: int, events: Sequence[Event]) -> Receipt:
        return Receipt(
            ticket=self.ticket.ticket,
            number=self.ticket.number,
            version=self.ticket.version,
            position=position,
            events=tuple(event.TYPE for event in events if isinstance(event, TicketEvent)),
            opened=self.opened,
        )

    def answer(self, position: int) -> Receipt | Refused:
        if self.repeated is not None:
            return self.repeated
        if self.refusal is not None:
            return self.refusal
        return self._receipt(position, self.events)


def _names_person(command: Command) -> bool:
    return isinstance(command, Open | ChangeRequester)


def _may_open(command: Command, ticket: Ticket) -> bool:
    """Whether the decision may open a ticket and so needs a number for it."""
    return isinstance(command, Open | Split | FollowUp) or (
        isinstance(command, Reply) and ticket.status in ("closed", "cancelled")
    )


def _subject(event: TicketEvent, ticket: Ticket, entrance: Ticket, order: Order) -> UUID:
    """Of whom the event tells: the requester, or whoever wrote for themselves.

    A service hands on what others wrote, and so does whoever uses its door.
    """
    if isinstance(event, TicketOpened):
        return event.requester
    writer = order.principal
    if isinstance(event, AttachmentAdded):
        theirs = writer.person == entrance.requester or not writer.may("ticket.reply-as-agent", ticket.department)
    else:
        theirs = isinstance(event, RequesterReplied)
    if not theirs:
        return ticket.requester
    if writer.person is None or writer.actor.kind == "service" or order.on_behalf_of or order.handles_of:
        return entrance.requester
    return writer.person
