"""The embedded PostgreSQL keeps what was committed, whoever is killed, and lets in whom it should."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.child import wait_gone
from deploy.embedded import EmbeddedPostgres

KEEPER = """
import sys
from pathlib import Path
from deploy.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, server.port, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own."""
    with EmbeddedPostgres(tmp_path / "home") as started:
        yield started


def keep_a_note(server: EmbeddedPostgres, text: str) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", (text,))


def notes(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.dsn()) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY 1").fetchall()]


def test_what_was_committed_survives_a_stop_on_the_same_port(server):
    keep_a_note(server, "kept")
    port = server.port
    server.restart()
    assert (notes(server), server.port) == (["kept"], port)


def test_what_was_committed_survives_kill_9(server):
    keep_a_note(server, "kept")
    port = server.port
    server.kill()
    server.start()
    assert (notes(server), server.port) == (["kept"], port)


def test_the_server_ends_with_a_killed_keeper_and_the_next_one_starts(tmp_path):
    folder = tmp_path / "home"
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with keeper:
        pid, port = map(int, keeper.stdout.readline().split())
        guest = EmbeddedPostgres(folder)
        guest.start()
        keep_a_note(guest, "kept")
        guest.stop()
        assert notes(guest) == ["kept"], "a guest cannot stop the server"
        orphan = psutil.Process(pid)
        keeper.send_signal(signal.SIGKILL)
    with EmbeddedPostgres(folder) as successor:
        assert wait_gone([orphan], 0) == []
        assert (notes(successor), successor.port) == (["kept"], port)


def test_a_pid_file_naming_a_stranger_does_not_stop_the_start(server):
    keep_a_note(server, "kept")
    pid_file = server.folder / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.kill()
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            server.start()
            assert notes(server) == ["kept"]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_no_one_comes_in_over_tcp_without_a_password(server):
    server.admit("acta_app")
    for dsn in (
        f"postgresql://postgres@127.0.0.1:{server.port}/postgres",
        f"postgresql://acta_app@127.0.0.1:{server.port}/postgres",
        f"postgresql://acta_app:wrong@127.0.0.1:{server.port}/postgres",
        server.dsn().replace("postgres@", "acta_app@"),
    ):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(dsn)


def test_an_admitted_role_comes_in_with_its_password_and_its_password_is_kept(server):
    server.admit("acta_app")
    dsn = server.dsn("acta_app")
    server.restart()
    server.admit("acta_app")
    assert server.dsn("acta_app") == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("acta_app",)


def test_only_the_owner_may_look_into_the_folder(server):
    server.admit("acta_app")
    modes = [(server.folder / name).stat().st_mode & 0o777 for name in ("cluster", "socket", "passwords.json")]
    assert modes == [0o700, 0o700, 0o600]


def test_the_server_writes_through_and_counts_in_utf8_and_utc(server):
    names = ("fsync", "synchronous_commit", "full_page_writes", "server_encoding", "TimeZone", "data_checksums")
    with psycopg.connect(server.dsn()) as connection:
        found = {name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names}
    assert list(found.values()) == [("on",), ("on",), ("on",), ("UTF8",), ("UTC",), ("on",)]


def test_a_folder_whose_path_is_too_long_for_a_socket_is_served(tmp_path):
    folder = tmp_path / ("long" * 30)
    with EmbeddedPostgres(folder) as server:
        keep_a_note(server, "kept")
        assert notes(server) == ["kept"]


def test_each_test_has_a_database_of_its_own(databases):
    def prepare(dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE prepared AS SELECT 1 AS one")

    first, second = databases.fresh(prepare), databases.fresh(prepare)
    with psycopg.connect(first) as connection:
        connection.execute("DELETE FROM prepared")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT one FROM prepared").fetchall() == [(1,)]
    for dsn in (first, second):
        databases.drop(dsn)
