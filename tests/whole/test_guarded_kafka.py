"""On a broker that asks who comes, each process and each department can do its own work there, and nothing else."""

import logging
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    NoError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from api.problems import told
from consumers import acls
from consumers.doors import Doors
from consumers.intake import intake
from consumers.kafka.outlet import Outlet
from consumers.kafka.topics import Client
from consumers.loop import Halted
from consumers.outcomes import outcomes
from consumers.project import project
from consumers.record.announcing import announce
from consumers.record.announcing import transactional_id as announcing_id
from consumers.relay import relay
from consumers.relay import transactional_id as relay_id
from consuming import completed, running, until
from deploy.broker import EmbeddedKafka
from deploy.cli import cli
from desks import as_role, open_desk, prepare
from domain.desk import Desk
from door_talk import Sender, all_told
from guarded import ADMIN, Authority, GuardedKafka
from ledgers import SIGNER, grow
from machines import Broker, Prepare
from projections.queue import queue

PROCESSES = (acls.RELAY, acls.PROJECTOR, acls.LEDGER, acls.INTAKE, acls.OUTCOMES)
IT, HR = map(acls.department_user, ("it", "hr"))


@pytest.fixture(scope="session")
def database_template() -> Prepare | None:
    return prepare


@pytest.fixture(scope="module")
def guarded(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    if not isinstance(kafka, EmbeddedKafka):
        pytest.skip("the broker of this run is not from Maven Central")
    with GuardedKafka(tmp_path_factory.mktemp("guarded")) as broker:
        broker.admit(*PROCESSES, IT, HR)
        yield broker


@dataclass(frozen=True)
class Cluster:
    """What `acta up` and `acta grants` have prepared."""

    broker: GuardedKafka
    doors: Doors
    events: str
    checkpoints: str

    def topics(self) -> set[str]:
        departments = {topic for name in ("it", "hr") for topic in (self.requests(name), self.doors.outcomes(name))}
        return departments | {self.events, self.checkpoints, self.doors.mark, self.doors.dead_letters}

    def requests(self, department: str) -> str:
        return f"{self.doors.prefix}.requests.{department}"


@pytest.fixture
def cluster(guarded: GuardedKafka, database: str, topics: str, tmp_path: Path) -> Cluster:
    """A desk's cluster, made from the command line."""
    made = Cluster(guarded, Doors(f"{topics}acta", ("it", "hr")), f"{topics}events", f"{topics}checkpoints")
    environment = guarded.environment(
        ADMIN,
        ACTA_HOME=str(tmp_path / "home"),
        ACTA_DATABASE_URL=as_role(database, "acta_app"),
        ACTA_OWNER_DATABASE_URL=database,
        ACTA_TOPIC=made.events,
        ACTA_CHECKPOINT_TOPIC=made.checkpoints,
        ACTA_DOORS="it,hr",
        ACTA_DOOR_TOPICS=made.doors.prefix,
        ACTA_PARTITIONS="2",
    )
    for command in ("up", "grants", "grants"):
        run = CliRunner().invoke(cli, [command], env=dict(environment))
        assert run.exit_code == 0, (command, run.output, run.exception)
    assert f"{IT} may write topic {made.requests('it')}" in run.output
    return made


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    with open_desk(database) as desk:
        yield desk


def test_every_process_does_its_work_there_as_the_user_it_is(
    cluster: Cluster, desk: Desk, database: str, tmp_path: Path
) -> None:
    broker, doors, lease = cluster.broker, cluster.doors, as_role(database, "acta_app")
    log = tmp_path / "ledger"
    grow(log, 3)
    as_it = broker.client_of(IT, ACTA_KAFKA_SASL="SCRAM-SHA-256")
    sender = Sender(as_it, doors)
    sender.request("it", "open", "IT-1", "1", title="A laptop")
    sender.raw("it", b"IT-1", [], b"nothing that could be read")
    sender.flush()
    sender.close()
    with (
        running(intake, desk, lease, broker.client_of(acls.INTAKE), doors.requests()) as taking,
        running(outcomes, desk, lease, broker.client_of(acls.OUTCOMES), doors, told) as telling,
        running(relay, desk.store, lease, broker.client_of(acls.RELAY), cluster.events) as relaying,
        running(
            project, desk, projecting(database), [queue], broker.client_of(acls.PROJECTOR), cluster.events
        ) as projector,
        running(
            announce, log, SIGNER.verifier, lease, broker.client_of(acls.LEDGER), cluster.checkpoints
        ) as announcing,
    ):
        until(lambda: bool(all_told(as_it, doors.outcomes("it"))), taking, telling)
        until(lambda: bool(all_told(broker.client, doors.dead_letters)), taking, telling)
        until(lambda: completed(database, [queue]) == desk.store.head(), relaying, projector)
        until(lambda: written(cluster, cluster.checkpoints) > 0, announcing)
    assert all_told(as_it, doors.outcomes("it"))[0].kind == "accepted"


def projecting(database: str) -> str:
    """The database for the role that keeps the views."""
    name = str(conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO acta_projector").format(sql.Identifier(name)))
    return as_role(database, "acta_projector")


def test_a_department_writes_its_own_requests_and_nothing_else(cluster: Cluster) -> None:
    as_it = cluster.broker.client_of(IT)
    own = cluster.requests("it")
    producer = KafkaProducer(**as_it)
    producer.send(own, b"{}", partition=0).get()
    for topic in cluster.topics() - {own}:
        with pytest.raises(TopicAuthorizationFailedError):
            producer.send(topic, b"{}", partition=0).get()
    producer.close()
    assert {topic: written(cluster, topic) for topic in cluster.topics()} == {
        topic: int(topic == own) for topic in cluster.topics()
    }


def written(cluster: Cluster, topic: str) -> int:
    """How many messages the topic holds, as the one sees it who may see all."""
    consumer = KafkaConsumer(**cluster.broker.client)
    found = consumer.end_offsets([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
    consumer.close()
    return sum(found.values())


def test_a_department_reads_its_own_outcomes_and_nothing_else(cluster: Cluster) -> None:
    as_it = cluster.broker.client_of(IT)
    answers = {topic: answer_to_a_fetch(as_it, topic) for topic in cluster.topics()}
    own = cluster.doors.outcomes("it")
    assert answers == {topic: NoError if topic == own else TopicAuthorizationFailedError for topic in cluster.topics()}


def answer_to_a_fetch(client: Client, topic: str) -> type[Exception]:
    """What the broker says to the bare request for messages; a consumer would not come so far as to send it."""
    wanted = FetchRequest.FetchTopic(
        topic=topic,
        partitions=[
            FetchRequest.FetchTopic.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1024),
        ],
    )
    request = FetchRequest(max_wait_ms=0, min_bytes=0, max_bytes=1024, topics=[wanted], max_version=12)
    admin = KafkaAdminClient(**client)
    answer = admin._manager.run(admin._manager.send, request)
    admin.close()
    return for_code(answer.responses[0].partitions[0].error_code)


def test_a_department_sees_the_names_of_its_own_topics_only(cluster: Cluster) -> None:
    admin = KafkaAdminClient(**cluster.broker.client_of(IT))
    seen = {topic for topic in admin.list_topics() if topic.startswith(cluster.doors.prefix)}
    admin.close()
    assert seen == {cluster.requests("it"), cluster.doors.outcomes("it")}


def test_a_department_has_its_own_group_and_transactions_and_no_others(cluster: Cluster) -> None:
    topic = cluster.doors.outcomes("it")
    own = KafkaConsumer(topic, **cluster.broker.client_of(IT), group_id=IT)
    assert own.poll(timeout_ms=500) == {}
    own.close()
    for group in (HR, "acta.intake"):
        foreign = KafkaConsumer(topic, **cluster.broker.client_of(IT), group_id=group)
        with pytest.raises(GroupAuthorizationFailedError):
            foreign.poll(timeout_ms=600_000)
        foreign.close(autocommit=False)
    Outlet(cluster.broker.client_of(IT), IT).close()
    for fenced in (HR, relay_id(cluster.events), announcing_id(cluster.checkpoints), cluster.doors.transactional_id):
        with pytest.raises(TransactionalIdAuthorizationFailedError):
            Outlet(cluster.broker.client_of(IT), fenced)


def test_no_user_may_grant_itself_anything_but_the_admin(cluster: Cluster) -> None:
    wanted = [acls.Grant(IT, acls.READ, acls.TOPIC, cluster.doors.outcomes("hr"))]
    for user in (IT, *PROCESSES):
        with pytest.raises(Halted, match=r"super\.users"):
            acls.grant(cluster.broker.client_of(user), wanted)


def test_a_broker_that_asks_nobody_who_he_is_is_not_granted_on(kafka: Broker) -> None:
    with pytest.raises(Halted, match=r"authorizer\.class\.name"):
        acls.grant({"bootstrap_servers": kafka.bootstrap}, acls.grants("e", "c", Doors("acta", ("it",))))


def test_no_client_logs_the_password_however_much_it_logs(
    guarded: GuardedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    given = guarded.client_of(IT)
    with caplog.at_level(logging.DEBUG, logger="kafka"):
        for kind in (KafkaAdminClient, KafkaConsumer, KafkaProducer):
            kind(**given).close()
    assert f"Authenticated as {IT}" in caplog.text
    assert "Starting KafkaAdminClient with configuration" in caplog.text
    assert given["sasl_plain_password"] not in caplog.text


def test_a_wrong_password_is_not_let_in(guarded: GuardedKafka, caplog: pytest.LogCaptureFixture) -> None:
    wrong = guarded.client_of(IT, ACTA_KAFKA_PASSWORD_FILE="", ACTA_KAFKA_PASSWORD="wr0ng")
    with pytest.raises(KafkaError):
        KafkaAdminClient(**wrong, bootstrap_timeout_ms=3000)
    KafkaAdminClient(**guarded.client_of(IT)).close()
    assert "wr0ng" not in caplog.text


def test_who_is_not_let_in_is_told_which_setting_is_at_fault_and_does_not_wait(
    cluster: Cluster, database: str, tmp_path: Path
) -> None:
    broker, other = cluster.broker, Authority(tmp_path, "other")
    lease = as_role(database, "acta_app")
    asked = {"ACTA_DATABASE_URL": lease, "ACTA_DOORS": "it", "ACTA_DOOR_TOPICS": cluster.doors.prefix}
    wrong = {"ACTA_KAFKA_PASSWORD_FILE": "", "ACTA_KAFKA_PASSWORD": "wr0ng"}
    for command, user, change, at_fault in (
        ("grants", ADMIN, wrong, f"ACTA_KAFKA_PASSWORD_FILE: Kafka at {broker.bootstrap} does not know {ADMIN}"),
        ("intake", acls.INTAKE, wrong, f"ACTA_KAFKA_PASSWORD_FILE: Kafka at {broker.bootstrap} does not know"),
        ("intake", acls.INTAKE, {"ACTA_KAFKA_CA_FILE": str(other.file)}, "ACTA_KAFKA_CA_FILE: no authority in it"),
        ("outcomes", acls.INTAKE, {}, f"ACTA_KAFKA_USER: {acls.INTAKE} may not do this on Kafka"),
    ):
        run = subprocess.run(
            [sys.executable, "-c", "from deploy.cli import main; main()", command],
            env={"PATH": os.environ["PATH"], "ACTA_HOME": str(tmp_path / "other home")}
            | dict(broker.environment(user, **asked, **change)),
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 1, (command, run.stdout, run.stderr)
        assert run.stderr.splitlines()[-1].startswith(f"acta: {at_fault}"), run.stderr
        assert "Traceback" not in run.stderr
        assert "wr0ng" not in run.stdout + run.stderr


def test_neither_side_trusts_a_certificate_of_another_authority(guarded: GuardedKafka, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    assert greeted(guarded, guarded.client_of(IT))
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(guarded, guarded.client_of(IT, ACTA_KAFKA_CA_FILE=str(other.file)))
    for certificate in ("", str(other.certify("stranger"))):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            greeted(guarded, guarded.client_of(IT, ACTA_KAFKA_CERTIFICATE_FILE=certificate))


def greeted(broker: GuardedKafka, client: Client) -> bool:
    """Whether the broker answers over TLS; with TLS 1.3 it says only then whether it took the client's certificate."""
    host, port = broker.bootstrap.split(":")
    with (
        create_connection((host, int(port))) as bare,
        client["ssl_context"].wrap_socket(bare, server_hostname=host) as to,
    ):
        # ApiVersions, version 0, of a client without a name.
        to.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
        return len(to.recv(4)) == 4
