"""Sockets that kafka-python 3.0 leaves to the garbage collector, closed with the client that they belong to.

A client that is closed while one of its connections is still being made, or has something left to write, forgets the
socket: the task that would have closed it is cancelled first. Who closes a client has waited for all it cares about.
"""

from typing import Any

from kafka.net.inet import KafkaNetSocket
from kafka.net.transport import KafkaTCPTransport

_connect = KafkaNetSocket.sock_connect
_write = KafkaTCPTransport._write_to_sock


def close_sockets() -> None:
    """Have every client of this process close all its sockets."""
    if KafkaNetSocket.sock_connect is _connect:
        KafkaNetSocket.sock_connect = _connected_or_closed
        KafkaTCPTransport._write_to_sock = _written_or_closed


async def _connected_or_closed(factory: Any, net: Any, sock: Any, *where: Any, **until: Any) -> Any:
    try:
        return await _connect(factory, net, sock, *where, **until)
    except BaseException:
        sock.close()
        raise


async def _written_or_closed(transport: Any) -> None:
    try:
        await _write(transport)
    finally:
        # It is there still if this was cancelled.
        if transport.is_closing() and transport._sock is not None:
            transport._sock.close()
            transport._sock = None
