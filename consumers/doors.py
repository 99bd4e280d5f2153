"""The topics of departments' doors, and of what comes out of them.

=========================  =================================================================================
``…requests.<department>``  in: requests, in plain text, so kept for 7 days at most
``…outcomes.<department>``  out: what was decided of each, and what happened to its ticket later
``…outcomes``               how far the outcomes are told: one message, the newest (see ``outcomes.py``)
``…dead-letters``           out: what could not be taken, as pointers
=========================  =================================================================================

What the topics of requests take, intake can answer, by an outcome or a dead letter: messages of up to ``MOST_BYTES``
and their headers. The broker refuses what is larger as it is sent, and keeps it as it came: told to pack it in another
way, it would first read each message into memory, and an 89-byte batch that claims to hold two gigabytes ends it.
How much may come of a batch is bounded where it is unpacked (``unpacking.py``).

A request is kept by the time at which it arrived, so that a sender whose clock is years behind loses none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers.kafka.topics import Client, ensure_topic
from domain.request.message import MOST_BYTES

_DAY_MS = 24 * 60 * 60 * 1000
_FOR_HEADERS = 64 * 1024
REQUESTS = {
    "cleanup.policy": "delete",
    "retention.ms": str(7 * _DAY_MS),
    "max.message.bytes": str(MOST_BYTES + _FOR_HEADERS),
    "compression.type": "producer",
    "message.timestamp.type": "LogAppendTime",
}
OUT = {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS), "max.message.bytes": str(MOST_BYTES)}
MARK = {"cleanup.policy": "compact", "max.message.bytes": str(_FOR_HEADERS)}


@dataclass(frozen=True)
class Doors:
    """The doors of these departments; ``prefix`` begins the names of their topics."""

    prefix: str
    departments: Sequence[str]

    @property
    def mark(self) -> str:
        """The topic that says how far the outcomes are told."""
        return f"{self.prefix}.outcomes"

    @property
    def transactional_id(self) -> str:
        """Under which whoever tells outcomes fences off its predecessors."""
        return self.mark

    @property
    def dead_letters(self) -> str:
        """The topic of pointers to dead letters."""
        return f"{self.prefix}.dead-letters"

    def requests(self) -> Mapping[str, str]:
        """The department of each topic of requests."""
        return {f"{self.prefix}.requests.{department}": department for department in self.departments}

    def outcomes(self, department: str) -> str:
        """The topic of a department's outcomes."""
        return f"{self.prefix}.outcomes.{department}"


def ensure_doors(client: Client, doors: Doors, partitions: int) -> None:
    """Make the topics of the doors; raises ``Halted`` when one has another number of partitions."""
    if not doors.departments:
        return
    ensure_topic(client, doors.mark, 1, MARK)
    ensure_topic(client, doors.dead_letters, 1, OUT)
    for topic, department in doors.requests().items():
        ensure_topic(client, topic, partitions, REQUESTS)
        ensure_topic(client, doors.outcomes(department), partitions, OUT)
