"""A load of HTTP requests over many connections, light enough to leave the machine to the server.

Each connection sends its next request when the answer to the last has come (a closed loop).
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import uvloop

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass
class Answered:
    """How long the load took, each answer's time (seconds), and the answers that were refusals.

    ``cpu_us``: the server's processor time for each, where somebody has measured it.
    """

    seconds: float = 0.0
    cpu_us: float = 0.0
    times: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
    if method == "POST":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def send(port: int, requests: Iterable[bytes], connections: int) -> Answered:
    """Send all requests over so many connections; raises when one is not answered with 2xx."""
    answered = Answered()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_send(port, iter(requests), connections, answered))
    if answered.refused:
        raise RuntimeError(f"{len(answered.refused)} requests were refused: {answered.refused[0][:500]!r}")
    return answered


async def _send(port: int, requests: Iterator[bytes], connections: int, answered: Answered) -> None:
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Client(requests, answered), "127.0.0.1", port) for _ in range(connections)
    ]
    begun = perf_counter()
    for _, client in opened:
        client.next()
    await asyncio.gather(*(client.done for _, client in opened))
    answered.seconds = perf_counter() - begun
    for transport, _ in opened:
        transport.close()


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], answered: Answered) -> None:
        self._requests = requests
        self._answered = answered
        self._received = bytearray()
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(fault or ConnectionError("the server closed a connection"))

    def next(self) -> None:
        """Send the next request, if there is one."""
        following = next(self._requests, None)
        if following is None:
            self.done.set_result(None)
            return
        self._sent_at = perf_counter()
        self._transport.write(following)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(_END_OF_HEAD)
        if head < 0:
            return
        at = self._received[:head].lower().find(_LENGTH)
        length = int(self._received[at + len(_LENGTH) : self._received.find(b"\r\n", at)])
        if len(self._received) < head + len(_END_OF_HEAD) + length:
            return
        self._answered.times.append(perf_counter() - self._sent_at)
        if self._received[9:10] != b"2":
            self._answered.refused.append(bytes(self._received))
        self._received.clear()
        self.next()
