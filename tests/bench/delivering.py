"""The row of the webhooks: what was decided of requests to a receiver on this machine that answers at once."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from time import perf_counter
from typing import cast

import uvloop

from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.doors import doorkeeper, take
from domain.request.letter import Letter
from tests.bench.place import ACT, Place, acta, desk_on, process, wait
from tests.bench.rows import MB, MS, PER_S, Row, percentile
from tests.bench.seeding import TEXT

HOST = "127.0.0.1"
PER_TICKET = 5
REQUESTS_PER_S = 50
_IN_FLIGHT = 64
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def measure(place: Place) -> list[Row]:
    """deliver"""
    count, seconds = place.options.size(5_000, 500), place.options.size(10, 3)
    rates: list[float] = []
    cpu: list[float] = []
    times: list[float] = []
    for _ in range(place.options.runs):
        with place.store() as dsn, desk_on(dsn) as desk, _receiver() as (port, heard):
            wanted = w.Wanted(url=f"http://{HOST}:{port}/", tells=("outcomes", "facts"))
            w.register(desk, ACT, "it", wanted, plain_hosts=(HOST,))
            _send(desk, range(count))
            environment = place.environment(dsn, ACTA_WEBHOOK_PLAIN_HOSTS=HOST, ACTA_WEBHOOK_NETWORKS=f"{HOST}/32")
            with process(acta("webhooks", "run"), environment) as telling:
                wait(lambda heard=heard: len(heard) >= 1, telling)
                began, first, began_cpu = perf_counter(), len(heard), telling.cpu_s()
                wait(lambda heard=heard: len(heard) >= _messages(count), telling)
                rates.append((len(heard) - first) / (max(heard.values()) - began))
                cpu.append((telling.cpu_s() - began_cpu) / (len(heard) - first) * 1e6)
                paced = range(count, count + seconds * REQUESTS_PER_S)
                sent = _send(desk, paced, REQUESTS_PER_S)
                wait(lambda heard=heard, paced=paced: len(heard) >= _messages(count) + _messages(len(paced)), telling)
                times += [heard[str(n)] - sent[n] for n in paced]
                memory = telling.memory_mb()
    work = f"webhook: {_messages(count):,} messages of {count // PER_TICKET:,} tickets that wait → taken"
    paced_work = f"webhook: decided → taken, at {REQUESTS_PER_S} requests per s"
    return [
        Row("deliver", work, PER_S, rates, None, None, cpu),
        Row("deliver", f"{paced_work}: p50", MS, [percentile(times, 0.5) * 1000]),
        Row("deliver", f"{paced_work}: p99", MS, [percentile(times, 0.99) * 1000]),
        Row("memory", "webhooks, after it", MB, [memory]),
    ]


def _messages(requests: int) -> int:
    """How many messages come of so many requests: the outcome of each, and of each reply that there was one."""
    return requests + requests - requests // PER_TICKET


def _send(desk: Desk, numbers: range, per_s: int = 0) -> Mapping[int, float]:
    """Have a request decided for each number, and for each ticket several; when each was."""
    door = doorkeeper(desk.keys, "it")
    decided: dict[int, float] = {}
    pause, began = Flag(), perf_counter()
    flying: list[Future[object]] = []
    # Round after round over all of them, so that a ticket is there before it is replied to.
    tickets = len(numbers) // PER_TICKET
    for number in numbers:
        if per_s:
            pause.wait(max(0.0, began + (number - numbers.start) / per_s - perf_counter()))
        elif len(flying) >= _IN_FLIGHT:
            flying.pop(0).result()
        nth = number - numbers.start
        future = take(desk, _letter(number, nth < tickets, f"R-{numbers.start}-{nth % tickets}"), door, "kafka")
        future.add_done_callback(lambda _, number=number: decided.__setitem__(number, perf_counter()))  # type: ignore[misc]
        flying.append(future)  # type: ignore[arg-type]
    for future in flying:  # type: ignore[assignment]
        future.result()
    return decided


def _letter(number: int, opens: bool, reference: str) -> Letter:
    data = {"title": "Printer prints twice", "description": TEXT} if opens else {"text": TEXT}
    return Letter(
        department="it",
        type=f"acta.request.{'open' if opens else 'reply'}.v1",
        source="/bench",
        id=str(number),
        reference=reference,
        traceparent="",
        data=json.dumps(data).encode(),
    )


class _Taking(asyncio.Protocol):
    """One connection: every message is taken at once; when it came is kept under the id of its request, or its own."""

    def __init__(self, heard: dict[str, float]) -> None:
        self._heard = heard
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (head := self._rest.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._rest, 0, head + 2)
            end = head + 4 + int(found[1]) if found else head + 4
            if len(self._rest) < end:
                return
            event = json.loads(self._rest[head + 4 : end])
            self._rest = self._rest[end:]
            request = event["data"].get("request")
            self._heard.setdefault(request["id"] if request else event["id"], perf_counter())
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@contextmanager
def _receiver() -> Iterator[tuple[int, Mapping[str, float]]]:
    """A server in a thread: its port, and when it has taken each message, outcomes by the ids of their requests."""
    heard: dict[str, float] = {}
    loop = uvloop.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> asyncio.Server:
        return await loop.create_server(lambda: _Taking(heard), HOST, 0)

    async def end(server: asyncio.Server) -> None:
        server.close()

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
