"""Real desks on real PostgreSQL, for tests that go through the whole write path."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.migrate import migrate
from domain.access.principal import Principal, system
from domain.desk import Desk, Order, Receipt
from domain.desk.enclosing import Files
from domain.envelope import Act
from domain.setup.events import AgentDefined, DepartmentDefined, GroupDefined, RoleGranted
from domain.ticket.commands import COMMANDS

KEK = bytes(range(32))
PASSWORD = "a password of the tests"
TESTER = system("tester")
ACT = Act(actor=TESTER.actor, channel="test")
SMALL_DESK = (
    DepartmentDefined(department="it", name="IT", default_group="service-desk"),
    DepartmentDefined(department="hr", name="HR", default_group="people"),
    GroupDefined(group="service-desk", name="Service desk", department="it"),
    GroupDefined(group="network", name="Network", department="it", skills=("vpn",)),
    GroupDefined(group="people", name="People", department="hr"),
    AgentDefined(agent="alice", groups=("service-desk", "network"), name="Alice Archer", email="alice@example.org"),
    AgentDefined(agent="bob", groups=("service-desk",), name="Bob Baker", email="bob@example.org"),
    RoleGranted(grantee="alice", role="agent", departments=("it",)),
    RoleGranted(grantee="bob", role="supervisor", departments=("it",)),
)


def prepare(owner_dsn: str) -> None:
    """A database with the store in it, whose roles may log in."""
    migrate(owner_dsn)
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        for role in ("acta_app", "acta_projector", "acta_analyst"):
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))


def as_role(owner_dsn: str, role: str) -> str:
    """The address of the same database for another role."""
    return make_conninfo(**(conninfo_to_dict(owner_dsn) | {"user": role, "password": PASSWORD}))


@contextmanager
def open_desk(owner_dsn: str, *, configured: bool = True, files: Files | None = None) -> Iterator[Desk]:
    """A desk, with a small configuration unless told otherwise."""
    desk = Desk(as_role(owner_dsn, "acta_app"), KEK, files=files)
    try:
        if configured and not desk.setup().departments:
            desk.configure(lambda setup: SMALL_DESK, ACT)
        yield desk
    finally:
        desk.close()


def give(desk: Desk, verb: str, ticket: str = "", *, by: Principal = TESTER, **fields: object) -> Receipt:
    """Give one command and wait for its receipt."""
    command = COMMANDS[verb].model_validate(fields)
    return desk.handle(Order(command=command, principal=by, ticket=ticket, channel="test"))


def opened(desk: Desk, **fields: object) -> Receipt:
    """A fresh ticket in IT."""
    return give(desk, "open", **({"department": "it", "title": "VPN drops"} | fields))
