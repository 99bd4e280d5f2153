"""A process is killed, or stopped and woken, at the worst moment: nothing is lost, doubled, skipped or out of order."""

from stages import Stage


def test_a_relay_is_killed_in_the_middle_of_a_transaction(stage: Stage) -> None:
    writer = stage.start("write")
    projector = stage.start("project")
    first = stage.start("relay", stop_in_transaction=5)
    stage.until(lambda: first.has_said("stopping in a transaction"), writer, projector, first)
    first.kill()
    second = stage.start("relay")
    stage.more(100, writer)
    writer.end()
    stage.settle(projector, second)
    stage.must_be_whole()


def test_a_relay_sleeps_through_its_succession_and_wakes_up(stage: Stage) -> None:
    writer = stage.start("write")
    projector = stage.start("project")
    sleeper = stage.start("relay", stop_in_transaction=5)
    stage.until(lambda: sleeper.has_said("stopping in a transaction"), writer, projector, sleeper)
    successor = stage.start("relay")
    stage.until(lambda: successor.has_said("state=active"), writer, projector, successor)
    stage.more(100, writer)
    sleeper.wake()
    stage.until(lambda: sleeper.has_said("state=interrupted"), writer, projector, successor, sleeper)
    stage.more(100, writer)
    writer.end()
    stage.settle(projector, successor, sleeper)
    assert not successor.has_said("state=interrupted")
    stage.must_be_whole()


def test_of_two_relays_the_active_one_is_killed_under_load(stage: Stage) -> None:
    writer = stage.start("write")
    projector = stage.start("project")
    relays = [stage.start("relay"), stage.start("relay")]
    for _ in range(3):
        stage.until(lambda: any(relay.has_said("state=active") for relay in relays), writer, projector)
        stage.more(60, writer)
        active = next(relay for relay in relays if relay.has_said("state=active"))
        active.kill()
        relays.remove(active)
        relays.append(stage.start("relay"))
    writer.end()
    stage.settle(projector, *relays)
    stage.must_be_whole()


def test_a_projector_is_killed_in_the_middle_of_a_batch(stage: Stage) -> None:
    writer = stage.start("write")
    relay = stage.start("relay")
    first = stage.start("project", stop_at=80)
    stage.until(lambda: first.has_said("stopping at 80"), writer, relay, first)
    first.kill()
    second = stage.start("project")
    stage.more(100, writer)
    writer.end()
    stage.settle(relay, second)
    stage.must_be_whole()


def test_a_projector_loses_its_partitions_in_the_middle_of_a_batch(stage: Stage) -> None:
    writer = stage.start("write")
    relay = stage.start("relay")
    sleeper = stage.start("project", stop_at=80)
    stage.until(lambda: sleeper.has_said("stopping at 80"), writer, relay, sleeper)
    other = stage.start("project")
    stage.more(100, writer)
    stage.until(lambda: stage.complete_to() > 100, writer, relay, other)
    sleeper.wake()
    stage.until(lambda: sleeper.has_said("state=interrupted"), writer, relay, other, sleeper)
    stage.more(100, writer)
    writer.end()
    stage.settle(relay, other, sleeper)
    stage.must_be_whole()


def test_one_of_two_projectors_is_killed_under_load(stage: Stage) -> None:
    writer = stage.start("write")
    relay = stage.start("relay")
    first, second = stage.start("project"), stage.start("project")
    stage.until(lambda: first.has_said("sharing") and second.has_said("sharing"), writer, relay, first, second)
    stage.more(100, writer)
    first.kill()
    stage.more(100, writer)
    stage.until(lambda: stage.complete_to() > 150, writer, relay, second)
    writer.end()
    stage.settle(relay, second)
    stage.must_be_whole()


def test_the_writing_process_is_killed_under_load(stage: Stage) -> None:
    relay = stage.start("relay")
    projector = stage.start("project")
    for _ in range(3):
        writer = stage.start("write")
        stage.more(100, writer)
        writer.kill()
    stage.settle(relay, projector)
    assert len(stage.receipts()) > 200
    stage.must_be_whole()


def test_asked_to_stop_everybody_ends_in_order(stage: Stage) -> None:
    actors = [stage.start("write"), stage.start("relay"), stage.start("project")]
    stage.until(lambda: stage.complete_to() > 50, *actors)
    assert [actor.end() for actor in actors] == [0, 0, 0]
