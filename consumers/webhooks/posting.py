"""Posting to others' servers, many at once, from a thread of its own: what came of each is collected by whoever asked.

No receiver can do more here than to take its time, up to ``patience_s`` in all: it has connections of its own, its
redirections are not followed, of its answer little is read, and of that nothing but status and ``Retry-After`` is kept.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import httpcore
import msgspec

from consumers.loop import reason
from consumers.webhooks.reaching import Guarded, NotReachable, Reach
from domain.setup.webhook_address import Address

PATIENCE_S = 20.0
KEPT_OPEN_S = 1.5
"""Less than servers keep an idle connection (2 s and more), or one would be closed while something is sent on it."""

NAME_THREADS = 64
USER_AGENT = "Acta"


_log = logging.getLogger("acta.webhooks")


class Post(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Something to be posted for ``receiver``, whose connections it uses."""

    receiver: str
    address: Address
    headers: Sequence[tuple[str, str]]
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a post: a status, or an error, one of the words of ``_error``."""

    status: int | None = None
    error: str = ""
    retry_after: str = ""
    took_s: float = 0.0


class Poster:
    """Posts until it is closed; what is on its way then has no answer.

    It posts nothing after the moment ``until`` (of the monotonic clock), which its owner moves on as long as it may.
    """

    def __init__(self, reach: Reach, *, patience_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None) -> None:
        _keep_quiet()
        self.until = float("inf")
        self._reach = reach
        self._patience_s = patience_s
        self._tls = tls or ssl.create_default_context()
        self._answers: SimpleQueue[tuple[Post, Answer]] = SimpleQueue()
        self._names = ThreadPoolExecutor(NAME_THREADS, thread_name_prefix="acta names")
        self._receivers: dict[str, _Receiver] = {}
        self._posting: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="acta posting", daemon=True)
        self._thread.start()

    def post(self, posts: Sequence[Post]) -> None:
        """Post these, all at once."""
        self._loop.call_soon_threadsafe(self._begin, posts)

    def answers(self, wait_s: float) -> list[tuple[Post, Answer]]:
        """What has come of posts since the last time; the first of them is waited for, if there is none yet."""
        found: list[tuple[Post, Answer]] = []
        try:
            found.append(self._answers.get(timeout=wait_s) if wait_s else self._answers.get_nowait())
            while True:
                found.append(self._answers.get_nowait())
        except Empty:
            return found

    def forget(self, receiver: str) -> None:
        """Let go of the connections to a receiver that is posted to no more."""
        self._loop.call_soon_threadsafe(self._let_go, receiver)

    def close(self) -> None:
        """Stop at once."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._names.shutdown(wait=False, cancel_futures=True)

    def _begin(self, posts: Sequence[Post]) -> None:
        for post in posts:
            receiver = self._receivers.get(post.receiver)
            if receiver is None:
                receiver = self._receivers[post.receiver] = _Receiver(Guarded(self._reach, self._names), self._tls)
            self._keep(self._loop.create_task(self._answered(receiver, post)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    def _let_go(self, name: str) -> None:
        receiver = self._receivers.pop(name, None)
        if receiver is not None:
            self._keep(self._loop.create_task(receiver.close()))

    async def _end(self) -> None:
        posting = [task for task in self._posting if task is not asyncio.current_task()]
        for task in posting:
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)
        for receiver in self._receivers.values():
            await receiver.close()

    async def _answered(self, receiver: "_Receiver", post: Post) -> None:
        began = monotonic()
        head: list[Answer] = []
        try:
            if began > self.until:
                raise _TooLate
            async with asyncio.timeout(self._patience_s):
                async with receiver.connection(post.address) as connection:
                    await self._ask(connection, post, head)
            answer = head[0]
        except Exception as fault:
            # Once the status is there, it counts, whatever becomes of the rest.
            answer = head[0] if head else Answer(error=_error(fault))
        self._answers.put((post, msgspec.structs.replace(answer, took_s=monotonic() - began)))

    async def _ask(self, connection: httpcore.AsyncHTTPConnection, post: Post, head: list[Answer]) -> None:
        headers = [("Host", post.address.authority), ("User-Agent", USER_AGENT), ("Accept", "*/*"), *post.headers]
        request = httpcore.Request(
            "POST",
            _url(post.address),
            headers=[*headers, ("Content-Length", str(len(post.body)))],
            content=post.body,
        )
        answer = await connection.handle_async_request(request)
        try:
            asked = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
            head.append(Answer(status=answer.status, retry_after=asked[:100].decode("latin-1")))
            # What is left of it is read, or the connection could not be used again.
            async for _ in answer.aiter_stream():
                pass
        finally:
            await answer.aclose()


class _Receiver:
    """The connections to one receiver that wait to be used again: a post takes one, or makes one, for itself alone."""

    def __init__(self, network: Guarded, tls: ssl.SSLContext) -> None:
        self._network = network
        self._tls = tls
        self._idle: list[httpcore.AsyncHTTPConnection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self, address: Address) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection to an address, kept afterwards if it can be used again."""
        connection = await self._find(_url(address).origin)
        try:
            yield connection
        finally:
            if connection.is_idle() and not connection.is_closed() and not self._closed:
                self._idle.append(connection)
            else:
                await connection.aclose()

    async def close(self) -> None:
        """Keep none any more."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _find(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=KEPT_OPEN_S, network_backend=self._network
        )


def _url(address: Address) -> httpcore.URL:
    scheme, host, port, target = address
    return httpcore.URL(scheme=scheme.encode(), host=host.encode(), port=port, target=target.encode())


class _TooLate(Exception):
    """Another process may be posting by now."""


def _error(fault: BaseException) -> str:
    """In a word; what a receiver has said is not repeated."""
    causes = [fault]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    for kind, word in _WORDS.items():
        if any(isinstance(cause, kind) for cause in causes):
            return word
    _log.error("consumer=webhooks state=failed reason=%r", reason(fault))
    return "failed"


_WORDS: dict[type[BaseException] | tuple[type[BaseException], ...], str] = {
    _TooLate: "not-sent",
    NotReachable: "address-not-allowed",
    socket.gaierror: "host-not-found",
    # Before errors of TLS, of which one that says "not yet" is behind whatever ends a wait for more.
    (TimeoutError, httpcore.TimeoutException): "timed-out",
    ssl.SSLError: "tls-failed",
    (ConnectionRefusedError, httpcore.ConnectError): "not-connected",
    (httpcore.RemoteProtocolError, httpcore.LocalProtocolError): "no-http",
    (httpcore.NetworkError, OSError): "connection-lost",
}


def _keep_quiet() -> None:
    """httpcore writes addresses and headers into its debug log."""
    client_log = logging.getLogger("httpcore")
    if client_log.getEffectiveLevel() < logging.WARNING:
        client_log.setLevel(logging.WARNING)
