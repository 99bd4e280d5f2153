"""A connection to the server: the head of a request is bounded, in bytes and in the time it may take to arrive.

The parser itself would take a head of any size, and wait for one for ever. Whoever is refused has a moment to read why
before the connection ends; a request under way on it is not talked into.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api.outermost import HEADERS
from api.problems import EdgeRefused, HeadTooLarge, TooSlow, problem
from api.settings import EdgeSettings

LINGER_S = 2.0


class Connection(HttpToolsProtocol):
    """One connection, with the limits of the edge that it leads to."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits: EdgeSettings = config.app.state.edge.settings  # type: ignore[union-attr]
        self._in_head = True
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is waited for from the beginning."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head; what comes after a refusal is not read."""
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._limits.max_head_bytes:
            self._refuse(HeadTooLarge(limit=self._limits.max_head_bytes))
        elif self._in_head and self._head_bytes:
            # Of a head that came whole, as nearly all do, there is nothing to wait for.
            self._await_head()

    def on_message_begin(self) -> None:
        """A head that begins in the same piece as the last one ended counts from there."""
        super().on_message_begin()
        self._head_bytes = self._head_bytes or 1

    def on_headers_complete(self) -> None:
        """The head is whole; what follows are the body and the answer, which have limits of their own."""
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._limits.max_head_bytes:
            self._refuse(HeadTooLarge(limit=self._limits.max_head_bytes))
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Not of a request that was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes next is a head again."""
        self._in_head = True
        if not self._refused:
            super().on_message_complete()

    def _await_head(self) -> None:
        if self._timer is None and not self._refused:
            self._timer = self.loop.call_later(self._limits.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._head_bytes:
            self._refuse(TooSlow())
        else:
            self.transport.close()

    def _refuse(self, refused: EdgeRefused) -> None:
        if self._refused:
            return
        self._refused = True
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        answer = problem(refused)
        headers = (*answer.raw_headers, *HEADERS)
        lines = [STATUS_LINE[answer.status_code], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join(lines) + bytes(answer.body))
        self._timer = self.loop.call_later(LINGER_S, self.transport.close)
