"""Refusals of access as facts: who reached for what they may not have.

What authenticated callers are refused is recorded at once. Without a valid token there is nobody to name, so refusals
are counted per source and minute and recorded as one fact with the count; the source is blinded.
"""

import asyncio
import logging
from collections import Counter
from concurrent.futures import Future
from uuid import UUID

import psycopg

from api.origins import Origins
from domain.access.events import AccessRefused
from domain.access.principal import Principal
from domain.desk import Desk
from domain.envelope import Act, Actor
from domain.errors import NotAuthenticated, NotReadyYet, Refused

_MINUTE_S = 60.0
_MOST_SOURCES = 10_000
_OTHERS = "others"
_log = logging.getLogger("acta.api")


class Refusals:
    """Writes refusals down."""

    def __init__(self, desk: Desk, origins: Origins) -> None:
        self._desk = desk
        self._origins = origins
        self._unknown: Counter[str] = Counter()

    def of(
        self, principal: Principal, refused: Refused, permission: str, ticket: UUID | None = None, origin: str = "http"
    ) -> None:
        """Record that a caller was refused."""
        fact = AccessRefused(permission=permission, code=refused.code, ticket=ticket, origin=origin)
        self._witness(fact, Act(actor=principal.actor, channel="http"))

    def unauthenticated(self, host: str) -> None:
        """Count a request without a valid token."""
        source = host if host in self._unknown or len(self._unknown) < _MOST_SOURCES else _OTHERS
        self._unknown[source] += 1

    async def keep_counting(self) -> None:
        """Record the counts every minute, until cancelled."""
        while True:
            await asyncio.sleep(_MINUTE_S)
            self.record_counts()

    def record_counts(self) -> None:
        """Record what was counted so far."""
        counted, self._unknown = self._unknown, Counter()
        nobody = Act(actor=Actor(kind="system", id="http"), channel="http")
        for host, count in counted.items():
            code, origin = NotAuthenticated.code, self._origins.of_host(host)
            self._witness(AccessRefused(permission="", code=code, origin=origin, count=count), nobody)

    def _witness(self, fact: AccessRefused, act: Act) -> None:
        try:
            self._desk.witness(fact, act).add_done_callback(_notice)
        except NotReadyYet:
            _log.error("a refusal could not be recorded: %s", fact.code)


def _notice(recorded: "Future[int]") -> None:
    fault = recorded.exception()
    if fault is not None:
        what = "the database" if isinstance(fault, psycopg.Error) else type(fault).__name__
        _log.error("a refusal could not be recorded: %s", what)
