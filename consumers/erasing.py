"""Erasing: what was ordered to be erased is carried out, from the orders in the record and by nothing else.

An order is an event; destroying is its consequence. Whoever holds the lease takes all orders that no completion covers,
writes them on the list outside the database, destroys the keys, has the tables of keys written anew, builds every view
that shows personal data anew and throws the old ones away, removes the files that were attached, and records that it
is complete. Each step can be repeated, so whoever comes next goes on where the last one died. Files are the last, since
nothing opens them once the key is gone: while their place cannot be reached, they are all that is left to do.

No view has to be waited for: one that is built anew reads the events again, without the keys, and fences off whoever
has read them before.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event as Flag

from consumers.erasures import Erasures
from consumers.follow import rebuild
from consumers.lease import Leases
from consumers.loop import Halted, NotYet, reason, run
from consumers.project import connect
from domain.access.principal import system
from domain.desk import Desk, Order
from domain.desk.forgetting import complete_erasures, erase, erased_through
from domain.envelope import Act, Event
from domain.errors import NothingChanges, Unreachable
from domain.person.events import PersonErasureOrdered
from domain.store.chunks import path_of
from domain.store.clearing import clear
from domain.store.handing_out import chunks_of
from domain.store.places import Place
from domain.ticket.commands.redacting import Redact
from domain.ticket.events import TicketRedacted
from projections.engine import RebuildUnderWay, Stopped, View, drop_retired

REST_S = 0.5
AWAY_S = 5.0
"""Between two looks for a place of files that cannot be reached."""
_AT_ONCE = 1_000
"""Parts of files that are removed between two words of how far it has come."""
ERASER = system("eraser")
_ACT = Act(actor=ERASER.actor, channel="eraser")
_AGAIN = "It stands on the list of erasures, and a backup had brought it back."
_log = logging.getLogger("acta.erasing")


class _RedactAgain(Redact):
    """What was redacted stays so, whatever legal holds a backup has brought back."""


class Eraser:
    """Carries out orders; ``stage`` of ``tell`` is what is being done, for whoever waits.

    ``views_dsn`` is of the role that owns the views; ``partitions`` of the topic that they are fed from (0: the store);
    ``place`` is where attached files lie.
    """

    def __init__(
        self,
        desk: Desk,
        views_dsn: str,
        views: Sequence[View],
        erasures: Erasures,
        place: Place,
        *,
        partitions: int = 0,
        tell: Callable[[str], None] = lambda stage: None,
    ) -> None:
        self._desk = desk
        self._dsn = views_dsn
        self._views = [view for view in views if view.personal()]
        self._erasures = erasures
        self._place = place
        self._partitions = partitions
        self.tell = tell
        self._through = erased_through(desk)
        self._unreadable_through = 0

    def waiting(self) -> list[Event]:
        """The orders that have not been carried out."""
        if not (found := self._desk.store.orders(self._through)):
            return []
        # Another one may have done it.
        self._through = erased_through(self._desk)
        return [self._desk.sealing.decoded(stored) for stored in found if stored.position > self._through]

    def carry_out(self, orders: Sequence[Event]) -> None:
        """Carry out ``orders``, all of them since the last completion; may be begun again at any time.

        Raises ``Unreachable`` when nothing is left but files, whose place cannot be reached.
        """
        through = orders[-1].position
        if through > self._unreadable_through:
            self._make_unreadable(orders)
            self._unreadable_through = through
        files = self._remove_files(orders)
        complete_erasures(self._desk, through, [order.position for order in orders], files, _ACT)
        self._through = through
        _log.info("consumer=erasing state=completed orders=%d files=%d through=%d", len(orders), files, through)

    def _make_unreadable(self, orders: Sequence[Event]) -> None:
        """Leave nothing that shows what the orders name, nor a key that opens it."""
        self.tell("destroying the keys")
        self._erasures.add(orders)
        for order in orders:
            self._desk.keys.destroy(order.position)
        self._desk.keys.learn()
        self._desk.keys.rewrite()
        for view in self._views:
            self.tell(f"building the view '{view.name}' anew")
            rebuild(self._desk, self._dsn, view, partitions=self._partitions)
            with connect(self._dsn) as connection:
                drop_retired(connection, view)

    def _remove_files(self, orders: Sequence[Event]) -> int:
        """Remove the files that the orders name, and what the persons had on its way in; how many were attached."""
        persons = [order for order in orders if isinstance(order, PersonErasureOrdered)]
        redacted = [order for order in orders if isinstance(order, TicketRedacted)]
        stored = self._desk.store.attachments(
            subjects=[order.subject for order in persons],
            places=[(order.stream, version) for order in redacted for version in order.versions],
        )
        chunks = chunks_of(map(self._desk.sealing.decoded, stored))
        if chunks:
            self._place.must_be_there()
        for done in range(0, len(chunks), _AT_ONCE):
            self.tell(f"removing {len(stored)} files, {done:,} of {len(chunks):,} parts")
            self._place.remove([path_of(address) for address in chunks[done : done + _AT_ONCE]])
        if persons:
            uploads = self._desk.uploads
            uploads.give_up_all(
                [holder for order in persons for holder in {order.stream, order.subject}], self._desk.now()
            )
            while clear(uploads, self._place, self._desk.now()):
                self.tell("removing what was uploaded")
        return len(stored)

    def order_again(self) -> int:
        """Order once more what stands on the list and is there all the same; return how many orders that took."""
        there = 0
        for person, subject in self._erasures.persons():
            if self._desk.keys.find((subject,)):
                erase(self._desk, person, _AGAIN, _ACT, in_spite_of_holds=True)
                there += 1
        redacted: dict[str, list[int]] = {}
        for stream, version in self._desk.store.wrapped_keys(self._erasures.messages()):
            redacted.setdefault(str(stream), []).append(version)
        for ticket, versions in redacted.items():
            command = _RedactAgain(versions=tuple(versions), reason=_AGAIN)
            try:
                self._desk.handle(Order(command=command, principal=ERASER, ticket=ticket, channel="eraser"))
            except NothingChanges:
                continue  # Its order came back, too, and waits.
            there += 1
        return there


def erasing(lease_dsn: str, begin: Callable[[], Eraser], stop: Flag, *, patience_s: float = 10.0) -> None:
    """Carry out orders to erase until ``stop`` is set; stands by while another process does.

    ``lease_dsn`` is of any role on the store's database.
    """
    run("erasing", lambda: _Erasing(Leases(lease_dsn, patience_s), begin()), stop)


def erase_now(lease_dsn: str, eraser: Eraser, *, files: bool = True, patience_s: float = 10.0) -> None:
    """Return once every order has been carried out, by this process unless another one does it.

    Passing trouble is waited out, as everywhere; without ``files`` not that their place cannot be reached.
    """
    stop = Flag()
    run("erasing", lambda: _Erasing(Leases(lease_dsn, patience_s), eraser, stop.set, files=files), stop)


def forget_again(lease_dsn: str, eraser: Eraser, *, patience_s: float = 10.0) -> int:
    """Erase what a backup has brought back, before anybody sees it; return how many orders that took.

    Files whose place cannot be reached are left to whoever keeps erasing: nobody can open them.
    """
    erase_now(lease_dsn, eraser, files=False, patience_s=patience_s)
    if ordered := eraser.order_again():
        erase_now(lease_dsn, eraser, files=False, patience_s=patience_s)
    return ordered


class _Erasing:
    """One life of an eraser."""

    def __init__(
        self, leases: Leases, eraser: Eraser, done: Callable[[], None] = lambda: None, *, files: bool = True
    ) -> None:
        self._leases = leases
        self._eraser = eraser
        self._done = done
        self._files = files
        self._active = False

    def step(self) -> float:
        self._leases.hold()
        orders = self._eraser.waiting()
        if not orders:
            self._done()
            return REST_S
        if not self._active:
            self._active = self._leases.take("erasing")
            return 0.0 if self._active else REST_S
        try:
            self._eraser.carry_out(orders)
        except (Halted, RebuildUnderWay, Stopped) as fault:
            # Other orders can be given meanwhile, and none may be forgotten over it.
            raise NotYet(f"a view cannot be built anew: {fault}") from None
        except Unreachable as fault:
            _log.warning("consumer=erasing state=waiting orders=%d reason=%r", len(orders), reason(fault))
            self._eraser.tell(f"waiting for the place of files: {fault}")
            if not self._files:
                self._done()
            return AWAY_S
        return 0.0

    def close(self) -> None:
        self._leases.close()
