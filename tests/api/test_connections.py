"""Connections of those who send too much, or nothing: each is refused or ended, and nobody else notices."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
import pytest

GET = b"GET /healthz HTTP/1.1\r\nHost: acta\r\n"
POST = b"POST /tickets HTTP/1.1\r\nHost: acta\r\nContent-Type: application/json\r\n"


@pytest.fixture
def hasty(build_house):
    """A house that waits for nobody."""
    house = build_house(head_seconds=0.3, body_seconds=0.3)
    house.configure()
    return house


@contextmanager
def connected(house) -> Iterator[socket.socket]:
    place = urlsplit(house.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """The next thing that the server says: status and body."""
    with connection.makefile("rb", buffering=0) as said:
        status = int(said.readline().split()[1])
        headers = dict(line.strip().split(b": ", 1) for line in iter(said.readline, b"\r\n"))
        size, body = int(headers[b"content-length"]), b""
        while len(body) < size:
            body += said.read(size - len(body)) or b""
    return status, msgspec.json.decode(body)


@pytest.mark.parametrize("size", [70_000, 2_000_000], ids=["in one piece", "without end"])
def test_a_head_that_is_too_large_is_refused_however_much_of_it_comes(house, size):
    with connected(house) as connection:
        connection.sendall(GET + b"X-Much: " + b"x" * size + (b"\r\n\r\n" if size < 100_000 else b""))
        status, problem = answer(connection)
    assert (status, problem["code"], problem["limit"]) == (431, "head-too-large", 65_536)


def test_many_small_headers_are_too_large_together(house):
    with connected(house) as connection:
        connection.sendall(GET + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n")
        assert answer(connection)[0] == 431


def test_an_address_that_is_too_long_is_refused(house):
    with connected(house) as connection:
        connection.sendall(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: acta\r\n\r\n")
        assert answer(connection)[0] == 431


def test_a_head_that_does_not_end_is_not_waited_for(hasty):
    with connected(hasty) as connection:
        connection.sendall(GET)
        status, problem = answer(connection)
    assert (status, problem["code"]) == (408, "too-slow")


def test_who_says_nothing_is_not_waited_for(hasty):
    with connected(hasty) as connection:
        assert connection.recv(1) == b""


def test_a_body_that_does_not_come_is_not_waited_for(hasty):
    token = hasty.key("alice")
    hasty.grant("alice", "agent", "it")
    with connected(hasty) as connection:
        connection.sendall(POST + b"Authorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{" % token.encode())
        status, problem = answer(connection)
    assert (status, problem["code"]) == (408, "too-slow")


def test_a_second_request_on_a_connection_has_its_time_as_well(hasty):
    with connected(hasty) as connection:
        connection.sendall(GET + b"\r\n" + GET)
        assert answer(connection)[0] == 200
        assert answer(connection)[0] == 408


def test_an_answer_may_take_longer_than_a_request_may(build_house):
    house = build_house(head_seconds=0.1, body_seconds=0.1, heartbeat_seconds=0.3)
    house.configure()
    follower = house.caller("root", "admin", "*")
    with follower.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as stream:
        heard = (line for line in stream.iter_lines() if line.startswith(":"))
        assert [next(heard)[:1] for _ in range(3)] == [":"] * 3
