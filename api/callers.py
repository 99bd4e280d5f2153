"""Callers: who sends this request, by API key or OIDC token, and what today's grants let them do."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Literal
from uuid import UUID

from starlette.requests import Request

from api.oidc import Claimed, Issuer
from api.reading import Readers
from domain.access import api_keys as keys
from domain.access.principal import Principal, grants_of, principal_of
from domain.desk import Desk
from domain.envelope import Actor
from domain.errors import NotAuthenticated
from domain.setup.events import RoleGranted
from domain.setup.state import Setup

_REMEMBERED = 10_000


class Callers:
    """Principals by bearer token.

    The configuration they are read from is at most ``setup_seconds`` old, whichever process changed it.
    """

    def __init__(self, desk: Desk, readers: Readers, issuer: Issuer | None, setup_seconds: float) -> None:
        self._desk = desk
        self._readers = readers
        self._issuer = issuer
        self._setup_seconds = setup_seconds
        self._setup = Setup()
        self._read_at = float("-inf")
        self._known: OrderedDict[str, tuple[Principal, datetime | None]] = OrderedDict()

    async def setup(self) -> Setup:
        """The configuration as of a moment ago."""
        if monotonic() - self._read_at > self._setup_seconds:
            began = monotonic()
            self._take(await self._readers.read(self._desk.setup))
            self._read_at = began
        self._take(self._desk.writer.setup)
        return self._setup

    def _take(self, setup: Setup) -> None:
        if setup.version > self._setup.version:
            self._setup = setup
            self._known.clear()

    async def of(self, request: Request) -> Principal:
        """Who sends this request; ``NotAuthenticated`` without a valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated()
        return await self.bearer(token.strip())

    async def bearer(self, token: str) -> Principal:
        """Whose token this is, with the grants of today; ``NotAuthenticated`` if it opens nothing."""
        setup = await self.setup()
        if token.startswith(keys.PREFIX):
            return self._holder(token, setup)
        return self._claimant(await self.claimed(token), setup)

    async def claimed(self, token: str) -> Claimed:
        """What a token of the issuer claims; ``NotAuthenticated`` if it is not good, or there is no issuer."""
        if self._issuer is None:
            raise NotAuthenticated()
        return await self._issuer.verified(token)

    def _holder(self, token: str, setup: Setup) -> Principal:
        digest = keys.digest(token)
        known = self._known.get(digest)
        if known is None or self._desk.keys.is_erased(known[0].person):
            key = setup.keys_by_digest.get(digest)
            if key is None:
                raise NotAuthenticated()
            actor = Actor(kind=key.kind, id=key.holder)
            known = principal_of(setup, actor, self._person(actor), key.key), key.expires_at
            self._known[digest] = known
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        principal, expires_at = known
        if expires_at is not None and expires_at <= self._desk.now():
            raise NotAuthenticated()
        return principal

    def _claimant(self, claimed: Claimed, setup: Setup) -> Principal:
        granted = (*setup.grants.get(claimed.subject, ()), *claimed.grants)
        actor = Actor(kind=_kind_of(claimed.subject, granted, setup), id=claimed.subject)
        return Principal(actor=actor, person=self._person(actor, claimed.email), grants=grants_of(granted))

    def _person(self, actor: Actor, email: str = "") -> UUID:
        """The requester that this caller is: by a verified address if there is one, as the desk knows others."""
        if email:
            return self._desk.keys.person("email", email.casefold())
        return self._desk.keys.person(actor.kind, actor.id)


def _kind_of(subject: str, granted: Sequence[RoleGranted], setup: Setup) -> Literal["requester", "agent", "service"]:
    """What a token's subject acts as: its roles say so, for the token does not."""
    roles = {grant.role for grant in granted}
    if subject not in setup.agents and roles <= {"requester"}:
        return "requester"
    return "service" if subject not in setup.agents and roles <= {"requester", "service"} else "agent"
