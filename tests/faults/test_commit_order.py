"""Commit order against position order: the slower of two writers holds the lower position, and no follower skips it."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg

from consumers.follow import follow
from consumers.kafka.tails import read_tails
from consumers.relay import relay
from consuming import running, until
from desks import as_role, open_desk
from projections.engine import complete_to
from stages import Stage
from watching import must_equal_the_store, watching

APPEND = (
    "SELECT head FROM acta.append('{1}', %s::uuid[], '{1}', '{ticket.cancelled.v1}', '{NULL}'::bigint[],"
    " '{\"{}\"}'::bytea[], '{NULL}'::uuid[], '{NULL}'::bytea[])"
)


def append(connection: psycopg.Connection, stream: UUID) -> int:
    """Record one event; the position before it."""
    row = connection.execute(APPEND, ([stream],)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_slow_writer_with_the_lower_position_is_not_skipped(stage: Stage) -> None:
    slow, fast = UUID(int=1), UUID(int=2)
    world = stage.world

    def done() -> bool:
        tails = read_tails(world.client, world.topic)
        with psycopg.connect(stage.owner) as connection:
            viewed = complete_to(connection, "watching")
        return viewed == stage.head() == min(tail.position if tail else 0 for tail in tails)

    with (
        open_desk(stage.owner) as desk,
        running(relay, desk.store, world.app, world.client, world.topic) as sending,
        running(follow, desk, world.views, [watching]) as following,
        psycopg.connect(as_role(stage.owner, "acta_app")) as first,
        psycopg.connect(as_role(stage.owner, "acta_app")) as second,
        psycopg.connect(stage.owner, autocommit=True) as onlooker,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        until(done, sending, following)
        before = append(first, slow)
        other = elsewhere.submit(lambda: (append(second, fast), second.commit()))

        def waits() -> bool:
            query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return onlooker.execute(query).fetchone() is not None or other.done()

        until(waits, sending, following)
        assert not other.done(), "a later position was committed before an earlier one"
        assert desk.store.page(before, 10, opened=False) == []
        first.commit()
        assert other.result()[0] == before + 1
        until(done, sending, following)
        assert [event.originator_id for event in desk.store.page(before, 10, opened=False)] == [slow, fast]
    must_equal_the_store(stage.owner)
    stage.topic_must_hold_the_store()
