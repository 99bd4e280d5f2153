"""The composition root: opens what a process needs, in order, and closes it in reverse."""

import logging
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from threading import Event as Flag
from typing import Any

from fastapi import FastAPI
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

from api.app import create_app, described_api
from api.exports import Export, Exports
from api.oidc import Oidc
from api.problems import ProblemTold, told
from api.settings import TYPES_TAKEN, EdgeSettings
from consumers import asyncapi
from consumers.asyncapi_doors import doors_of
from consumers.doors import Doors, ensure_doors
from consumers.erasing import Eraser, forget_again
from consumers.erasures import Erasures
from consumers.exporting import Selection, ocel, xes
from consumers.kafka.closed_sockets import close_sockets
from consumers.kafka.topics import Client, ensure_topic
from consumers.unreached import listen
from consumers.webhooks.delivering import Manner, webhooks
from consumers.webhooks.openapi_webhooks import described
from consumers.webhooks.posting import Poster
from consumers.webhooks.reaching import Reach
from deploy.embedded import EmbeddedPostgres
from deploy.kafka_client import kafka_client
from deploy.key_sources import drawn_if_first, key_from, keys_from, source_of
from deploy.migrate import migrate
from deploy.settings import Settings, SettingsError
from domain.desk import Desk
from domain.desk.enclosing import Files
from domain.desk.writer import clock
from domain.record.note import Signer
from domain.store.keyring import KekMismatch, KeyRing
from domain.store.places import Place, place_at
from projections.views import ALL

APP, PROJECTOR, ANALYST = "acta_app", "acta_projector", "acta_analyst"
_log = logging.getLogger("acta.deploy")
_place_at = cache(place_at)


@contextmanager
def database(settings: Settings) -> Iterator[Settings]:
    """Settings that name a database: the given one, or an embedded server in the desk's folder.

    The embedded server is started and brought up to date; where it runs already, this process is a guest of it.
    """
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(folder(settings) / "postgres") as server:
        migrate(server.dsn())
        for role in (APP, PROJECTOR, ANALYST):
            server.admit(role)
        yield settings.model_copy(
            update={
                "database_url": SecretStr(server.dsn(APP)),
                "projector_database_url": SecretStr(server.dsn(PROJECTOR)),
                "owner_database_url": SecretStr(server.dsn()),
            }
        )


def folder(settings: Settings) -> Path:
    """The desk's own folder, made if there is none."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise SettingsError(f"ACTA_HOME: {settings.home} cannot be a folder: {fault.strerror}.") from None
    return settings.home


@contextmanager
def desk(settings: Settings, now: Callable[[], datetime] = clock) -> Iterator[Desk]:
    """A desk on the settings' database, whose personal fields the key-encryption key opens."""
    files = Files(
        place=lambda: attachments(settings),
        most_bytes=settings.max_attachment_bytes,
        types=settings.attachment_types or TYPES_TAKEN,
    )
    opened = Desk(url(settings.database_url, "ACTA_DATABASE_URL"), kek(settings), files=files, now=now)
    try:
        try:
            opened.keys.must_be_openable()
        except KekMismatch as fault:
            raise SettingsError(
                f"{source_of(settings, 'kek').variable}: not the key-encryption key of this database: {fault}."
                " Nothing was changed; start again with the right one."
            ) from None
        yield opened
    finally:
        opened.close()


def kek(settings: Settings) -> KeyRing:
    """The key-encryption key, or all that are known; on a machine of one's own it is drawn at the first start."""
    source = source_of(settings, "kek")
    drawn_if_first(
        source,
        "the key-encryption key was drawn into %s: it opens every personal field, and when it is lost they are lost,"
        " for no backup of the database holds it; keep a copy elsewhere now, move it to where it is safe, and name it"
        " in ACTA_KEK_FILE",
    )
    return KeyRing(partial(keys_from, source))


def signer(settings: Settings) -> Signer:
    """The one who signs the transparency log; on a machine of one's own the key is drawn at the first start."""
    source = source_of(settings, "ledger_key")
    drawn_if_first(
        source,
        "the key that signs the transparency log was drawn into %s: move it to where it is safe, keep a copy, and name"
        " it in ACTA_LEDGER_KEY_FILE; whoever has it can sign another history, and without it this one ends",
    )
    return Signer(settings.ledger_origin, key_from(source))


def attachments(settings: Settings) -> Place:
    """Where attachments lie, opened once in a process."""
    try:
        return _place_at(settings.attachments_address)
    except (ValueError, OSError) as fault:
        raise SettingsError(f"ACTA_ATTACHMENTS: {fault}") from None


def eraser(settings: Settings, opened: Desk, tell: Callable[[str], None] = lambda stage: None) -> Eraser:
    """Who carries out what is ordered to be erased."""
    return Eraser(
        opened,
        projector_url(settings),
        ALL,
        Erasures(settings.erasures_path),
        attachments(settings),
        partitions=settings.partitions if settings.kafka else 0,
        tell=tell,
    )


def forget(settings: Settings, opened: Desk) -> None:
    """Erase again what a backup has brought back, before anybody can see it."""
    if settings.erasures_path.exists():
        ordered = forget_again(url(settings.database_url, "ACTA_DATABASE_URL"), eraser(settings, opened))
        if ordered:
            _log.warning("state=erased-again orders=%d list=%s", ordered, settings.erasures_path)


@contextmanager
def views(settings: Settings) -> Iterator[ConnectionPool]:
    """Connections that read the views and can do no more."""
    with reading(projector_url(settings)) as pool:
        yield pool


@contextmanager
def reading(dsn: str) -> Iterator[ConnectionPool]:
    """The same for views that are elsewhere."""
    with ConnectionPool(
        dsn,
        min_size=1,
        max_size=8,
        open=True,
        kwargs={
            "autocommit": True,
            "application_name": "acta views",
            "options": "-c default_transaction_read_only=on -c statement_timeout=30s -c TimeZone=UTC",
        },
    ) as pool:
        yield pool


@contextmanager
def app(settings: Settings) -> Iterator[FastAPI]:
    """The HTTP application with all that it needs."""
    with desk(settings) as opened, views(settings) as pool:
        forget(settings, opened)
        yield app_of(settings, opened, pool)


def app_of(settings: Settings, opened: Desk, pool: ConnectionPool) -> FastAPI:
    """The HTTP application over a desk and its views."""
    edge = EdgeSettings(
        max_body_bytes=settings.max_body_bytes,
        sign_in_seconds=settings.sign_in_seconds,
        ledger=settings.ledger_path,
        witnesses=settings.witnesses,
        cosignatures=settings.cosignatures_path,
        attachments=attachments(settings),
        max_attachment_bytes=settings.max_attachment_bytes,
        attachment_types=settings.attachment_types or TYPES_TAKEN,
        upload_hours=settings.upload_hours,
        webhook_plain_hosts=settings.webhook_plain_hosts,
    )
    topics = described_topics(settings, doors_of(doors(settings), ProblemTold) if settings.doors else [])
    return create_app(
        opened,
        views=pool,
        asyncapi=topics,
        sent=sent_by_webhooks(),
        exporters=EXPORTS,
        auth=_oidc(settings),
        settings=edge,
    )


def described_topics(settings: Settings, of_doors: Sequence[asyncapi.Channel]) -> asyncapi.Json:
    """The AsyncAPI document of the desk's topics, and of those of its doors."""
    record = [asyncapi.events(settings.topic), asyncapi.checkpoints(settings.checkpoint_topic)]
    return asyncapi.document([*record, *of_doors])


def contract(settings: Settings) -> dict[str, asyncapi.Json]:
    """What others integrate by: for each file its name and what is in it. Needs no database.

    The doors are described for any department where the settings name none.
    """
    topics = described_topics(settings, doors_of(doors(settings), ProblemTold))
    bodies = asyncapi.schemas(topics)
    return {
        "asyncapi.json": topics,
        "openapi.json": described_api(sent_by_webhooks()),
        **{f"schemas/{name}.json": schema for name, schema in bodies.items()},
    }


def _written_by(form: Callable[[Desk, Selection], Iterator[bytes]]) -> Callable[[Desk, Export], Iterator[bytes]]:
    def export(desk: Desk, wanted: Export) -> Iterator[bytes]:
        head = desk.store.head()
        yield from form(
            desk,
            Selection(since=wanted.since, until=wanted.until, departments=wanted.departments, head=head),
        )

    return export


EXPORTS: Exports = {"xes": _written_by(xes), "ocel": _written_by(ocel)}
"""The log for process mining, as the API gives it."""


def sent_by_webhooks() -> dict[str, Any]:
    """What webhooks send, described: the same as on the topics of outcomes, whether there are any or not."""
    return described(next(topic for topic in doors_of(Doors("", ()), ProblemTold) if topic.name == "outcomes"))


def _oidc(settings: Settings) -> Oidc | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        raise SettingsError("ACTA_OIDC_AUDIENCE: needed with ACTA_OIDC_ISSUER, or tokens for others would be accepted.")
    return Oidc(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        jwks_url=settings.oidc_jwks_url,
        roles_claim=settings.oidc_roles_claim,
        departments_claim=settings.oidc_departments_claim,
        everyone=settings.oidc_everyone,
    )


def deliver_webhooks(settings: Settings, opened: Desk, stop: Flag) -> None:
    """Deliver webhooks until ``stop`` is set."""
    reach = Reach(plain_hosts=settings.webhook_plain_hosts, networks=settings.webhook_networks)
    try:
        tls = ssl.create_default_context(cafile=settings.webhook_ca_file)
    except (OSError, ssl.SSLError):
        raise SettingsError(f"ACTA_WEBHOOK_CA_FILE: {settings.webhook_ca_file} holds no certificates (PEM).") from None
    manner = Manner(
        source=settings.source,
        plain_hosts=settings.webhook_plain_hosts,
        log_for=timedelta(days=settings.webhook_log_days),
    )
    lease = url(settings.database_url, "ACTA_DATABASE_URL")
    webhooks(opened, lease, told, lambda: Poster(reach, tls=tls), stop, manner=manner)


def bring_up(settings: Settings) -> None:
    """Put roles and schema into the database and make the topics; once, before any worker starts."""
    migrate(url(settings.owner_database_url, "ACTA_OWNER_DATABASE_URL"))
    if settings.kafka:
        make_topics(settings)


def make_topics(settings: Settings) -> None:
    """Make the topics that are not there, as they must be."""
    ensure_topic(kafka(settings), settings.topic, settings.partitions)
    ensure_topic(kafka(settings), settings.checkpoint_topic, 1)
    ensure_doors(kafka(settings), doors(settings), settings.partitions)


def doors(settings: Settings) -> Doors:
    """The departments' doors."""
    return Doors(settings.door_topics, settings.doors)


def kafka(settings: Settings) -> Client:
    """What every Kafka client is given."""
    if not settings.kafka:
        raise SettingsError("ACTA_KAFKA: name the bootstrap servers.")
    listen()
    close_sockets()
    return kafka_client(settings)


def projector_url(settings: Settings) -> str:
    """The database as the role that keeps the views."""
    return url(settings.projector_database_url, "ACTA_PROJECTOR_DATABASE_URL")


def url(secret: SecretStr | None, variable: str) -> str:
    """A database's address, or a refusal that names the variable."""
    if secret is None:
        raise SettingsError(f"{variable}: not set.")
    return secret.get_secret_value()
