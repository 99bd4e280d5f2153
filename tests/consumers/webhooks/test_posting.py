"""Posts to receivers that answer what no honest one does: none costs more than its own connection."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from consumers.webhooks import reaching
from consumers.webhooks.posting import Answer, Post, Poster
from consumers.webhooks.reaching import Reach
from domain.setup.webhook_address import address_of
from guarded import Authority
from receivers import Receiver, Say, receiving

HOSTS = ("127.0.0.1", "hooks.example.org")
HERE = Reach(plain_hosts=HOSTS, networks=(ip_network("127.0.0.0/8"),))
FLOOD = 32_000_000
"""Bytes: more than all buffers between two sockets hold."""


@dataclass
class Flooding:
    """A server that answers with a beginning and, over and over, the same; ``stopped``: nobody has read all of it."""

    port: int = 0
    stopped: bool = False


@contextmanager
def flooding(begin: bytes, again: bytes) -> Iterator[Flooding]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        flooding = Flooding(server.getsockname()[1])

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(begin)
                    for _ in range(FLOOD // 100_000):
                        connection.sendall(again * (100_000 // len(again)))
                except OSError:
                    flooding.stopped = True

        thread = Thread(target=answer)
        thread.start()
        yield flooding
        thread.join()


def post(url: str, patience_s: float = 3600.0, tls: ssl.SSLContext | None = None) -> Answer:
    """What comes of one post."""
    address = address_of(url, HOSTS)
    poster = Poster(HERE, patience_s=patience_s, tls=tls)
    try:
        poster.post([Post(receiver="one", address=address, headers=[], body=b"{}")])
        found: list[tuple[Post, Answer]] = []
        while not found:
            found = poster.answers(0.1)
        ((_, answer),) = found
        return answer
    finally:
        poster.close()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "again", "status", "error"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", None, "no-http"),
        (b"", b"x", None, "no-http"),
        (OK, b"X-One: more\r\n", None, "no-http"),
        (OK + b"\r\n", b"x", 200, ""),
        (OK + b"Content-Length: 999999999999\r\n\r\n", b"x", 200, ""),
        (CHUNKED, b"1\r\nx\r\n", 200, ""),
        (CHUNKED, b"1;" + b"x" * 1_000 + b"\r\nx\r\n", 200, ""),
        (CHUNKED + b"0\r\n", b"X-One: more\r\n", 200, ""),
    ],
    ids=["interim answers", "no line end", "headers", "body", "long body", "chunks", "extended chunks", "trailers"],
)
def test_an_answer_without_end_is_not_read_to_its_end(
    begin: bytes, again: bytes, status: int | None, error: str
) -> None:
    with flooding(begin, again) as server:
        answer = post(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.error) == (status, error)
    assert server.stopped


def test_an_address_at_which_nobody_answers_is_not_waited_for_while_there_are_others(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("127.0.0.9", "127.0.0.1")]

    with silent("127.0.0.9", receiver.port):
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(reaching, "ANOTHER_AFTER_S", 0.1)
        assert post(f"http://hooks.example.org:{receiver.port}/").status == 204


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """A port at which connections are neither refused nor made: as many wait already as there is room for."""
    with socket.socket() as server:
        server.bind((host, port))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex((host, port))
            yield
        finally:
            for one in waiting:
                one.close()


def test_of_a_receiver_that_hangs_behind_tls_it_is_said_that_it_hangs(tmp_path: Path) -> None:
    authority, release = Authority(tmp_path), Flag()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.certify("receiver"))
    with receiving(lambda came: Say(after=release), tls=server) as receiver:
        answer = post(receiver.url, 0.3, ssl.create_default_context(cafile=authority.file))
        release.set()
    assert answer.error == "timed-out"


def test_the_connection_to_a_receiver_that_never_speaks_tls_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(65536):
                    pass

        thread = Thread(target=listen)
        thread.start()
        answer = post(f"https://127.0.0.1:{server.getsockname()[1]}/", 0.2)
        thread.join()
    assert answer.error == "timed-out"
