"""The key-encryption key is changed while a desk works; the change is killed wherever it is, and run again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
import pytest

from deploy import wiring
from deploy.settings import Settings, read
from desks import ACT, KEK, SMALL_DESK, as_role, opened
from domain.desk import Desk
from domain.setup.events import SETUP, KeyEncryptionKeyRotated
from domain.store.keyring import KekMismatch, KeyRing, kek_id
from domain.store.keys import SubjectKeys
from domain.store.rotation import rotate

NEW = bytes(range(100, 132))
PERSONS = 6_000


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    """Settings of processes that have their key from a file."""
    (tmp_path / "kek").write_bytes(KEK)
    (tmp_path / "kek").chmod(0o600)
    (tmp_path / "new").write_bytes(NEW)
    (tmp_path / "new").chmod(0o600)
    return {
        "ACTA_HOME": str(tmp_path),
        "ACTA_KEK_FILE": str(tmp_path / "kek"),
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_OWNER_DATABASE_URL": database,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return read(environment)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    """A desk that has read the old key only."""
    with wiring.desk(settings) as desk:
        desk.configure(lambda setup: SMALL_DESK, ACT)
        yield desk


def wrapped_by(database: str) -> dict[str, int]:
    with psycopg.connect(database, autocommit=True) as connection:
        return dict(connection.execute("SELECT kek, count(*) FROM acta_keys.subject_keys GROUP BY kek").fetchall())


@contextmanager
def held_up_at(database: str, person: UUID) -> Iterator[Callable[[], bool]]:
    """The change comes no further than to the key of this person; the answer tells whether it is there."""
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as watcher:
        holder.execute("SELECT FROM acta_keys.subject_keys WHERE subject = %s FOR UPDATE", (person,))
        waiting = (
            "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)) AND query LIKE 'UPDATE acta_keys%%'"
        )
        yield lambda: watcher.execute(waiting, (holder.info.backend_pid,)).fetchone() is not None


def rotating(environment: dict[str, str]) -> subprocess.Popen[str]:
    place = str(Path(environment["ACTA_HOME"]) / "new")
    return subprocess.Popen(
        [sys.executable, "-c", "from deploy.cli import main; main()", "keys", "rotate", "--new-kek-file", place],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Worker:
    """Somebody who opens tickets for people nobody knows yet, until told to stop."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stop = Event()
        self.opened: list[UUID] = []
        self.fault: Exception | None = None
        self._thread = Thread(target=self._work)

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.fault is None

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                receipt = opened(self._desk, title="VPN drops", requester={"email": f"{uuid4()}@example.org"})
                self.opened.append(receipt.ticket)
        except Exception as fault:
            self.fault = fault


def test_a_change_that_is_killed_again_and_again_ends_and_the_desk_never_notices(
    desk: Desk, database: str, environment: dict[str, str]
):
    persons = [uuid4() for _ in range(PERSONS)]
    keys = desk.keys.ensure(persons)
    with Worker(desk) as worker:
        for place in (100, 4_700):
            with held_up_at(database, sorted(persons)[place]) as waits:
                process = rotating(environment)
                while not waits():
                    assert process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.communicate()
            both = SubjectKeys(desk.pool, KeyRing(lambda: (NEW, KEK)))
            assert both.find(persons) == keys
        assert set(wrapped_by(database)) == {kek_id(KEK), kek_id(NEW)}
        process = rotating(environment)
        told, faults = process.communicate()
        assert process.returncode == 0, faults
        assert "None is under" in told
        assert KEK.hex() not in told + faults
        assert NEW.hex() not in told + faults
        seen = len(worker.opened)
        while len(worker.opened) < seen + 20:
            assert worker.fault is None
    assert set(wrapped_by(database)) == {kek_id(NEW)}
    fresh = SubjectKeys(desk.pool, NEW)
    assert fresh.find(persons) == keys
    with_new_key = Desk(as_role(database, "acta_app"), NEW)
    try:
        assert {with_new_key.ticket(ticket).title for ticket in worker.opened} == {"VPN drops"}
        (event,) = [one for one in with_new_key.history(SETUP) if isinstance(one, KeyEncryptionKeyRotated)]
    finally:
        with_new_key.close()
    assert (event.new, event.old) == (kek_id(NEW), (kek_id(KEK),))
    again = rotating(environment)
    told, _ = again.communicate()
    assert "That was recorded before." in told


class Killed(Exception):
    """Stands for the end of the process at this point."""


def killed_at(point: int) -> Callable[[int, int], None]:
    reached = iter(range(point + 1))

    def progress(done: int, total: int) -> None:
        if next(reached, None) == point:
            raise Killed

    return progress


def test_wherever_a_change_ends_every_key_opens_and_it_can_be_run_again(desk: Desk, database: str):
    persons = [uuid4() for _ in range(1_700)]
    keys = desk.keys.ensure(persons)
    ring = KeyRing(lambda: (NEW, KEK))
    with psycopg.connect(database, autocommit=True) as owner:
        for point in range(8):
            try:
                rotate(owner, ring, killed_at(point))
            except Killed:
                assert SubjectKeys(desk.pool, ring).find(persons) == keys
        rotated = rotate(owner, ring)
    assert (rotated.new, rotated.old) == (kek_id(NEW), (kek_id(KEK),))
    assert wrapped_by(database) == {kek_id(NEW): rotated.keys}


def test_a_key_under_an_unknown_one_stops_the_change_before_anything_is_changed(desk: Desk, database: str):
    desk.keys.ensure([uuid4() for _ in range(10)])
    before = wrapped_by(database)
    with psycopg.connect(database, autocommit=True) as owner, pytest.raises(KekMismatch):
        rotate(owner, KeyRing(lambda: (NEW, bytes(32))))
    assert wrapped_by(database) == before


def test_a_key_that_does_not_open_is_not_passed_over(desk: Desk, database: str):
    person = uuid4()
    desk.keys.ensure([person])
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "UPDATE acta_keys.subject_keys SET kek = %s, wrapped = %s WHERE subject = %s",
            (kek_id(NEW), bytes(60), person),
        )
        with pytest.raises(KekMismatch):
            rotate(owner, KeyRing(lambda: (NEW, KEK)))


def test_a_process_that_cannot_get_the_new_key_draws_no_key_under_the_old_one(desk: Desk, database: str):
    late = Desk(as_role(database, "acta_app"), KEK)
    try:
        late.keys.ensure([uuid4()])
        with psycopg.connect(database, autocommit=True) as owner:
            rotate(owner, KeyRing(lambda: (NEW, KEK)))
        with pytest.raises(KekMismatch):
            late.keys.ensure([uuid4()])
    finally:
        late.close()
    assert set(wrapped_by(database)) == {kek_id(NEW)}


def test_an_erased_person_does_not_come_back(desk: Desk, database: str):
    persons = [uuid4() for _ in range(600)]
    desk.keys.ensure(persons)
    with psycopg.connect(database, autocommit=True) as owner, psycopg.connect(database, autocommit=True) as eraser:

        def erase(done: int, total: int) -> None:
            eraser.execute("DELETE FROM acta_keys.subject_keys WHERE subject = ANY(%s)", (persons[:300],))

        rotate(owner, KeyRing(lambda: (NEW, KEK)), erase)
    assert SubjectKeys(desk.pool, NEW).find(persons).keys() == set(persons[300:])
