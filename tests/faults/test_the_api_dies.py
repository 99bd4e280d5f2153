"""When the API is killed, what was acknowledged is there, what is repeated is done once, what left is recorded."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from threading import Event as Flag

import httpx
import psycopg
import pytest

from deploy.running import issue_key
from desks import KEK, as_role, open_desk, opened, prepare
from domain.access.events import AccessRead

CALLERS = 8
TICKETS = 400


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    """What an API process is told."""
    prepare(database)
    (tmp_path / "kek").write_bytes(KEK)
    return {
        **os.environ,
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_PROJECTOR_DATABASE_URL": as_role(database, "acta_projector"),
        "ACTA_KEK_FILE": str(tmp_path / "kek"),
        "ACTA_PORT": "0",
    }


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An API process and its address."""
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http"))
        try:
            yield process, url
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_api_is_killed_under_a_write_load(database: str, environment: dict[str, str]):
    with open_desk(database) as desk:
        token = issue_key(desk, "loader", "admin", ("*",))
    headers = {"Authorization": f"Bearer {token}"}
    enough = Flag()

    def open_tickets(url: str, caller: int, requests: Iterable[int]) -> dict[str, int]:
        """Numbers by key, as acknowledged, until the line goes dead."""
        told: dict[str, int] = {}
        with httpx.Client(base_url=url, headers=headers, timeout=None) as client:
            for n in requests:
                key = f"{caller}-{n}"
                body = {"department": "it", "title": f"Ticket {key}"}
                try:
                    answer = client.post("/tickets", json=body, headers={"Idempotency-Key": key})
                except httpx.TransportError:
                    break
                assert answer.status_code == 201, answer.text
                told[key] = answer.json()["number"]
                if len(told) >= 20:
                    enough.set()
        return told

    def load(url: str, most: int | None = None) -> dict[str, int]:
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = (pool.submit(open_tickets, url, n, islice(count(), most)) for n in range(CALLERS))
            return {key: n for told in list(callers) for key, n in told.result().items()}

    with serving(environment) as (process, url), ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, url)
        enough.wait()
        process.kill()
        acknowledged = loading.result()
    assert len(acknowledged) >= 20
    # Of each caller one request more than was acknowledged may have been carried out.
    requests = max(int(key.partition("-")[2]) for key in acknowledged) + 2
    with serving(environment) as (_, url):
        everything = load(url, requests)
    assert len(everything) == CALLERS * requests
    assert acknowledged.items() <= everything.items()
    with open_desk(database) as desk:
        opened = [event for page in desk.pages(0, 5_000, types=["ticket.opened.v1"]) for event in page]
        assert sorted(event.title for event in opened) == sorted(f"Ticket {key}" for key in everything)  # type: ignore[attr-defined]
        assert [event.position for page in desk.pages(0, 5_000) for event in page] == list(
            range(1, desk.store.head() + 1)
        )


@pytest.fixture
def numbers(database: str, environment: dict[str, str]) -> list[int]:
    """Tickets to be read, each of them once."""
    with open_desk(database) as desk:
        return [opened(desk, title=f"Ticket {n}").number for n in range(TICKETS)]


@pytest.fixture
def headers(database: str, environment: dict[str, str]) -> dict[str, str]:
    with open_desk(database) as desk:
        return {"Authorization": f"Bearer {issue_key(desk, 'reader', 'admin', ('*',))}"}


def recorded(database: str) -> set[int]:
    """The numbers of the tickets that somebody is recorded to have been shown."""
    with open_desk(database) as desk:
        looks = [event for page in desk.pages(0, 5_000) for event in page if isinstance(event, AccessRead)]
        shown = {ticket for look in looks for ticket in look.tickets}
        return {desk.ticket(ticket).number for ticket in shown}


def test_whatever_left_an_api_that_was_killed_is_recorded(
    database: str, environment: dict[str, str], numbers: list[int], headers: dict[str, str]
):
    enough = Flag()

    def read(url: str, caller: int) -> set[int]:
        """The tickets that were shown until the line went dead."""
        shown: set[int] = set()
        with httpx.Client(base_url=url, headers=headers, timeout=None) as client:
            for number in numbers[caller::CALLERS]:
                try:
                    answer = client.get(f"/tickets/{number}")
                except httpx.TransportError:
                    break
                assert answer.status_code == 200, answer.text
                shown.add(number)
                if len(shown) >= 5:
                    enough.set()
        return shown

    with serving(environment) as (process, url), ThreadPoolExecutor(CALLERS) as pool:
        reading = [pool.submit(read, url, caller) for caller in range(CALLERS)]
        enough.wait()
        process.kill()
        shown = set[int]().union(*(one.result() for one in reading))
    assert 5 <= len(shown) < TICKETS, "the API was to die in the middle"
    assert shown <= recorded(database)


def test_an_api_that_is_killed_before_it_has_recorded_has_shown_nothing(
    database: str, environment: dict[str, str], numbers: list[int], headers: dict[str, str]
):
    with (
        serving(environment) as (process, url),
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database, autocommit=True) as owner,
        owner.transaction(),
    ):
        owner.execute("SELECT pg_advisory_xact_lock(4021985)")
        asking = pool.submit(httpx.get, f"{url}/tickets/{numbers[0]}", headers=headers, timeout=None)
        waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while owner.execute(waits).fetchone() is None:
            assert not asking.done()
        process.kill()
        with pytest.raises(httpx.TransportError):
            asking.result()
