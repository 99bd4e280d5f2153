"""A stage with doors, and what must be true of them in the end: each request done once, what is none kept once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from consumers.doors import Doors, ensure_doors
from consumers.kafka.tails import read_tails
from desks import ACT, open_desk
from domain.setup.events import DepartmentDefined, GroupDefined
from door_talk import Sender, Told, all_told, committed
from stages import PARTITIONS, Actor, Stage
from traffic import Asked, Traffic


def doors_of(stage: Stage, topics: str, departments: Sequence[str]) -> Doors:
    """Open the doors of a stage; departments that it does not have are defined."""
    with open_desk(stage.owner) as desk:
        new = [department for department in departments if department not in desk.setup().departments]
        groups = [GroupDefined(group=f"{name}-desk", name=name, department=name) for name in new]
        defined = [DepartmentDefined(department=name, name=name, default_group=f"{name}-desk") for name in new]
        desk.configure(lambda setup: [*defined, *groups], ACT)
    doors = Doors(topics.rstrip("."), departments)
    ensure_doors(stage.world.client, doors, PARTITIONS)
    stage.world = replace(stage.world, doors=tuple(departments), prefix=doors.prefix)
    return doors


def send(stage: Stage, doors: Doors, made: Traffic) -> None:
    """Send all of it to the topics."""
    sender = Sender(stage.world.client, doors)
    sender.send(made.requests)
    sender.close()


def decided(stage: Stage) -> int:
    """How many requests are decided."""
    return stage.number("SELECT count(*) FROM acta.events WHERE type = 'request.decided.v1'")


def settle(stage: Stage, doors: Doors, made: Traffic, *alive: Actor) -> None:
    """Wait until everything sent is decided or kept, and told."""
    stage.until(lambda: decided(stage) == len(made.accepted) + len(made.refused), *alive)
    stage.until(lambda: stage.number("SELECT count(*) FROM acta.dead_letters") >= made.noise, *alive)
    last = stage.number("SELECT max(position) FROM acta.events WHERE type IN ('request.decided.v1', 'letter.kept.v1')")
    stage.until(lambda: told_until(stage, doors) >= last, *alive)


def told_until(stage: Stage, doors: Doors) -> int:
    """The position up to which outcomes are told."""
    (tail,) = read_tails(stage.world.client, doors.mark)
    return tail.position if tail else 0


def outcomes(stage: Stage, doors: Doors) -> list[tuple[str, Told]]:
    """The outcome of each request, with its department."""
    return [
        (department, told)
        for department in doors.departments
        for told in all_told(stage.world.client, doors.outcomes(department))
        if told.kind != "happened"
    ]


def must_be_done_once(stage: Stage, doors: Doors, made: Traffic) -> None:
    """Each valid request to open is one ticket, each id has one outcome, and each other message is kept once."""
    found = Counter((department, told.body["request"]["id"], told.kind) for department, told in outcomes(stage, doors))
    assert [one for one, count in found.items() if count > 1] == []
    assert {(department, id) for department, id, kind in found if kind == "accepted"} == made.accepted
    assert {(department, id) for department, id, kind in found if kind == "refused"} == made.refused
    letters = [told.body for told in all_told(stage.world.client, doors.dead_letters)]
    places = sorted((body["topic"], body["partition"], body["offset"]) for body in letters)
    assert places == unreadable(stage, doors)
    with open_desk(stage.owner) as desk:
        assert desk.drawer.depth() == len(places) >= made.noise
        opened = [event for page in desk.pages(0, 5_000, types=["ticket.opened.v1"]) for event in page]
        assert sorted(event.title for event in opened) == sorted(made.tickets)  # type: ignore[attr-defined]
        titles = {event.stream: event.title for event in opened}  # type: ignore[attr-defined]
        replies: dict[str, list[str]] = {}
        for page in desk.pages(0, 5_000, types=["ticket.requester-replied.v1"]):
            for event in page:
                replies.setdefault(titles[event.stream], []).append(event.text)  # type: ignore[attr-defined]
        assert replies == in_order(made.requests)


def unreadable(stage: Stage, doors: Doors) -> list[tuple[str, int, int]]:
    """Where on the topics of requests there are messages that are none."""
    return sorted(
        (topic, message.partition, message.offset)
        for topic in doors.requests()
        for message in committed(stage.world.client, topic)
        if not message.headers
    )


def in_order(requests: Sequence[Asked]) -> dict[str, list[str]]:
    """The replies to each ticket, by its title, as they were first sent."""
    title = {(one.department, one.reference): one.body["title"] for one in requests if one.kind == "open"}
    found: dict[str, dict[str, None]] = {}
    for one in requests:
        if one.kind == "reply":
            found.setdefault(title[one.department, one.reference], {})[one.body["text"]] = None
    return {title: list(texts) for title, texts in found.items()}
