"""The real application over HTTP: uvicorn in a thread, a real desk on a real database, callers with API keys."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool

import desks
from api.app import create_app
from api.oidc import Oidc
from api.serving import Server
from api.settings import EdgeSettings
from consumers.asyncapi import document, events
from deploy.wiring import EXPORTS, sent_by_webhooks
from desks import as_role
from domain.access import api_keys as keys
from domain.access.principal import system
from domain.clock.configured import Configured
from domain.desk import Desk
from domain.envelope import Act
from domain.setup import events as e
from domain.store.places import Directory
from issuers import IssuerHouse
from lying_files import files_in
from machines import Databases, Prepare
from projections.access import access
from projections.audit import audit
from projections.engine import Projector, install
from projections.queue import queue
from projections.reporting import reporting
from projections.sla import sla

KEK = b"k" * 32
TLS = ssl.create_default_context()
GOLANG = Path(__file__).parents[1] / "golang"
VIEWS = (queue, sla, reporting, audit, access)
ACT = Act(actor=system("test").actor, channel="test")


class House:
    """A desk, its database and its HTTP edge, and clients for whoever has a key."""

    def __init__(self, desk: Desk, views: ConnectionPool, auth: Oidc | None, settings: EdgeSettings) -> None:
        self.desk = desk
        self.views = views
        self.app = create_app(
            desk,
            views=views,
            asyncapi=document([events("acta.events")]),
            sent=sent_by_webhooks(),
            exporters=EXPORTS,
            auth=auth,
            settings=settings,
        )
        self.server = Server(self.app, port=0)
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.serve()), daemon=True)
        self._clients: list[httpx.Client] = []

    def open(self) -> None:
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive()
            self._thread.join(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.server.should_exit = True
        self._thread.join()

    def catch_up(self) -> None:
        """Let every view show all that is recorded."""
        policies = Configured(self.desk.setup)
        for view in VIEWS:
            with self.views.connection() as connection:
                projector = Projector(connection, view, versions=policies)
                for batch in self.desk.pages(projector.position, 500):
                    projector.apply(batch)

    def configure(self) -> None:
        """Two departments with a group and an agent each."""
        self.desk.configure(lambda _: CONFIGURED, ACT)

    def settle(self) -> None:
        """Let the desk record what it was given before; its writer takes one batch after the other."""
        for _ in range(2):
            self.desk.configure(lambda _: [], ACT)

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=None, verify=TLS)
        self._clients.append(client)
        return client

    def key(self, holder: str, kind: Any = "agent", **issued: Any) -> str:
        """A key of one who holds the grants of ``grant``."""
        key = keys.new_id()
        token = keys.new_key(key)
        event = e.ApiKeyIssued(key=key, digest=keys.digest(token), holder=holder, kind=kind, **issued)
        self.desk.configure(lambda _: [event], ACT)
        return token

    def grant(self, holder: str, role: Any, *departments: str) -> None:
        self.desk.configure(lambda _: [e.RoleGranted(grantee=holder, role=role, departments=departments)], ACT)

    def caller(self, holder: str, role: Any, *departments: str, kind: Any = "agent") -> httpx.Client:
        """A client for somebody with one role in some departments."""
        self.grant(holder, role, *departments)
        return self.client(self.key(holder, kind))


CONFIGURED = [
    e.DepartmentDefined(department="it", name="IT", default_group="first"),
    e.DepartmentDefined(department="hr", name="People", default_group="people"),
    e.CalendarVersioned(calendar="always", calendar_version=1, zone="UTC", openings={"monday": (("00:00", "24:00"),)}),
    e.PolicyVersioned(
        policy="standard",
        policy_version=1,
        calendar="always",
        calendar_version=1,
        terms={"targets": {"resolution": {"calendar_minutes": 60}}},
    ),
    e.GroupDefined(group="first", name="First line", department="it"),
    e.GroupDefined(group="network", name="Network", department="it"),
    e.GroupDefined(group="people", name="People", department="hr"),
    e.AgentDefined(agent="alice", groups=("first", "network"), name="Alice Ames"),
    e.AgentDefined(agent="henry", groups=("people",), name="Henry Hale"),
]


def prepare(dsn: str) -> None:
    """The store, and views of nothing yet."""
    desks.prepare(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        install(connection, VIEWS)


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    """What every database holds at the start."""
    return prepare


BuildHouse = Callable[..., House]


@contextmanager
def building(dsn: str, folder: Path) -> Iterator[BuildHouse]:
    """Houses on one database, each a process of its own in all but memory; their files lie in ``folder``."""
    stack: list[Callable[[], None]] = []

    def build(auth: Oidc | None = None, **settings: Any) -> House:
        desk = Desk(as_role(dsn, "acta_app"), KEK, files=files_in(folder))
        views = ConnectionPool(dsn, min_size=1, max_size=4, open=True, kwargs={"autocommit": True})
        house = House(desk, views, auth, EdgeSettings(**({"attachments": Directory(folder)} | settings)))
        stack.extend((desk.close, views.close, house.close))
        house.open()
        return house

    yield build
    for close in reversed(stack):
        close()


@pytest.fixture
def attachments(tmp_path: Path) -> Path:
    """Where the files of a test's own desk lie."""
    return tmp_path / "attachments"


@pytest.fixture
def build_house(database: str, attachments: Path) -> Iterator[BuildHouse]:
    """Houses on a database of the test's own."""
    with building(database, attachments) as build:
        yield build


@pytest.fixture(scope="module")
def build_shared_house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildHouse]:
    """Houses on one database that the tests of a file share: each opens its own tickets and minds no others."""
    dsn = databases.fresh(prepare)
    with building(dsn, tmp_path_factory.mktemp("attachments")) as build:
        yield build
    databases.drop(dsn)


@pytest.fixture(scope="module")
def shared_house(build_shared_house: BuildHouse) -> House:
    """A desk that the tests of a file share."""
    house = build_shared_house()
    house.configure()
    return house


@pytest.fixture
def house(build_house: BuildHouse) -> House:
    """A desk with two departments and its HTTP edge."""
    house = build_house()
    house.configure()
    return house


@pytest.fixture
def admin(house: House) -> httpx.Client:
    """One who may do everything everywhere."""
    return house.caller("root", "admin", "*")


@pytest.fixture
def alice(house: House) -> httpx.Client:
    """An agent of IT."""
    return house.caller("alice", "agent", "it")


@pytest.fixture
def henry(house: House) -> httpx.Client:
    """An agent of People."""
    return house.caller("henry", "agent", "hr")


@pytest.fixture
def rita(house: House) -> httpx.Client:
    """A requester, who may ask both departments."""
    return house.caller("rita", "requester", "it", "hr", kind="requester")


@pytest.fixture
def stranger(house: House) -> httpx.Client:
    """Somebody without a token."""
    return house.client()


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[IssuerHouse]:
    """An OpenID Connect issuer that the tests of a file share."""
    found = IssuerHouse()
    yield found
    found.close()


@pytest.fixture
def issuer() -> Iterator[IssuerHouse]:
    """An OpenID Connect issuer."""
    found = IssuerHouse()
    yield found
    found.close()


@pytest.fixture(scope="session")
def go() -> str:
    """Go with what ``tests/golang`` needs."""
    program = shutil.which("go")
    if program is None:
        pytest.skip("NO GO HERE: the log is not checked by Go's own verifier")
    fetched = subprocess.run([program, "mod", "download"], cwd=GOLANG, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip("NO GO MODULES HERE: the log is not checked by Go's own verifier")
    return program
