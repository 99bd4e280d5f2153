"""OpenID Connect: is this JWT one of our issuer's, for us, now; and which grants do its claims give?

Keys come from the issuer's JWKS, fetched when a token names one that is not known yet, at most once in ``_PAUSE_S``,
and anew after ``_KEEP_S``, so that a withdrawn key stops opening. Symmetric algorithms and ``none`` are never accepted.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import httpx
import jwt
import msgspec

from domain.access.principal import ROLES
from domain.errors import NotAuthenticated
from domain.setup.events import RoleGranted

ALGORITHMS = ("RS256", "ES256", "EdDSA")
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_PAUSE_S = 10.0
_KEEP_S = 600.0
_LEEWAY_S = 30
_LONGEST = 16_384
_LATEST = 2**37


class Oidc(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted, and how their claims are read.

    ``jwks_url`` "" means: found through the issuer's discovery document. Each entry of ``roles_claim`` is a role
    ("agent"), good in the departments of ``departments_claim``, or a role in one department ("agent:it",
    "admin:*"). ``everyone`` are the roles, written like this, that each accepted token has.
    """

    issuer: str
    audience: str
    jwks_url: str = ""
    subject_claim: str = "sub"
    roles_claim: str = "roles"
    departments_claim: str = "departments"
    everyone: tuple[str, ...] = ()


class Claimed(msgspec.Struct, frozen=True):
    """Who a token says its bearer is, and the roles it gives beside those of the configuration.

    ``auth_time`` is when they last signed in at the issuer (UTC), if it says so.
    """

    subject: str
    email: str
    grants: tuple[RoleGranted, ...]
    issuer: str = ""
    name: str = ""
    auth_time: datetime | None = None


class Issuer:
    """One issuer's tokens."""

    def __init__(self, oidc: Oidc, client: httpx.AsyncClient) -> None:
        self._oidc = oidc
        self._client = client
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried = float("-inf")
        self._fetched = float("-inf")
        self._fetching = asyncio.Lock()

    async def verified(self, token: str) -> Claimed:
        """What a token claims, once its signature, issuer, audience and times hold; else ``NotAuthenticated``."""
        try:
            if len(token) > _LONGEST:
                raise NotAuthenticated()
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in ALGORITHMS:
                raise NotAuthenticated()
            key = await self._key(str(header.get("kid", "")))
            if key is None or key.key_type != _KEY_TYPES[algorithm]:
                raise NotAuthenticated()
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._oidc.audience,
                issuer=self._oidc.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", self._oidc.subject_claim]},
            )
        except jwt.PyJWTError:
            raise NotAuthenticated() from None
        return self.claimed(claims)

    def claimed(self, claims: Mapping[str, Any]) -> Claimed:
        """The bearer by a token's claims."""
        subject = claims.get(self._oidc.subject_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= 200:
            raise NotAuthenticated()
        named = (*self._oidc.everyone, *_texts(claims.get(self._oidc.roles_claim)))
        departments = _texts(claims.get(self._oidc.departments_claim))
        grants = tuple(
            RoleGranted(grantee=subject, role=role, departments=places)  # type: ignore[arg-type]
            for role, places in _granted(named, departments).items()
        )
        email = claims.get("email") if claims.get("email_verified") is True else ""
        name = claims.get("name")
        return Claimed(
            subject,
            email if isinstance(email, str) else "",
            grants,
            self._oidc.issuer,
            name[:200] if isinstance(name, str) else "",
            _time(claims.get("auth_time")),
        )

    async def _key(self, kid: str) -> jwt.PyJWK | None:
        known = self._found(kid)
        now = monotonic()
        if (known is None and now - self._tried > _PAUSE_S) or now - self._fetched > _KEEP_S:
            async with self._fetching:
                if self._tried < now:
                    self._tried = now
                    await self._fetch()
            known = self._found(kid)
        return known

    def _found(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id; a token that names none takes the only one there is."""
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        """Take the issuer's keys; if it does not answer, those known are good until they are too old."""
        try:
            url = self._oidc.jwks_url or await self._discovered()
            answer = await self._client.get(url)
            answer.raise_for_status()
            found = answer.json()["keys"]
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            if monotonic() - self._fetched > _KEEP_S:
                self._keys = {}
            return
        self._keys = {str(one.get("kid", "")): key for one in found if (key := _public(one)) is not None}
        self._fetched = monotonic()

    async def _discovered(self) -> str:
        answer = await self._client.get(self._oidc.issuer.rstrip("/") + "/.well-known/openid-configuration")
        answer.raise_for_status()
        document = answer.json()
        if document["issuer"] != self._oidc.issuer:
            raise ValueError("the discovery document is another issuer's")
        return str(document["jwks_uri"])


def _time(seconds: Any) -> datetime | None:
    """The instant of a NumericDate (RFC 7519); None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _public(entry: Any) -> jwt.PyJWK | None:
    """A signing key of a kind that is accepted."""
    if not isinstance(entry, dict) or entry.get("kty") not in _KEY_TYPES.values() or entry.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK.from_dict(entry)
    except jwt.PyJWTError:
        return None


def _texts(claim: Any) -> tuple[str, ...]:
    if isinstance(claim, str):
        return tuple(claim.split())
    return tuple(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else ()


def _granted(named: tuple[str, ...], departments: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    places: dict[str, tuple[str, ...]] = {}
    for entry in named:
        role, _, place = entry.partition(":")
        if role in ROLES:
            places[role] = (*places.get(role, ()), *((place,) if place else departments))
    return {role: tuple(dict.fromkeys(where)) for role, where in places.items() if where}
