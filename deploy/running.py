"""Running a desk: an API process, or everything in one process on a machine of one's own."""

import fcntl
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from fastapi import FastAPI

from api.serving import Server
from consumers.clearing import clearing
from consumers.clock import clock
from consumers.erasing import erasing
from consumers.follow import follow, renew
from consumers.loop import stop_on_signals
from deploy import over_kafka, wiring
from deploy.desk_file import read_desk_file
from deploy.keeping import keep_log
from deploy.settings import Settings, SettingsError, read
from domain.access import api_keys
from domain.desk import Desk
from domain.desk.configuring import plan
from domain.envelope import Act, Actor
from domain.errors import DepartmentNotFound
from domain.setup.events import EVERYWHERE, ApiKeyIssued, Role, RoleGranted, SetupEvent
from domain.setup.state import Setup
from projections.engine import View
from projections.views import ALL

OPERATOR = Act(actor=Actor(kind="system", id="operator"), channel="cli")
DEMO_DESK = Path(__file__).parent / "desk.example.yaml"


def serve(settings: Settings, application: FastAPI, ready: Callable[[str], None]) -> None:
    """Serve until told to stop; ``ready`` gets the address once it is bound."""
    _close_when_terminated()
    listener = listen(settings)
    ready(address(settings, listener))
    _collect_less()
    Server(application).run(sockets=[listener])


def serve_with_workers(settings: Settings, ready: Callable[[str], None]) -> None:
    """Several API processes behind one port; when one dies, the others end, so that whoever watches starts all anew."""
    listener = listen(settings)
    context = get_context("spawn")
    workers = [context.Process(target=worker, args=([listener],)) for _ in range(settings.workers)]
    for process in workers:
        process.start()

    def end(*_: object) -> None:
        for process in workers:
            process.terminate()

    signal.signal(signal.SIGTERM, end)
    ready(address(settings, listener))
    wait([process.sentinel for process in workers])
    end()
    for process in workers:
        process.join()


def worker(sockets: list[socket.socket]) -> None:
    """One of several API processes."""
    _close_when_terminated()
    with wiring.app(read(os.environ)) as application:
        _collect_less()
        Server(application).run(sockets=sockets)


def _close_when_terminated() -> None:
    """Let SIGTERM end this process by way of what must be closed.

    uvicorn raises the signal again when it has served, and by itself that kills: what waits would not be recorded, and
    an embedded database would go on for a while without its keeper.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def _collect_less() -> None:
    """Look for reference cycles less often, and never among what has been loaded for good.

    Nearly everything here is freed by its reference count. With the usual thresholds a quarter of the time that it
    takes to show a long history went into looking, and all remembered streams were looked through again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def listen(settings: Settings) -> socket.socket:
    """The socket on which the API listens."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as fault:
        listener.close()
        raise SettingsError(
            f"ACTA_PORT: {settings.host}:{settings.port} cannot be had: {fault.strerror}. Port 0 picks a free one."
        ) from None
    listener.listen(1024)
    return listener


def address(settings: Settings, listener: socket.socket) -> str:
    """Where to find it."""
    return f"http://{settings.host}:{listener.getsockname()[1]}"


def until_stopped(work: Callable[[Flag], None]) -> None:
    """Do ``work`` until SIGTERM or Ctrl-C."""
    stop = Flag()
    stop_on_signals(stop)
    work(stop)


def run_everything(settings: Settings, tell: Callable[[str, str], None]) -> None:
    """A whole desk in one process: its own PostgreSQL, the views fed straight from the store, the API, Kafka beside it.

    At the first start it is given a small demo configuration and an admin key. ``tell`` gets the address and the key,
    which also stand in ``run.json`` in the desk's folder, readable for its owner only.
    """
    over_kafka.must_have_brokers(settings)
    _close_when_terminated()
    with alone(settings), wiring.database(settings) as found, wiring.desk(found) as desk, wiring.views(found) as pool:
        key = first_start(desk, found.home)
        stop = Flag()
        views = wiring.projector_url(found)
        lease = wiring.url(found.database_url, "ACTA_DATABASE_URL")
        renew(desk, views, ALL, _tell_of_renewal)
        wiring.forget(found, desk)
        beside = over_kafka.everything(found, desk)
        consumers = (
            Thread(target=follow, args=(desk, views, ALL, stop), name="acta follow", daemon=True),
            Thread(target=clock, args=(desk, views, stop), name="acta clock", daemon=True),
            Thread(
                target=erasing,
                args=(lease, lambda: wiring.eraser(found, desk), stop),
                name="acta eraser",
                daemon=True,
            ),
            Thread(target=wiring.deliver_webhooks, args=(found, desk, stop), name="acta webhooks", daemon=True),
            Thread(
                target=clearing,
                args=(desk.uploads, wiring.attachments(found), desk.now, stop),
                name="acta clearing",
                daemon=True,
            ),
            *(Thread(target=work, args=(stop,), name="acta ledger", daemon=True) for work in keep_log(found, desk)),
            *(Thread(target=work, args=(stop,), name="acta kafka", daemon=True) for work in beside),
        )

        def ready(url: str) -> None:
            note(found.home, url, key)
            tell(url, key)

        for consumer in consumers:
            consumer.start()
        try:
            serve(found, wiring.app_of(found, desk, pool), ready)
        finally:
            stop.set()
            for consumer in consumers:
                consumer.join()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One whole desk in a folder: a second one would tell everybody in ``run.json`` that it is the desk."""
    home = wiring.folder(settings)
    with (home / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"ACTA_HOME: a desk runs in {home} already; its address is in run.json.") from None
        yield


def _tell_of_renewal(view: View) -> None:
    logging.getLogger("acta.run").warning("view=%s state=rebuilding reason='this version shows more of it'", view.name)


def first_start(desk: Desk, home: Path) -> str:
    """The admin key of this desk; drawn, with the demo configuration, when there is nothing yet."""
    file = home / "run.json"
    if file.exists():
        return str(json.loads(file.read_text())["key"])
    if not desk.setup().departments:
        document = read_desk_file(DEMO_DESK)
        desk.configure(plan(document, desk.contacts()), OPERATOR)
    return issue_key(desk, "admin", "admin", (EVERYWHERE,))


def issue_key(desk: Desk, holder: str, role: Role, departments: tuple[str, ...]) -> str:
    """A fresh API key for a holder who gets a role; its text is known only now. Raises ``DepartmentNotFound``."""
    key = api_keys.new_id()
    text = api_keys.new_key(key)
    kind = {"requester": "requester", "service": "service", "witness": "service"}.get(role, "agent")
    issued = ApiKeyIssued(key=key, digest=api_keys.digest(text), holder=holder, kind=kind)  # type: ignore[arg-type]
    granted = RoleGranted(grantee=holder, role=role, departments=departments)

    def once(setup: Setup) -> list[SetupEvent]:
        unknown = set(departments) - {EVERYWHERE, *setup.departments}
        if unknown:
            known = ", ".join(sorted(setup.departments)) or "none yet; `acta configure` makes them"
            raise DepartmentNotFound(f"There is no department {', '.join(sorted(unknown))}; there is {known}.")
        return [issued] if granted_already(setup.grants.get(holder, ()), granted) else [issued, granted]

    desk.configure(once, OPERATOR)
    return text


def granted_already(grants: tuple[RoleGranted, ...], wanted: RoleGranted) -> bool:
    """Whether these grants say the same already."""
    return any(grant.role == wanted.role and set(grant.departments) == set(wanted.departments) for grant in grants)


def note(home: Path, url: str, key: str) -> None:
    """Put address and key into ``run.json``: whole, or as it was, for nobody could read the key anywhere else."""
    draft = home / "run.json.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"url": url, "key": key}) + "\n")
    draft.replace(home / "run.json")
