"""Waiting for the desk's writer without a thread per request.

The writer answers a whole batch at once; the event loop is woken once for all of it rather than once for each.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from threading import Lock
from typing import Any


class Answers:
    """Brings the writer's answers into the event loop that waits for them."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._lock = Lock()
        self._woken = False

    async def of(self, asked: "Future[Any]") -> Any:
        """The answer, or what was raised. Whoever stops waiting before the desk has begun takes the command back."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Any] = loop.create_future()
        asked.add_done_callback(lambda done: self._arrive(loop, waiting, done))
        try:
            return await waiting
        except asyncio.CancelledError:
            asked.cancel()
            raise

    def _arrive(self, loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[Any]", done: "Future[Any]") -> None:
        with self._lock:
            self._arrived.append((waiting, done))
            if self._woken:
                return
            self._woken = True
        try:
            loop.call_soon_threadsafe(self._hand_over)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            self._arrived.clear()

    def _hand_over(self) -> None:
        with self._lock:
            self._woken = False
            arrived, self._arrived = self._arrived, deque()
        for waiting, done in arrived:
            if waiting.done():
                continue
            if done.cancelled():
                waiting.cancel()
            elif (fault := done.exception()) is not None:
                waiting.set_exception(fault)
            else:
                waiting.set_result(done.result())
