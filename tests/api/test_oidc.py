"""OIDC tokens of a real issuer, with keys made here: whose are good, and whose are not."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from api.oidc import Oidc
from desk_talk import opened, refused

AUDIENCE = "acta"
_KINDS = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class IssuerHouse:
    """An issuer that serves its discovery document and its keys."""

    def __init__(self) -> None:
        self.keys = {algorithm: make() for algorithm, make in _KINDS.items()}
        self.fetched = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                documents = {"/.well-known/openid-configuration": issuer.discovery, "/keys": issuer.published}
                body = json.dumps(documents[self.path]()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def discovery(self) -> dict[str, Any]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def published(self) -> dict[str, Any]:
        self.fetched += 1
        found = []
        for algorithm, key in self.keys.items():
            kind = jwt.algorithms.get_default_algorithms()[algorithm]
            found.append(kind.to_jwk(key.public_key(), as_dict=True) | {"kid": algorithm, "use": "sig"})
        return {"keys": found}

    def token(self, algorithm: str = "RS256", *, key: Any = None, kid: str | None = None, **claims: Any) -> str:
        now = datetime.now(UTC)
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "olga",
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "roles": ["agent:it"],
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        signing = key if key is not None else self.keys[algorithm]
        return jwt.encode(said, signing, algorithm=algorithm, headers={"kid": kid or algorithm})

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def issuer() -> Iterator[IssuerHouse]:
    found = IssuerHouse()
    yield found
    found.close()


@pytest.fixture
def house(build_house, issuer):
    """A desk that accepts the issuer's tokens."""
    house = build_house(auth=Oidc(issuer=issuer.url, audience=AUDIENCE))
    house.configure()
    return house


@pytest.mark.parametrize("algorithm", sorted(_KINDS))
def test_a_token_of_the_issuer_opens_what_its_roles_allow(house, issuer, algorithm):
    olga = house.client(issuer.token(algorithm))
    number = opened(olga)
    assert olga.get(f"/tickets/{number}").json()["opened_by"] == "olga"
    refused(olga.post("/tickets", json={"department": "hr", "title": "x"}), 422, "department-not-found")


def test_roles_and_departments_may_stand_in_claims_of_their_own(house, issuer):
    olga = house.client(issuer.token(roles=["supervisor"], departments=["hr"]))
    opened(olga, "hr")
    refused(olga.post("/tickets", json={"department": "it", "title": "x"}), 422, "department-not-found")


def test_the_configurations_grants_count_beside_those_of_the_token(house, issuer):
    house.grant("olga", "agent", "hr")
    opened(house.client(issuer.token(roles=[])), "hr")


def test_a_requester_with_a_verified_address_sees_what_was_opened_for_them(house, issuer, alice):
    number = opened(alice, requester={"email": "Kim@Example.org"})
    claims = {"sub": "kim-1", "roles": ["requester:it"], "email": "kim@example.org"}
    assert house.client(issuer.token(**claims, email_verified=True)).get(f"/tickets/{number}").status_code == 200
    unverified = house.client(issuer.token(**claims))
    refused(unverified.get(f"/tickets/{number}"), 404, "ticket-not-found")


def test_a_token_without_a_role_opens_nothing(house, issuer):
    refused(house.client(issuer.token(roles=["cook:it"])).get("/tickets/1"), 403, "not-allowed")


def _public_pem(key: Any) -> bytes:
    return bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _unsigned(issuer: IssuerHouse) -> str:
    return jwt.encode(jwt.decode(issuer.token(), options={"verify_signature": False}), None, algorithm="none")


def _with_the_public_key_as_a_secret(issuer: IssuerHouse) -> str:
    """A token signed symmetrically with what everybody knows; made by hand, since no library will."""
    claims = issuer.token().split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"RS256","typ":"JWT"}').rstrip(b"=").decode()
    signature = hmac.digest(_public_pem(issuer.keys["RS256"]), f"{header}.{claims}".encode(), hashlib.sha256)
    return f"{header}.{claims}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _tampered(issuer: IssuerHouse) -> str:
    header, _, signature = issuer.token().split(".")
    claims = issuer.token(roles=["admin:*"]).split(".")[1]
    return f"{header}.{claims}.{signature}"


def _nested_too_deeply(issuer: IssuerHouse) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 10_000).rstrip(b"=").decode()
    return f"{header}.e30.e30"


AGO = datetime.now(UTC) - timedelta(hours=1)
BAD = {
    "expired": lambda issuer: issuer.token(exp=AGO),
    "not valid yet": lambda issuer: issuer.token(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "without an end": lambda issuer: issuer.token(exp=None),
    "of a foreign issuer": lambda issuer: issuer.token(iss="https://elsewhere.example"),
    "for another audience": lambda issuer: issuer.token(aud="payroll"),
    "for no audience": lambda issuer: issuer.token(aud=None),
    "without a subject": lambda issuer: issuer.token(sub=None),
    "unsigned": _unsigned,
    "signed with the public key": _with_the_public_key_as_a_secret,
    "tampered with": _tampered,
    "nested too deeply": _nested_too_deeply,
    "signed with a foreign key": lambda issuer: issuer.token(key=_KINDS["RS256"]()),
    "signed with a key of another kind": lambda issuer: issuer.token("ES256", kid="RS256"),
    "naming a key nobody knows": lambda issuer: issuer.token(kid="another"),
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_token_opens_nothing(house, issuer, why):
    good = house.client(issuer.token(roles=["admin:*"]))
    refused(good.get("/tickets/1"), 404, "ticket-not-found")
    refused(house.client(BAD[why](issuer)).get("/tickets/1"), 401, "not-authenticated")


def test_the_issuer_is_not_asked_again_for_every_token_it_does_not_know(house, issuer):
    house.client(issuer.token()).get("/tickets/1")
    for n in range(20):
        house.client(issuer.token(kid=f"made-up-{n}")).get("/tickets/1")
    assert issuer.fetched <= 2


def test_an_issuer_that_does_not_answer_closes_its_own_door_only(house, issuer, alice):
    token = issuer.token()
    issuer.close()
    refused(house.client(token).get("/tickets/1"), 401, "not-authenticated")
    refused(alice.get("/tickets/1"), 404, "ticket-not-found")
