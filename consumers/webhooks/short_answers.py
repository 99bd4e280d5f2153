"""Connections that end for whoever reads more of an answer than is wanted, however it is put on the wire.

Counted are bytes as they arrive, since little can be made of much: a megabyte of interim answers is no answer yet, and
chunks of one byte each cost more to take apart than their sender needs to write them.
"""

import ssl
from typing import Any

import httpcore

MOST_OF_AN_ANSWER = 16 * 1024


class ShortAnswers(httpcore.AsyncNetworkStream):
    """A connection that has ended once so much was read since something was last written."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MOST_OF_AN_ANSWER

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left <= 0:
            return b""
        found = await self._stream.read(min(max_bytes, self._left), timeout)
        self._left -= len(found)
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left = MOST_OF_AN_ANSWER
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return ShortAnswers(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            # Whoever is not waited for any longer would be left to the garbage collector.
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
