"""The append: dense positions, one winner per version, nothing ever changed, nothing ever missed."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from psycopg_pool import ConnectionPool

from desks import as_role, prepare
from domain.store.recorder import Appended, PostgresRecorder, Rests, SealedEvent


@pytest.fixture
def store(database: str) -> Iterator[PostgresRecorder]:
    prepare(database)
    dsn = as_role(database, "acta_app")
    with ConnectionPool(dsn, min_size=1, max_size=4, open=True, kwargs={"autocommit": True}) as pool:
        recorder = PostgresRecorder(pool, dsn)
        yield recorder
        recorder.close()


def event(stream: UUID, version: int, body: bytes = b"{}") -> SealedEvent:
    return SealedEvent(stream, version, "ticket.started.v1", body)


def positions(appended: Appended) -> list[int]:
    return sorted(appended.positions.values())


def test_positions_are_dense_whatever_is_refused(store: PostgresRecorder):
    a, b, c = uuid4(), uuid4(), uuid4()
    assert positions(store.append([[event(a, 1)], [event(b, 1), event(b, 2)]])) == [1, 2, 3]
    again = store.append([[event(a, 2)], [event(b, 2)], [event(c, 1)]])
    assert again.refused == {1}
    assert positions(again) == [4, 5]
    assert [stored.position for stored in store.page(0, 100)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("versions", [(2,), (0,), (1, 3), (1, 1)], ids=["gap", "zero", "hole", "twice"])
def test_a_stream_grows_by_one(store: PostgresRecorder, versions: tuple[int, ...]):
    stream = uuid4()
    try:
        refused = store.append([[event(stream, version) for version in versions]]).refused
    except psycopg.errors.IntegrityError:
        refused = frozenset({0})
    assert refused == {0}
    assert store.head() == 0


def test_a_unit_is_recorded_whole_or_not_at_all(store: PostgresRecorder):
    taken, free = uuid4(), uuid4()
    store.append([[event(taken, 1)]])
    assert store.append([[event(free, 1), event(taken, 1)]]).refused == {0}
    assert not store.events_of(free)


def test_a_unit_whose_decision_rests_on_a_stream_that_has_moved_on_is_refused(store: PostgresRecorder):
    read, a, b = uuid4(), uuid4(), uuid4()
    store.append([[event(read, 1)]])
    appended = store.append([[event(a, 1)], [event(b, 1)]], [{read: 0}, {read: 1}])
    assert appended.refused == {0}
    assert positions(appended) == [2]
    assert not store.events_of(a)


def test_what_all_units_rest_on_refuses_them_all_once_it_has_moved_on(store: PostgresRecorder):
    read, other = uuid4(), uuid4()
    store.append([[event(read, 1)], [event(other, 1)]])
    units = [[event(uuid4(), 1)] for _ in range(3)]
    appended = store.append(units, [{read: 0, other: 1}, {read: 0}, {read: 0}])
    assert appended.refused == {0, 1, 2}
    assert not appended.positions
    assert store.head() == 2
    assert positions(store.append(units, [{read: 1, other: 1}, {read: 1}, {read: 1}])) == [3, 4, 5]


def test_a_ticket_number_that_is_used_is_replaced_by_a_fresh_one(store: PostgresRecorder):
    first, second = store.numbers(2)
    opening = [replace(event(uuid4(), 1), number=number) for number in (first, second)]
    fresh = store.append([[opening[0], event(opening[0].originator_id, 2)], [opening[1]]]).fresh_numbers
    assert len({first, second, *fresh, *store.numbers(2)}) == 6
    assert store.streams_of_numbers([first, second]) == {
        first: opening[0].originator_id,
        second: opening[1].originator_id,
    }


def test_what_others_have_recorded_meanwhile_is_told(store: PostgresRecorder, database: str):
    mine, theirs = uuid4(), uuid4()
    assert not store.append([[event(mine, 1)]]).moved
    other = PostgresRecorder(store._pool, as_role(database, "acta_app"))
    assert list(other.append([[event(theirs, 1), event(theirs, 2)]]).moved) == [mine]
    assert list(store.append([[event(mine, 2)]]).moved) == [theirs]
    assert not store.append([[event(mine, 3)], [event(theirs, 2)]]).moved
    other.close()


def test_of_sixteen_writers_of_one_version_one_wins(store: PostgresRecorder, database: str):
    stream = uuid4()
    dsn = as_role(database, "acta_app")

    def write(n: int) -> bool:
        with ConnectionPool(dsn, min_size=1, max_size=1, open=True, kwargs={"autocommit": True}) as pool:
            recorder = PostgresRecorder(pool, dsn)
            won = not recorder.append([[event(stream, 1, str(n).encode())]]).refused
            recorder.close()
            return won

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(write, range(16))) == 1
    assert len(store.events_of(stream)) == 1


def test_recorded_times_never_run_behind_their_predecessors(store: PostgresRecorder):
    for _ in range(50):
        store.append([[event(uuid4(), 1)] for _ in range(3)])
    times = [stored.recorded_at for stored in store.page(0, 1000)]
    assert times == sorted(times, key=lambda at: at or 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE acta.events SET body = 'x'",
        "DELETE FROM acta.events",
        "TRUNCATE acta.events",
        "INSERT INTO acta.events VALUES (99, gen_random_uuid(), 1, 'x', now(), NULL, 'x')",
    ],
)
@pytest.mark.parametrize("role", ["acta_app", "acta_projector"])
def test_the_application_can_neither_change_nor_smuggle_in(
    store: PostgresRecorder, database: str, statement: str, role: str
):
    store.append([[event(uuid4(), 1)]])
    with (
        psycopg.connect(as_role(database, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE acta.events SET body = 'x'", "DELETE FROM acta.events", "TRUNCATE acta.events"]
)
@pytest.mark.parametrize("replica", [False, True], ids=["origin", "replica"])
def test_not_even_the_owner_changes_an_event(store: PostgresRecorder, database: str, statement: str, replica: bool):
    store.append([[event(uuid4(), 1)]])
    with psycopg.connect(database) as connection:
        if replica:
            connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_writer_that_took_the_lower_position_and_is_slow_is_waited_for(store: PostgresRecorder, database: str):
    """The order of positions is the order of commits, so a follower that reads on can never skip one."""
    slow, fast = uuid4(), uuid4()
    dsn = as_role(database, "acta_app")
    call = (
        "SELECT head FROM acta.append(ARRAY[0], ARRAY[%s]::uuid[], ARRAY[1], ARRAY['ticket.started.v1'],"
        " ARRAY[NULL]::bigint[], ARRAY['{}'::bytea], ARRAY[NULL]::uuid[], ARRAY[NULL]::bytea[])"
    )
    seen: list[int] = []
    with psycopg.connect(dsn) as first:
        first.execute(call, (slow,))
        other = threading.Thread(target=lambda: store.append([[event(fast, 1)]]))
        other.start()
        with psycopg.connect(database, autocommit=True) as watcher:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while watcher.execute(waiting).fetchone() != (1,):
                pass
        seen += [stored.position for stored in store.page(0, 10)]
        assert seen == []
        first.commit()
        other.join()
    seen += [stored.position for stored in store.page(max(seen, default=0), 10)]
    assert seen == [1, 2]
    assert [stored.originator_id for stored in store.page(0, 10)] == [slow, fast]


def test_a_lost_answer_is_looked_into_and_neither_doubled_nor_lost(store: PostgresRecorder, database: str):
    """The connection breaks after the commit: the append says where the events are, and there is one of each."""
    a, b = uuid4(), uuid4()
    store.append([[event(a, 1)]])
    real = store._append

    def broken(connection: psycopg.Connection, rows: list[tuple[int, SealedEvent]], rests: Sequence[Rests]) -> Appended:
        real(connection, rows, rests)
        store._append = real  # type: ignore[method-assign]
        connection.close()
        raise psycopg.OperationalError("the line went dead")

    store._append = broken  # type: ignore[assignment,method-assign]
    appended = store.append([[event(a, 2, b"kept")], [event(b, 1, b"kept, too")]])
    assert not appended.refused
    assert positions(appended) == [2, 3]
    assert store.head() == 3


def test_a_connection_lost_before_the_commit_loses_nothing(store: PostgresRecorder, database: str):
    stream = uuid4()
    store.append([[event(stream, 1)]])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acta append'"
            " AND datname = current_database()"
        )
    assert positions(store.append([[event(stream, 2)]])) == [2]


def test_a_follower_beside_eager_writers_sees_every_event_once_in_order(store: PostgresRecorder, database: str):
    dsn = as_role(database, "acta_app")
    done = threading.Event()

    def write(size: int) -> None:
        with ConnectionPool(dsn, min_size=1, max_size=1, open=True, kwargs={"autocommit": True}) as pool:
            recorder = PostgresRecorder(pool, dsn)
            for _ in range(60):
                recorder.append([[event(uuid4(), 1)] for _ in range(size)])
            recorder.close()

    followed: list[int] = []

    def follow() -> None:
        while True:
            last = done.is_set()
            page = store.page(followed[-1] if followed else 0, 1000)
            followed.extend(stored.position for stored in page)
            if last and not page:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (1, 1, 7, 40)))
    done.set()
    follower.join()
    assert followed == list(range(1, 60 * 49 + 1))
