"""A Kafka client that is closed has closed its sockets, whatever they were about to do."""

import socket
from collections.abc import Iterator

import pytest
from kafka.net.inet import KafkaNetSocket
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaTCPTransport


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server that accepts nobody, beyond the one or two whom the kernel accepts for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        yield listening


def test_a_socket_that_has_something_left_to_write_is_closed_with_its_client(server: socket.socket):
    network = NetworkSelector()
    connected = socket.create_connection(server.getsockname())
    connected.setblocking(False)
    transport = KafkaTCPTransport(network, connected)
    transport.write(bytes(32 << 20))
    network.drain()
    transport.close()
    assert connected.fileno() >= 0
    network.close()
    assert connected.fileno() == -1


def test_a_socket_that_is_being_connected_is_closed_with_its_client(server: socket.socket):
    network = NetworkSelector()
    waiting = [a_socket() for _ in range(4)]
    for one in waiting:
        network.call_soon_with_future(KafkaNetSocket().sock_connect, network, one, server.getsockname())
    network.drain()
    assert all(one.fileno() >= 0 for one in waiting)
    network.close()
    # The kernel has connected the first ones, which are their caller's since.
    assert waiting[-1].fileno() == -1
    for one in waiting:
        one.close()


def a_socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    return made
