"""Electronic signatures over HTTP: acts that take one, who may sign, what proves it, and what is never told."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.oidc import Oidc
from desk_talk import done, opened, refused
from domain.access.principal import system
from domain.envelope import Act
from domain.setup.events import DepartmentDefined, RequestTypeVersioned
from domain.setup.state import PIN_ATTEMPTS
from issuers import AUDIENCE

PIN, WRONG = "740 211", "740 212"
ACT = Act(actor=system("test").actor, channel="test")
ASKING = [
    DepartmentDefined(
        department="it",
        name="IT",
        default_group="first",
        signatures={"resolve": ("approved",), "close": ("approved", "reviewed")},
    ),
    RequestTypeVersioned(
        request_type="batch-release",
        request_type_version=1,
        department="hr",
        name="Release of a batch",
        signatures={"cancel": ("authored",)},
    ),
]


@pytest.fixture
def issuer(shared_issuer):
    return shared_issuer


@pytest.fixture(scope="module")
def house(build_shared_house, shared_issuer):
    """A desk that asks for signatures, and knows an issuer."""
    house = build_shared_house(auth=Oidc(issuer=shared_issuer.url, audience=AUDIENCE))
    house.configure()
    house.desk.configure(lambda _: ASKING, ACT)
    return house


@pytest.fixture
def alice(house, admin):
    """An agent of IT who has set a PIN."""
    alice = house.caller("alice", "agent", "it")
    set_pin(alice, code=code_for(admin, "alice"))
    return alice


@pytest.fixture
def olga(house, issuer):
    """An agent of IT who signs in at the issuer."""
    return house.client(issuer.token(name="Olga Orlova"))


def code_for(admin: httpx.Client, holder: str) -> str:
    answer = admin.post("/setup/pins", json={"holder": holder})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def set_pin(signer: httpx.Client, pin: str = PIN, **allowed: str) -> None:
    answer = signer.put("/me/pin", json={"pin": pin, **allowed})
    assert answer.status_code == 200, answer.text


def signed(meaning: str = "approved", **proof: Any) -> dict[str, Any]:
    return {"signature": {"meaning": meaning, **(proof or {"pin": PIN})}}


def resolve(client: httpx.Client, number: str, **signature: Any) -> httpx.Response:
    return client.post(f"/tickets/{number}/resolve", json={"code": "fixed", **signature})


def now(**ago: float) -> int:
    return int((datetime.now(UTC) - timedelta(**ago)).timestamp())


def signatures(client: httpx.Client, number: str) -> list[dict[str, Any]]:
    answer = client.get(f"/tickets/{number}/signatures")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["signatures"]
    return found


def test_an_act_that_takes_a_signature_is_refused_without_one_and_says_what_it_may_mean(alice):
    number = opened(alice)
    problem = refused(resolve(alice, number), 409, "signature-needed")
    assert problem["meanings"] == ["approved"]
    assert alice.get(f"/tickets/{number}").json()["status"] == "new"


def test_a_signed_act_is_recorded_with_its_signature_behind_it(alice):
    number = opened(alice)
    receipt = resolve(alice, number, **signed()).json()
    assert receipt["events"] == ["ticket.resolved.v1", "ticket.signed.v1"]
    ticket = alice.get(f"/tickets/{number}").json()
    assert ticket["status"] == "resolved"
    (one,) = ticket["signatures"]
    assert (one["signer"], one["name"], one["meaning"], one["command"]) == (
        "alice",
        "Alice Ames",
        "approved",
        "resolve",
    )
    assert one["signs"] == ticket["version"] - 1
    (checked,) = signatures(alice, number)
    assert (checked["fits"], checked["genuine"], checked["since"]) == (True, True, 0)
    assert checked["means"] == "key-and-pin"


def test_a_history_and_the_audit_trail_tell_who_signed_by_which_name_and_as_what(house, alice):
    number = opened(alice)
    resolve(alice, number, **signed())
    auditor = house.caller("audrey", "compliance", "*")
    house.catch_up()
    (told,) = auditor.get("/audit", params={"ticket": number, "type": "ticket.signed.v1"}).json()["lines"]
    assert "Alice Ames signed the ticket as “approved”, when doing “resolve”" in told["sentence"]
    history = alice.get(f"/tickets/{number}/events").json()["events"]
    assert "“Alice Ames”" in history[-1]["sentence"]


def test_any_ticket_can_be_signed_by_itself_by_whoever_may(house, alice):
    number = opened(alice)
    done(alice, number, "sign", **signed("reviewed"))
    (one,) = signatures(alice, number)
    assert (one["meaning"], one["command"], one["signs"]) == ("reviewed", "", one["version"] - 1)
    refused(alice.post(f"/tickets/{number}/sign", json={}), 409, "signature-needed")
    rita = house.caller("rita", "requester", "it", kind="requester")
    own = opened(rita)
    refused(rita.post(f"/tickets/{own}/sign", json=signed("reviewed")), 403, "signer-not-proved")


def test_an_act_that_takes_no_signature_can_be_signed_all_the_same(alice):
    number = opened(alice)
    done(alice, number, "note", text="Compared with the order.", **signed("authored"))
    assert [one["command"] for one in signatures(alice, number)] == ["note"]


def test_a_request_can_be_signed_when_it_is_made(alice):
    opening = alice.post("/tickets", json={"department": "it", "title": "Release 7", **signed("authored")})
    assert opening.status_code == 201, opening.text
    assert opening.json()["events"][-1] == "ticket.signed.v1"
    (one,) = signatures(alice, opening.json()["number"])
    assert (one["command"], one["fits"], one["genuine"]) == ("open", True, True)


def test_a_signature_of_a_merged_tickets_reply_stands_where_the_reply_does(alice):
    source, target = opened(alice), opened(alice)
    done(alice, source, "merge", into=target)
    done(alice, source, "reply", text="Compared.", **signed("reviewed"))
    assert [one["command"] for one in signatures(alice, target)] == ["reply"]
    assert signatures(alice, source) == []


def test_a_meaning_that_the_act_does_not_take_is_refused_with_those_it_does(alice):
    number = opened(alice)
    problem = refused(resolve(alice, number, **signed("reviewed")), 422, "meaning-not-known")
    assert problem["meanings"] == ["approved"]
    assert refused(alice.post(f"/tickets/{number}/sign", json=signed("liked")), 422, "meaning-not-known")


def test_the_rule_of_a_request_type_goes_with_its_tickets(house, admin):
    set_pin(admin, code=code_for(admin, "root"))
    number = opened(admin, "hr", request_type="batch-release")
    problem = refused(admin.post(f"/tickets/{number}/cancel", json={}), 409, "signature-needed")
    assert problem["meanings"] == ["authored"]
    assert admin.post(f"/tickets/{opened(admin, 'hr')}/cancel", json={}).status_code == 200


def test_what_takes_a_signature_cannot_be_stated_unsigned_to_have_been_done(admin):
    number = opened(admin)
    body = {"fields": {"status": "closed"}, "why": "It was closed on paper."}
    refused(admin.post(f"/tickets/{number}/correct", json=body), 409, "signature-needed")


def test_a_requester_cannot_finish_what_somebody_has_to_sign(house):
    rita = house.caller("rita", "requester", "it", kind="requester")
    number = opened(rita)
    refused(rita.post(f"/tickets/{number}/close", json={}), 409, "signature-needed")


def test_nobody_signs_for_another(alice):
    number = opened(alice)
    answer = alice.post(f"/tickets/{number}/sign", json=signed(), headers={"Acta-On-Behalf-Of": "bob"})
    refused(answer, 422, "not-understood")


def test_a_signature_says_from_which_event_on_the_ticket_has_moved_on(alice):
    number = opened(alice)
    resolve(alice, number, **signed())
    done(alice, number, "sign", **signed("reviewed"))
    done(alice, number, "note", text="One more thing.")
    assert [(one["since"], one["fits"]) for one in signatures(alice, number)] == [(1, True), (1, True)]


def test_a_version_that_moved_on_is_not_signed(alice):
    number = opened(alice)
    version = alice.get(f"/tickets/{number}").json()["version"]
    done(alice, number, "note", text="Meanwhile.")
    answer = alice.post(f"/tickets/{number}/sign", json=signed(), headers={"If-Match": f'"{version}"'})
    refused(answer, 412, "ticket-moved-on")
    assert signatures(alice, number) == []


# A fresh sign-in at the issuer


def test_who_has_just_signed_in_signs_with_that_token(house, issuer, olga):
    number = opened(olga)
    when = now(seconds=20)
    answer = resolve(olga, number, **signed(token=issuer.token(auth_time=when, name="Olga Orlova")))
    assert answer.status_code == 200, answer.text
    (one,) = signatures(olga, number)
    assert (one["means"], one["credential"], one["name"]) == ("oidc", issuer.url, "Olga Orlova")
    assert datetime.fromisoformat(one["signed_in_at"]) == datetime.fromtimestamp(when, UTC)


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"auth_time": timedelta(minutes=10)}, "too long ago"),
        ({"auth_time": timedelta(minutes=-10)}, "too long ago"),
        ({}, "does not say when"),
        ({"auth_time": "yesterday"}, "does not say when"),
        ({"auth_time": True}, "does not say when"),
        ({"auth_time": -1}, "does not say when"),
        ({"auth_time": 1e300}, "does not say when"),
        ({"auth_time": timedelta(), "sub": "oscar"}, "somebody else's"),
        ({"auth_time": timedelta(), "aud": "payroll"}, "not good"),
        ({"auth_time": timedelta(), "exp": 1}, "not good"),
        ({"auth_time": timedelta(), "name": None}, "printed name"),
    ],
)
def test_a_token_that_proves_nothing_signs_nothing_and_that_is_recorded(house, issuer, olga, claims, word):
    # Ages are made times here: a run may have begun long ago.
    said = {
        name: now(seconds=one.total_seconds()) if isinstance(one, timedelta) else one for name, one in claims.items()
    }
    number, before = opened(olga), house.desk.store.head()
    problem = refused(resolve(olga, number, **signed(token=issuer.token(**said))), 403, "signer-not-proved")
    assert word in problem["detail"]
    assert olga.get(f"/tickets/{number}").json()["status"] == "new"
    house.settle()
    recorded = house.desk.feed(before, 1_000, types=["access.refused.v1"])
    stream = olga.get(f"/tickets/{number}").json()["ticket"]
    assert [(event.act.actor.id, event.permission, event.code, str(event.ticket)) for event in recorded] == [
        ("olga", "ticket.sign", "signer-not-proved", stream)
    ]


def test_a_pin_is_no_proof_for_who_signs_in_at_the_issuer(olga):
    number = opened(olga)
    refused(resolve(olga, number, **signed()), 403, "signer-not-proved")
    refused(olga.put("/me/pin", json={"pin": PIN, "code": "x"}), 403, "signer-not-proved")


# PINs


def test_a_code_sets_a_pin_once_and_only_for_whom_it_was_issued(house, admin, alice):
    code = code_for(admin, "alice")
    henry = house.caller("henry", "agent", "hr")
    refused(henry.put("/me/pin", json={"pin": PIN, "code": code}), 403, "signer-not-proved")
    set_pin(alice, "another one", code=code)
    refused(alice.put("/me/pin", json={"pin": PIN, "code": code}), 403, "signer-not-proved")
    refused(alice.post("/setup/pins", json={"holder": "alice"}), 403, "not-allowed")


def test_a_pin_is_changed_with_the_one_before(alice):
    set_pin(alice, "a longer one", current=PIN)
    number = opened(alice)
    refused(resolve(alice, number, **signed()), 403, "signer-not-proved")
    assert resolve(alice, number, **signed(pin="a longer one")).status_code == 200


def test_wrong_pins_lock_it_until_it_is_set_anew(house, admin, alice):
    number = opened(alice)
    for left in range(PIN_ATTEMPTS - 1, -1, -1):
        problem = refused(resolve(alice, number, **signed(pin=WRONG)), 403, "signer-not-proved")
        assert problem["attempts_left"] == left
    refused(resolve(alice, number, **signed(pin=PIN)), 403, "pin-locked")
    refused(alice.put("/me/pin", json={"pin": "one more", "current": PIN}), 403, "pin-locked")
    set_pin(alice, "one more", code=code_for(admin, "alice"))
    assert resolve(alice, number, **signed(pin="one more")).status_code == 200


def test_a_right_pin_makes_wrong_ones_count_no_longer(alice):
    number = opened(alice)
    for _ in range(2):
        for _ in range(PIN_ATTEMPTS - 1):
            refused(resolve(alice, number, **signed(pin=WRONG)), 403, "signer-not-proved")
        done(alice, number, "sign", **signed())


def test_a_storm_of_wrong_pins_on_two_processes_counts_as_one(build_shared_house, house, alice):
    other = build_shared_house()
    token = alice.headers["Authorization"].removeprefix("Bearer ")
    doors = [alice, other.client(token)]
    number = opened(alice)

    def attempt(n: int) -> str:
        answer = doors[n % 2].post(f"/tickets/{number}/sign", json=signed(pin=WRONG))
        return str(answer.json()["code"])

    with ThreadPoolExecutor(8) as attempts:
        codes = list(attempts.map(attempt, range(4 * PIN_ATTEMPTS)))
    assert codes.count("signer-not-proved") == PIN_ATTEMPTS
    assert codes.count("pin-locked") == 3 * PIN_ATTEMPTS
    for door in doors:
        refused(door.post(f"/tickets/{number}/sign", json=signed()), 403, "pin-locked")
    assert signatures(alice, number) == []


@pytest.mark.parametrize(
    "nonsense",
    [
        {"signature": {}},
        {"signature": {"meaning": "approved"}},
        {"signature": {"meaning": "approved", "pin": PIN, "token": "x"}},
        {"signature": {"meaning": "approved", "pin": None}},
        {"signature": {"meaning": "approved", "pin": 740211}},
        {"signature": {"meaning": "approved", "pin": "7" * 65}},
        {"signature": {"meaning": "", "pin": PIN}},
        {"signature": {"meaning": "approved", "pin": PIN, "name": "Somebody Else"}},
        {"signature": "approved"},
        {"signature": [PIN]},
    ],
)
def test_a_signature_that_is_none_is_refused_and_not_repeated(alice, nonsense):
    number = opened(alice)
    answer = alice.post(f"/tickets/{number}/sign", json=nonsense)
    refused(answer, 422, "not-valid")
    assert PIN not in answer.text


# Once, and in secret


def test_a_repeated_request_is_signed_once_also_when_the_sign_in_has_become_old(house, issuer, olga):
    number, key = opened(olga), {"Idempotency-Key": "release-7"}
    body = {"code": "fixed", **signed(token=issuer.token(auth_time=now(), name="Olga Orlova"))}
    first = olga.post(f"/tickets/{number}/resolve", json=body, headers=key)
    assert first.status_code == 200, first.text
    late = {"code": "fixed", **signed(token=issuer.token(auth_time=now(hours=1), name="Olga Orlova"))}
    again = olga.post(f"/tickets/{number}/resolve", json=late, headers=key)
    assert (again.status_code, again.json()["version"]) == (200, first.json()["version"])
    assert len(signatures(olga, number)) == 1
    other = {"code": "fixed", **signed("reviewed", token=issuer.token(auth_time=now(), name="Olga Orlova"))}
    refused(olga.post(f"/tickets/{number}/resolve", json=other, headers=key), 422, "key-used-differently")


def test_a_request_whose_signer_was_not_proved_may_come_again_with_the_same_key(alice):
    number, key = opened(alice), {"Idempotency-Key": "release-8"}
    wrong = alice.post(f"/tickets/{number}/resolve", json={"code": "fixed", **signed(pin=WRONG)}, headers=key)
    refused(wrong, 403, "signer-not-proved")
    right = alice.post(f"/tickets/{number}/resolve", json={"code": "fixed", **signed()}, headers=key)
    assert right.status_code == 200, right.text


def test_neither_pin_nor_code_nor_token_is_in_the_database_an_answer_or_the_log(
    house, issuer, admin, alice, olga, caplog
):
    caplog.set_level(logging.DEBUG)
    before = house.desk.store.head()
    code, token = code_for(admin, "alice"), issuer.token(auth_time=now(), name="Olga Orlova")
    set_pin(alice, "correct horse", code=code)
    told = []
    for client, proof in ((alice, {"pin": "correct horse"}), (alice, {"pin": "wrong horse"}), (olga, {"token": token})):
        number, headers = opened(client), {"Idempotency-Key": f"secret-{len(told)}"}
        answer = client.post(f"/tickets/{number}/sign", json=signed(**proof), headers=headers)
        told.append(answer.text)
        told.append(client.get(f"/tickets/{number}").text)
    told += [admin.get("/events", params={"after": before, "limit": 1000}).text, admin.get("/setup").text]
    with house.views.connection() as connection:
        bodies = connection.execute("SELECT convert_from(body, 'UTF8') FROM acta.events").fetchall()
    text = "\n".join((*told, *(body for (body,) in bodies), *(record.getMessage() for record in caplog.records)))
    for secret in ("correct horse", "wrong horse", code, token):
        assert secret not in text
    feed = admin.get("/events", params={"after": before, "types": "setup.pin-set.v1,setup.pin-code-issued.v1"})
    shown = feed.json()["events"]
    assert {event["type"] for event in shown} == {"setup.pin-set.v1", "setup.pin-code-issued.v1"}
    assert not any("digest" in event["data"] for event in shown)


def test_a_requester_sees_no_signature(house, alice):
    rita = house.caller("rita", "requester", "it", kind="requester")
    number = opened(rita)
    done(alice, number, "sign", **signed("reviewed"))
    assert "signatures" not in rita.get(f"/tickets/{number}").json()
    assert "ticket.signed.v1" not in rita.get(f"/tickets/{number}/events").text
    refused(rita.get(f"/tickets/{number}/signatures"), 403, "not-allowed")


def test_the_meanings_are_those_of_the_desk(house, admin):
    assert admin.get("/setup").json()["signature_meanings"] == ["approved", "reviewed", "authored"]
    assert json.loads(admin.get("/setup/departments/it").text)["signatures"]["resolve"] == ["approved"]
    conflict = {"name": "IT", "signatures": {"resolve": ["liked"]}}
    refused(admin.put("/setup/departments/it", json=conflict), 409, "setup-conflict")
