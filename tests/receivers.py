"""Receivers of webhooks: real HTTP servers in threads, which answer as a test tells them, and keep what came."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Came:
    """What came in one request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Say:
    """An answer: status and headers; ``after`` is waited for first.

    ``cut`` ends the connection without an answer; ``lost`` does, after the message was taken.
    """

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    after: Flag | None = None
    cut: bool = False
    lost: bool = False


Script = Callable[[Came], Say]


def takes(came: Came) -> Say:
    """What is usual."""
    return Say()


class Receiver:
    """A server at an address of its own; ``script`` says what it answers, and may be changed at any time."""

    def __init__(self, script: Script = takes, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.script = script
        self.came: list[Came] = []
        self.taken: list[Came] = []
        """What was answered with 2xx, in the order of the answers."""
        self._lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    self.close_connection = True  # its sender died in the middle of it
                    return
                receiver._answer(self, Came(self.path, {n.lower(): v for n, v in self.headers.items()}, body))

            def do_GET(self) -> None:
                receiver._answer(self, Came(self.path, dict(self.headers), b""))  # whoever follows a redirection

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: object) -> None:
                pass  # the client has gone, which is its business

        self._server = Server((host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/acta"

    def ids(self) -> list[str]:
        """The ids of all that came, as often as it came."""
        with self._lock:
            return [came.id for came in self.came]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, came: Came) -> None:
        with self._lock:
            self.came.append(came)
        said = self.script(came)
        if said.after is not None:
            said.after.wait()
        with self._lock:
            if 200 <= said.status < 300 and not said.cut:
                self.taken.append(came)
        if said.cut or said.lost:
            request.close_connection = True
            request.connection.close()
            return
        request.send_response(said.status)
        for name, value in said.headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(said.body)))
        request.end_headers()
        request.wfile.write(said.body)


@contextmanager
def receiving(script: Script = takes, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver as long as the block."""
    receiver = Receiver(script, tls)
    try:
        yield receiver
    finally:
        receiver.close()
