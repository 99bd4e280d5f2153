"""What many departments' software sends in a while, drawn at random, and what must come of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

TOPIC, SINGLY, BATCH = "topic", "singly", "batch"
"""The ways in: on the department's topic, one by one over HTTP, or many at once."""

NOISE = "noise"
"""The kind of what is no request."""


class Asked(NamedTuple):
    """A message as it is sent. All of one reference take the same way, and in order."""

    department: str
    way: str
    kind: str
    reference: str
    id: str
    body: dict[str, Any]


@dataclass
class Traffic:
    """What departments' software sends: some of it twice, some wrong, some of it nothing; and what must follow."""

    requests: list[Asked] = field(default_factory=list)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    """By department and id."""

    tickets: list[str] = field(default_factory=list)
    """The titles, each of which is one ticket's."""

    @property
    def noise(self) -> int:
        """How many messages on the topics are no requests; over HTTP that is said at once, and nothing is kept."""
        return sum(one.kind == NOISE and one.way == TOPIC for one in self.requests)

    def distinct(self, until: int) -> int:
        """How many requests there are among the first ``until`` messages, each counted once."""
        return len({(one.department, one.id) for one in self.requests[:until] if one.kind != NOISE})


def traffic(random: Random, size: int, departments: Sequence[str], ways: Sequence[str] = (TOPIC,)) -> Traffic:
    """Some ``size`` requests: a tenth comes twice, 2 % are wrong, and of a thousand messages one or two are none."""
    made = Traffic()
    ids = random.sample(range(10 * size), size)
    latest: dict[str, list[tuple[str, str]]] = {department: [] for department in departments}
    for n, id in enumerate(map(str, ids)):
        department, way = random.choice(departments), random.choice(ways)
        references = latest[department]
        if random.random() < 0.02:
            asked = Asked(department, way, "open", f"wrong-{id}", id, {"title": "Wrong", "colour": "blue"})
            made.refused.add((department, id))
        elif references and random.random() < 0.5:
            reference, way = random.choice(references)
            asked = Asked(department, way, "reply", reference, id, {"text": f"reply {id}"})
            made.accepted.add((department, id))
        else:
            asked = Asked(department, way, "open", f"ref-{id}", id, {"title": f"{department} {id}"})
            references.append((f"ref-{id}", way))
            made.accepted.add((department, id))
            made.tickets.append(f"{department} {id}")
        made.requests.append(asked)
        if random.random() < 0.1:
            made.requests.append(random.choice([one for one in made.requests[-50:] if one.kind != NOISE]))
        if n == 0 or random.random() < 0.0015:
            made.requests.append(Asked(department, random.choice(ways) if n else TOPIC, NOISE, "nothing", "", {}))
    return made
