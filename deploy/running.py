"""Running a desk: an API process, or everything in one process on a machine of one's own."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import uvicorn
from fastapi import FastAPI

from consumers.follow import follow
from deploy import wiring
from deploy.desk_file import read_desk_file
from deploy.settings import Settings, read
from domain.access.api_keys import fresh_key
from domain.desk import Desk
from domain.desk.configuring import plan
from domain.envelope import Act, Actor
from domain.setup.events import EVERYWHERE, ApiKeyIssued, RoleGranted
from projections.views import ALL

OPERATOR = Act(actor=Actor(kind="system", id="operator"), channel="cli")
DEMO_DESK = Path(__file__).parent / "desk.example.yaml"


def serve(settings: Settings, application: FastAPI, ready: Callable[[str], None]) -> None:
    """Serve until told to stop; ``ready`` gets the address once it is bound."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    config = uvicorn.Config(
        application, log_level=settings.log_level, access_log=False, server_header=False, timeout_graceful_shutdown=10
    )
    ready(f"http://{settings.host}:{listener.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[listener])


def serve_with_workers(settings: Settings) -> None:
    """Several API processes behind one port."""
    uvicorn.run(
        "deploy.running:worker",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )


def worker() -> FastAPI:
    """The application of one of several API processes; it lives as long as its process."""
    opened = wiring.app(read(os.environ))
    application = opened.__enter__()
    application.state.opened = opened
    return application


def run_everything(settings: Settings, tell: Callable[[str, str], None]) -> None:
    """A whole desk in one process: its own PostgreSQL, the views fed straight from the store, the API.

    At the first start it is given a small demo configuration and an admin key. ``tell`` gets the address and the key,
    which also stand in ``run.json`` in the desk's folder, readable for its owner only.
    """
    with wiring.database(settings) as found, wiring.desk(found) as desk, wiring.views(found) as pool:
        key = first_start(desk, found.home)
        stop = Flag()
        follower = Thread(
            target=follow, args=(desk, wiring.projector_url(found), ALL, stop), name="acta follow", daemon=True
        )

        def ready(url: str) -> None:
            _note(found.home, url, key)
            tell(url, key)

        follower.start()
        try:
            serve(found, wiring.app_of(found, desk, pool), ready)
        finally:
            stop.set()
            follower.join()


def first_start(desk: Desk, home: Path) -> str:
    """The admin key of this desk; drawn, with the demo configuration, when there is nothing yet."""
    file = home / "run.json"
    if file.exists():
        return str(json.loads(file.read_text())["key"])
    if not desk.setup().departments:
        document = read_desk_file(DEMO_DESK)
        desk.configure(plan(document, desk.contacts()), OPERATOR)
    return issue_key(desk, "admin", "admin", (EVERYWHERE,))


def issue_key(desk: Desk, holder: str, role: str, departments: tuple[str, ...]) -> str:
    """A fresh API key for a holder who gets a role; its text is known only now."""
    fresh = fresh_key()
    kind = {"requester": "requester", "service": "service"}.get(role, "agent")
    issued = ApiKeyIssued(key=fresh.key, digest=fresh.digest, holder=holder, kind=kind)  # type: ignore[arg-type]
    granted = RoleGranted(grantee=holder, role=role, departments=departments)  # type: ignore[arg-type]
    desk.configure(
        lambda setup: [issued] if granted_already(setup.grants.get(holder, ()), granted) else [issued, granted],
        OPERATOR,
    )
    return fresh.text


def granted_already(grants: tuple[RoleGranted, ...], wanted: RoleGranted) -> bool:
    """Whether these grants say the same already."""
    return any(grant.role == wanted.role and set(grant.departments) == set(wanted.departments) for grant in grants)


def _note(home: Path, url: str, key: str) -> None:
    file = home / "run.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"url": url, "key": key}) + "\n")
