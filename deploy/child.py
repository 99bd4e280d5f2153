"""Server programs as children: started so that they end with us, in a folder only one process keeps."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from deploy.account import Account
from deploy.settings import without_keys

LOG_LIMIT = 10_000_000
"""Bytes after which a server's log is begun anew at its next start (the old one kept beside it)."""


class WillNotStart(RuntimeError):
    """A server program ended or stayed silent instead of becoming ready; the message ends with its log."""


class Keeper:
    """The right to run the server of a folder, held by one process at a time and lost with its death."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "keeper.lock"
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Become the keeper; False while another process is."""
        file = open_closed(self._path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let another process become the keeper."""
        if self._file is not None:
            self._file.close()
            self._file = None


def open_closed(path: Path) -> IO[bytes]:
    """A file to append to that, if it is new, only its owner may read."""
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def spawn(
    command: Sequence[str],
    log: Path,
    death_signal: signal.Signals,
    account: Account | None = None,
    parameters: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command``, its output appended to ``log``; Linux sends it ``death_signal`` when we die.

    It leads a process group of its own, so that Ctrl-C in a terminal reaches us first and we can
    close it in order. The kernel watches the *thread* that starts a child: from any other than the
    main thread the child is therefore not tied to us, and an orphan is ended at the next start.
    ``parameters`` are added to the environment, from which keys of ours are taken.
    """
    watched = death_signal if threading.current_thread() is threading.main_thread() else 0
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    launch = Path(__file__).with_name("launch.py")
    words = [sys.executable, "-I", "-S", str(launch), str(int(watched)), str(os.getpid()), str(uid), str(gid)]
    with open_closed(log) as output:
        return subprocess.Popen(
            [*words, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            env={**without_keys(os.environ), **(parameters or {})},
        )


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Signal ``process`` in steps, each with the seconds it is given, at last with SIGKILL; return when it is gone."""
    for step, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(step)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()


def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes that need not be our children; return those still at work after ``seconds``.

    One that has ended counts as gone although nobody has collected its status yet: in a container
    without an init process nobody ever does.
    """
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if _works(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


def _works(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], seconds: float, log: Path) -> None:
    """Return once ``ready()``; refuse with :class:`WillNotStart` when ``alive()`` ends or ``seconds`` have gone."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise WillNotStart(f"It ended while starting. The end of {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise WillNotStart(f"It is not ready after {seconds:.0f} seconds. The end of {log}:\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, size: int = 4000) -> str:
    """The last ``size`` bytes of a log."""
    if not log.exists():
        return "(empty)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode(errors="replace")


def turn_over(log: Path) -> None:
    """Begin a log anew when it has grown past :data:`LOG_LIMIT`."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address on which nobody listens, and which are lent for a minute.

    On each a connection was accepted and closed from this side. As long as the system remembers that, it gives the
    port to nobody who asks for any, but to a server that names it.
    """
    return [_lent_port() for _ in range(count)]


def _lent_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
        with socket.create_connection(place):
            listener.accept()[0].close()
    return int(place[1])
