"""OIDC tokens of a real issuer, with keys made here: whose are good, and whose are not."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from api.oidc import Oidc
from desk_talk import looks, opened, refused
from issuers import AUDIENCE, KINDS, IssuerHouse


@pytest.fixture
def house(build_house, issuer):
    """A desk that accepts the issuer's tokens."""
    house = build_house(auth=Oidc(issuer=issuer.url, audience=AUDIENCE))
    house.configure()
    return house


@pytest.mark.parametrize("algorithm", sorted(KINDS))
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


def test_whoever_reads_by_a_role_of_their_token_is_recorded_and_told_beside_those_who_could(house, issuer, alice):
    olga = house.client(issuer.token())
    number = opened(alice)
    assert olga.get(f"/tickets/{number}").status_code == 200
    (look,) = looks(house)
    assert (look.act.actor.id, look.permission, look.departments, look.key) == ("olga", "ticket.read", ("it",), "")
    auditor = house.caller("audrey", "compliance", "*")
    house.catch_up()
    told = auditor.get("/record/access/could", params={"ticket": number}).json()
    assert "olga" not in [one["principal"] for one in told["could"]]
    assert [one["id"] for one in told["looked"]] == ["olga"]


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
    "signed with a foreign key": lambda issuer: issuer.token(key=KINDS["RS256"]()),
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
