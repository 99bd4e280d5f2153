"""Who may do what on a cluster that allows nothing by itself: each process of the desk, each department's software.

=========================  ===================================================================================
``acta-relay``              writes the topic of the events, and reads there how far it is
``acta-projector``          reads the topic of the events
``acta-ledger``             writes the topic of the checkpoints, and reads there how far it is
``acta-intake``             reads the departments' requests, in its group
``acta-outcomes``           writes the departments' outcomes and the dead letters
``department-<name>``       writes ``…requests.<name>``, reads ``…outcomes.<name>``; group and transactional id
                            have its own name
=========================  ===================================================================================

Whoever prepares the cluster (`acta up`) makes topics and grants, so is a super user of it and none of these. A right to
read or to write includes that to describe; one to write to a topic includes that to be idempotent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import ClusterAuthorizationFailedError, SecurityDisabledError

from consumers import intake, relay
from consumers.doors import Doors
from consumers.kafka.topics import PATIENCE_MS, Client
from consumers.loop import Halted
from consumers.record import announcing

RELAY, PROJECTOR, LEDGER, INTAKE, OUTCOMES = (
    f"acta-{part}" for part in ("relay", "projector", "ledger", "intake", "outcomes")
)
READ, WRITE = ACLOperation.READ, ACLOperation.WRITE
TOPIC, GROUP, TRANSACTIONS = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID


@dataclass(frozen=True)
class Grant:
    """One user may do one thing with one topic, group or transactional id, by its whole name, from any host."""

    user: str
    operation: ACLOperation
    kind: ResourceType
    name: str

    def __str__(self) -> str:
        return f"{self.user} may {self.operation.name.lower()} {self.kind.name.lower().replace('_', ' ')} {self.name}"


def department_user(department: str) -> str:
    """Who a department's software is for Kafka, and the name of its group and of its transactional id."""
    return f"department-{department}"


def grants(topic: str, checkpoint_topic: str, doors: Doors) -> list[Grant]:
    """All that is needed, and no more."""
    return [*_of_the_record(topic, checkpoint_topic), *_of_the_doors(doors)]


def _of_the_record(topic: str, checkpoint_topic: str) -> Iterator[Grant]:
    yield Grant(PROJECTOR, READ, TOPIC, topic)
    yield from _writing(RELAY, topic, relay.transactional_id(topic))
    yield from _writing(LEDGER, checkpoint_topic, announcing.transactional_id(checkpoint_topic))


def _of_the_doors(doors: Doors) -> Iterator[Grant]:
    if not doors.departments:
        return
    yield Grant(INTAKE, READ, GROUP, intake.GROUP)
    yield from _writing(OUTCOMES, doors.mark, doors.transactional_id)
    yield Grant(OUTCOMES, WRITE, TOPIC, doors.dead_letters)
    for requests, department in doors.requests().items():
        user, outcomes = department_user(department), doors.outcomes(department)
        yield Grant(INTAKE, READ, TOPIC, requests)
        yield Grant(OUTCOMES, WRITE, TOPIC, outcomes)
        yield Grant(user, WRITE, TOPIC, requests)
        yield Grant(user, READ, TOPIC, outcomes)
        yield Grant(user, READ, GROUP, user)
        yield Grant(user, WRITE, TRANSACTIONS, user)


def _writing(user: str, topic: str, transactional_id: str) -> Iterator[Grant]:
    """What it takes to write a topic in transactions and to find in it how far one is."""
    yield Grant(user, READ, TOPIC, topic)
    yield Grant(user, WRITE, TOPIC, topic)
    yield Grant(user, WRITE, TRANSACTIONS, transactional_id)


def grant(client: Client, wanted: list[Grant]) -> None:
    """Grant these; what is granted already stays as it is, and so does what somebody else granted.

    Raises ``Halted`` when the cluster asks nobody who he is, or when the client may not grant.
    """
    admin = KafkaAdminClient(**client, bootstrap_timeout_ms=PATIENCE_MS)
    try:
        failed = admin.create_acls([_acl(each) for each in wanted])["failed"]
    finally:
        admin.close()
    if SecurityDisabledError in failed:
        raise Halted("the brokers have no authorizer, so everybody may do everything: set authorizer.class.name")
    if ClusterAuthorizationFailedError in failed:
        raise Halted("this user may not grant anything: it must be one of the brokers' super.users")
    if failed:
        reasons = ", ".join(sorted({why.__name__ for why in failed}))
        raise Halted(f"{len(failed)} of {len(wanted)} grants were refused: {reasons}")


def _acl(given: Grant) -> ACL:
    pattern = ResourcePattern(given.kind, given.name)
    return ACL(f"User:{given.user}", "*", given.operation, ACLPermissionType.ALLOW, pattern)
