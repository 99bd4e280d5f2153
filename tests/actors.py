"""The processes that the tests of faults start and kill: ``python actors.py <part> <JSON of where everything is>``.

Parts: ``relay``, ``project``, ``write``, ``intake``, ``outcomes``, ``api``, ``clock``, ``ledger``, ``announce``,
``eraser``, ``webhooks``. An eraser or an intake given ``stop_after`` stops itself when it has done that. A ledger
given ``stop_at_sync`` stops itself before it waits for the disk for that many a time. A clock given
``stop_after_reading`` stops itself when it knows whose alarm has come and has told nobody yet. A relay given
``stop_in_transaction`` stops itself (SIGSTOP) when the messages of that transaction are at the broker and not yet
committed; a projector stops where ``watching`` does. Webhooks given ``stop_before_keeping`` stop themselves before they
keep for that many a time what came of messages that they have sent; or, as ``keeping`` says, what they have read, or of
the configuration followed.
"""

import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any
from uuid import UUID

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psycopg  # noqa: E402

import consumers.erasing  # noqa: E402
from api.problems import told  # noqa: E402
from consumers.clock import clock  # noqa: E402
from consumers.doors import Doors  # noqa: E402
from consumers.erasing import Eraser, erasing  # noqa: E402
from consumers.erasures import Erasures  # noqa: E402
from consumers.intake import intake  # noqa: E402
from consumers.kafka.outlet import Outlet  # noqa: E402
from consumers.kafka.topics import Client  # noqa: E402
from consumers.loop import stop_on_signals  # noqa: E402
from consumers.outcomes import outcomes  # noqa: E402
from consumers.project import project  # noqa: E402
from consumers.record.announcing import announce  # noqa: E402
from consumers.record.ledger import ledger  # noqa: E402
from consumers.relay import relay  # noqa: E402
from consumers.webhooks.delivering import Manner, webhooks  # noqa: E402
from consumers.webhooks.posting import Poster  # noqa: E402
from consumers.webhooks.reaching import Reach  # noqa: E402
from desks import KEK, TESTER  # noqa: E402
from domain.desk import Desk, Order  # noqa: E402
from domain.store.deliveries import Deliveries  # noqa: E402
from domain.store.keys import SubjectKeys  # noqa: E402
from domain.store.places import Directory  # noqa: E402
from domain.ticket.commands import COMMANDS  # noqa: E402
from ledgers import SIGNER  # noqa: E402
from lying_files import files_in  # noqa: E402
from projections.sla import alarms  # noqa: E402
from projections.views import ALL  # noqa: E402
from stopping import stop_here  # noqa: E402
from watching import watching  # noqa: E402

WRITERS = 4
PACE_S = 0.02
"""Between two calls of a writer: a server that is away for long must not be given more to catch up with than it can."""


@dataclass
class World:
    """Where everything is."""

    app: str
    views: str
    bootstrap: str
    topic: str
    receipts: str
    patience_s: float = 2.0
    stop_in_transaction: int = 0
    stop_after_reading: bool = False
    log: str = ""
    doors: tuple[str, ...] = ()
    prefix: str = ""
    stop_at_sync: int = 0
    erasures: str = ""
    files: str = ""
    stop_after: str = ""
    port: int = 0
    stop_before_keeping: int = 0
    keeping: str = "settle"

    @property
    def client(self) -> Client:
        return {"bootstrap_servers": self.bootstrap}


def act_as_relay(world: World, stop: Flag) -> None:
    """The real relay."""
    if world.stop_in_transaction:
        _stop_in_transaction(world.stop_in_transaction)
    desk = Desk(world.app, KEK)
    relay(desk.store, world.app, world.client, world.topic, stop, batch=50, patience_s=world.patience_s)
    desk.close()


def act_as_projector(world: World, stop: Flag) -> None:
    """The real projector, with the watching view."""
    desk = Desk(world.app, KEK)
    project(desk, world.views, [watching], world.client, world.topic, stop, patience_s=world.patience_s)
    desk.close()


def act_as_intake(world: World, stop: Flag) -> None:
    """The real intake."""
    if world.stop_after:
        _stop_after(world.stop_after)
    desk = Desk(world.app, KEK, files=files_in(Path(world.files)))
    topics = Doors(world.prefix, world.doors).requests()
    intake(desk, world.app, world.client, topics, stop, patience_s=world.patience_s)
    desk.close()


def act_as_outcomes(world: World, stop: Flag) -> None:
    """What tells outcomes, in earnest; in small transactions, so that there are many in which it can die."""
    if world.stop_in_transaction:
        _stop_in_transaction(world.stop_in_transaction)
    desk = Desk(world.app, KEK)
    doors = Doors(world.prefix, world.doors)
    outcomes(desk, world.app, world.client, doors, told, stop, batch=20, patience_s=world.patience_s)
    desk.close()


def act_as_api(world: World, stop: Flag) -> None:
    """The real API, as it is run."""
    kek = Path(world.receipts).with_name("kek")
    kek.write_bytes(KEK)
    given = {
        "ACTA_DATABASE_URL": world.app,
        "ACTA_PROJECTOR_DATABASE_URL": world.views,
        "ACTA_KEK_FILE": str(kek),
        "ACTA_PORT": str(world.port),
        "ACTA_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "serve"]
    os.execve(sys.executable, command, os.environ | given)


def act_as_clock(world: World, stop: Flag) -> None:
    """The real clock."""
    if world.stop_after_reading:
        _stop_after_reading()
    desk = Desk(world.app, KEK)
    clock(desk, world.views, stop, patience_s=world.patience_s)
    desk.close()


def act_as_ledger(world: World, stop: Flag) -> None:
    """The real ledger."""
    if world.stop_at_sync:
        _stop_at_sync(world.stop_at_sync)
    desk = Desk(world.app, KEK)
    folder = Path(world.log)
    bound_in = folder.with_name("signed")
    ledger(desk.store, world.app, folder, SIGNER, stop, bound_in=bound_in, batch=20, patience_s=world.patience_s)
    desk.close()


def act_as_eraser(world: World, stop: Flag) -> None:
    """The real eraser, of the views fed from the store."""
    if world.stop_after:
        _stop_after(world.stop_after)
    desk = Desk(world.app, KEK)
    erasures = Erasures(Path(world.erasures))
    place = Directory(Path(world.files))
    erasing(world.app, lambda: Eraser(desk, world.views, ALL, erasures, place), stop, patience_s=world.patience_s)
    desk.close()


def act_as_webhooks(world: World, stop: Flag) -> None:
    """What delivers webhooks, in earnest, to servers on this machine."""
    if world.stop_before_keeping:
        _stop_before_keeping(world.stop_before_keeping, world.keeping)
    desk = Desk(world.app, KEK)
    here = Reach(plain_hosts=("127.0.0.1",), networks=(ip_network("127.0.0.0/8"),))
    manner = Manner(plain_hosts=here.plain_hosts, schedule=(timedelta(0),) * 100)
    webhooks(desk, world.app, told, lambda: Poster(here), stop, manner=manner, patience_s=world.patience_s)
    desk.close()


def act_as_announcer(world: World, stop: Flag) -> None:
    """The real one who tells the topic of checkpoints."""
    announce(Path(world.log), SIGNER.verifier, world.app, world.client, world.topic, stop, patience_s=world.patience_s)


def act_as_writer(world: World, stop: Flag) -> None:
    """Several callers; what is acknowledged is written down: position, stream and version of each receipt."""
    desk = Desk(world.app, KEK)

    def call(number: int, receipts: int) -> None:
        ticket = ""
        while not stop.wait(PACE_S):
            verb = "note" if ticket else "open"
            fields = {"text": "still smoking"} if ticket else {"department": "it", "title": f"Printer {number}"}
            order = Order(
                command=COMMANDS[verb].model_validate(fields), principal=TESTER, ticket=ticket, channel="test"
            )
            try:
                receipt = desk.handle(order)
            except psycopg.OperationalError:
                continue
            os.write(receipts, f"{receipt.position} {receipt.ticket} {receipt.version}\n".encode())
            ticket = "" if ticket and receipt.version > 9 else str(receipt.ticket)

    receipts = os.open(world.receipts, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    callers = [Thread(target=call, args=(number, receipts)) for number in range(WRITERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    desk.close()


def _stop_in_transaction(number: int) -> None:
    committed = Outlet.commit
    left = [number]

    def commit(outlet: Outlet) -> None:
        if outlet._begun:
            left[0] -= 1
            if left[0] == 0:
                outlet.flush()
                stop_here("in a transaction")
        committed(outlet)

    Outlet.commit = commit  # type: ignore[method-assign]


def _stop_after_reading() -> None:
    read = alarms.due

    def due(*given: Any, **more: Any) -> list[UUID]:
        found = read(*given, **more)
        if found:
            stop_here("after reading")
        return found

    alarms.due = due


def _stop_after(stage: str) -> None:
    owner: Any = {
        "add": Erasures,
        "destroy": SubjectKeys,
        "rewrite": SubjectKeys,
        "remove": Directory,
        "put": Directory,
    }.get(stage, consumers.erasing)
    does = getattr(owner, stage)

    def do(*given: Any, **more: Any) -> Any:
        done = does(*given, **more)
        stop_here(f"after {stage}")
        return done

    setattr(owner, stage, do)


def _stop_at_sync(number: int) -> None:
    synced = os.fsync
    left = [number]

    def fsync(file: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            stop_here("before the disk")
        synced(file)

    os.fsync = fsync  # type: ignore[assignment]


def _stop_before_keeping(number: int, what: str) -> None:
    keeps = getattr(Deliveries, what)
    left = [number]

    def keep(*given: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            stop_here("before keeping")
        return keeps(*given, **more)

    setattr(Deliveries, what, keep)


PARTS = {
    "relay": act_as_relay,
    "project": act_as_projector,
    "write": act_as_writer,
    "intake": act_as_intake,
    "outcomes": act_as_outcomes,
    "api": act_as_api,
    "clock": act_as_clock,
    "ledger": act_as_ledger,
    "eraser": act_as_eraser,
    "announce": act_as_announcer,
    "webhooks": act_as_webhooks,
}

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(message)s")
    logging.getLogger("acta").setLevel(logging.INFO)
    ended = Flag()
    stop_on_signals(ended)
    PARTS[sys.argv[1]](World(**json.loads(sys.argv[2])), ended)
