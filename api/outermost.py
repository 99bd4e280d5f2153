"""The outermost layer: security headers on every answer, HEAD as GET without a body, and a last word for what nobody
foresaw.

The log gets the kind of a fault and where it arose, never its message, which may quote what somebody wrote.
"""

import logging
import traceback
from secrets import token_hex

import psycopg
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import DatabaseUnreachable, Fault, problem

_log = logging.getLogger("acta.api")

HEADS_ONLY = "acta.heads_only"
"""In the scope of a request whose answer needs no body, for routes whose bodies are dear."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer has unless its route says otherwise."""


class Outermost:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = ended = False
        heads_only = scope["method"] == "HEAD"

        async def guarded(message: Message) -> None:
            nonlocal started, ended
            if ended:
                return
            if heads_only and message["type"] == "http.response.body":
                # Also the answer that would never end is over with its headers.
                message, ended = {"type": "http.response.body"}, True
            if message["type"] == "http.response.start":
                started = True
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in HEADERS if header[0] not in given)]
                self.metrics.count(scope["method"], message["status"])
            await send(message)

        try:
            await self.app({**scope, "method": "GET", HEADS_ONLY: True} if heads_only else scope, receive, guarded)
        except Exception as fault:
            answer = _refusal(fault)
            if not started:
                await problem(answer)(scope, receive, guarded)


def _refusal(fault: Exception) -> DatabaseUnreachable | Fault:
    if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError):
        _log.error("the database cannot be reached: %s", type(fault).__name__)
        return DatabaseUnreachable()
    incident = token_hex(8)
    where = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(fault.__traceback__)[-8:])
    )
    _log.error("incident %s: %s at %s", incident, type(fault).__qualname__, where)
    return Fault(incident=incident)
