"""Reading from the database beside the event loop, on a few threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Readers:
    """Threads that wait for the database so that the event loop need not."""

    def __init__(self, threads: int, name: str = "acta reader") -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def read(self, ask: Callable[[], T]) -> T:
        """The answer of ``ask``, asked on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def close(self) -> None:
        """Let the questions under way be answered, then stop."""
        self._threads.shutdown()
