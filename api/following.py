"""Following the log: one look at its head serves everybody in this process who waits for news."""

import asyncio
import logging

import psycopg

from api.reading import Readers
from domain.desk import Desk

_log = logging.getLogger("acta.api")


class Head:
    """The highest position, as of the last look, for those who wait for a higher one.

    The store is asked only while somebody waits.
    """

    def __init__(self, desk: Desk, readers: Readers, pause: float) -> None:
        self._desk = desk
        self._readers = readers
        self._pause = pause
        self._position = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._wanted = asyncio.Event()
        self.closed = False

    @property
    def waiting(self) -> int:
        """How many wait for news."""
        return len(self._waiting)

    async def beyond(self, position: int, patience: float) -> bool:
        """Wait until the log has gone beyond ``position``, for at most ``patience`` seconds; whether it has."""
        if self._position > position or self.closed:
            return not self.closed
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self._wanted.set()
        try:
            async with asyncio.timeout(patience):
                while self._position <= position and not self.closed:
                    if waiting.done():
                        waiting = asyncio.get_running_loop().create_future()
                        self._waiting.add(waiting)
                    await waiting
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return not self.closed

    async def keep_looking(self) -> None:
        """Look at the head as long as somebody waits for it, until cancelled."""
        while True:
            if not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            try:
                position = await self._readers.read(self._desk.store.head)
            except psycopg.Error as fault:
                # Followers hear their heartbeat meanwhile and lose nothing.
                _log.warning("the head of the log could not be read: %s", type(fault).__name__)
            else:
                if position > self._position:
                    self._position = position
                    self._wake()
            await asyncio.sleep(self._pause)

    def close(self) -> None:
        """Nobody needs to wait any longer."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_result(None)
