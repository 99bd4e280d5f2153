"""What many departments' software sends in a while, drawn at random, and what must come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass
class Traffic:
    """What departments' software sends: some of it twice, some wrong, some of it nothing; and what must follow."""

    requests: list[tuple[str, str, str, str, dict[str, Any]]]
    """Department, kind, reference, id, body; in order for each reference."""

    accepted: set[tuple[str, str]]
    refused: set[tuple[str, str]]
    """By department and id."""

    tickets: list[str]
    """The titles, each of which is one ticket's."""

    noise: int
    """How many messages are no requests."""


NOISE = "noise"


def traffic(random: Random, size: int, departments: Sequence[str]) -> Traffic:
    """Some ``size`` requests: a tenth comes twice, 2 % are wrong, and of a thousand messages one or two are none."""
    made = Traffic([], set(), set(), [], 0)
    ids = random.sample(range(10 * size), size)
    latest: dict[str, list[str]] = {department: [] for department in departments}
    for id in map(str, ids):
        department = random.choice(departments)
        references = latest[department]
        request: tuple[str, str, str, str, dict[str, Any]]
        if random.random() < 0.02:
            request = (department, "open", f"wrong-{id}", id, {"title": "Wrong", "colour": "blue"})
            made.refused.add((department, id))
        elif references and random.random() < 0.5:
            request = (department, "reply", random.choice(references), id, {"text": f"reply {id}"})
            made.accepted.add((department, id))
        else:
            request = (department, "open", f"ref-{id}", id, {"title": f"{department} {id}"})
            references.append(f"ref-{id}")
            made.accepted.add((department, id))
            made.tickets.append(f"{department} {id}")
        made.requests.append(request)
        if random.random() < 0.1:
            made.requests.append(random.choice([one for one in made.requests[-50:] if one[1] != NOISE]))
        if random.random() < 0.0015 or not made.noise:
            made.requests.append((department, NOISE, "nothing", "", {}))
            made.noise += 1
    return made
