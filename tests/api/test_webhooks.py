"""Webhooks over HTTP: registered, shown, changed and retired by whoever manages those of the department."""

import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from desk_talk import opened, refused
from domain.setup import events as e
from domain.store.deliveries import Attempt, Waiting
from examples import TICKET

PART = {"url": "https://hr.example.org/acta"}


@pytest.fixture
def keeper(house) -> httpx.Client:
    """An administrator of one department."""
    return house.caller("ingrid", "admin", "it")


def registered(client: httpx.Client, department: str = "it", **more: Any) -> dict[str, Any]:
    answer = client.post("/webhooks", json={"department": department, **PART, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def facts(house) -> list[Any]:
    return [event for event in house.desk.feed(0, 1_000) if event.TYPE.startswith("setup.webhook-")]


def test_a_webhook_is_registered_and_shown_without_its_secret(house, keeper):
    made = registered(keeper, description="Onboarding")
    assert len(b64decode(made["secret"].removeprefix("whsec_"), validate=True)) == 32
    assert made["secret"].startswith("whsec_")
    shown = keeper.get(f"/webhooks/{made['webhook']}").json()
    assert shown | {"secret": made["secret"], "position": made["position"]} == made
    assert (shown["department"], shown["tells"], shown["paused"]) == ("it", ["outcomes", "facts"], "")
    assert keeper.get("/webhooks").json()["webhooks"] == [shown]
    (event,) = facts(house)
    assert (event.position, event.act.actor.id) == (made["position"], "ingrid")


def test_only_who_manages_the_webhooks_of_a_department_sees_and_changes_them(house, keeper, admin, alice):
    theirs = registered(admin, "hr")["webhook"]
    ours = registered(admin)["webhook"]
    assert [one["webhook"] for one in keeper.get("/webhooks").json()["webhooks"]] == [ours]
    assert len(admin.get("/webhooks").json()["webhooks"]) == 2
    assert [one["webhook"] for one in admin.get("/webhooks?department=hr").json()["webhooks"]] == [theirs]
    refused(keeper.post("/webhooks", json={"department": "hr", **PART}), 422, "department-not-found")
    refused(alice.get("/webhooks"), 403, "not-allowed")
    refused(house.caller("sue", "supervisor", "it").post("/webhooks", json=PART), 403, "not-allowed")
    for method, path, body in [
        ("GET", "", None),
        ("PUT", "", PART),
        ("DELETE", "", None),
        ("POST", "/rotate", {}),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/ping", None),
        ("POST", "/replay", {"from_position": 1}),
    ]:
        answer = keeper.request(method, f"/webhooks/{theirs}{path}", json=body)
        refused(answer, 404, "webhook-not-found")
    assert len(facts(house)) == 2


def test_a_repeated_registration_is_one_webhook_and_shows_no_secret_again(house, keeper):
    again = {"Idempotency-Key": "onboarding-1"}
    first = keeper.post("/webhooks", json={"department": "it", **PART}, headers=again).json()
    told = refused(
        keeper.post("/webhooks", json={"department": "it", **PART}, headers=again), 409, "secret-shown-already"
    )
    assert told["webhook"] == first["webhook"]
    other = {"department": "it", "url": "https://other.example.org/"}
    refused(keeper.post("/webhooks", json=other, headers=again), 422, "key-used-differently")
    assert len(facts(house)) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://hr.example.org/"}, "webhook-address-not-allowed"),
        ({"url": "https://a:b@hr.example.org/"}, "webhook-address-not-allowed"),
        ({"url": "hr.example.org"}, "not-valid"),
        ({"url": "https://hr.example.org/", "tells": []}, "not-valid"),
        ({"url": "https://hr.example.org/", "tells": ["notes"]}, "not-valid"),
        ({"url": "https://hr.example.org/", "secret": "whsec_x"}, "not-valid"),
        ({"url": "https://hr.example.org/", "department": "moon"}, "department-not-found"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused(house, admin, body, code):
    refused(admin.post("/webhooks", json={"department": "it"} | body), 422, code)
    assert facts(house) == []


def test_a_host_may_be_reached_without_tls_where_the_desk_is_told_so(build_house):
    house = build_house(webhook_plain_hosts=("127.0.0.1",))
    house.configure()
    keeper = house.caller("ingrid", "admin", "it")
    registered(keeper, url="http://127.0.0.1:9/acta")
    refused(
        keeper.post("/webhooks", json={"department": "it", "url": "http://127.0.0.2/"}),
        422,
        "webhook-address-not-allowed",
    )


def test_a_department_has_only_so_many(keeper):
    for _ in range(20):
        registered(keeper)
    told = refused(keeper.post("/webhooks", json={"department": "it", **PART}), 409, "too-many-webhooks")
    assert told["limit"] == 20


def test_what_is_done_to_a_webhook_is_recorded_and_shown(house, keeper):
    made = registered(keeper)
    place = f"/webhooks/{made['webhook']}"
    changed = keeper.put(place, json=PART | {"tells": ["outcomes"], "description": "Only what was decided"})
    assert (changed.json()["tells"], changed.json()["description"]) == (["outcomes"], "Only what was decided")
    assert keeper.put(place, json=PART | {"tells": ["outcomes"], "description": "Only what was decided"}).is_success
    refused(keeper.put(place, json={"url": "http://hr.example.org/"}), 422, "webhook-address-not-allowed")
    assert keeper.post(f"{place}/pause").json()["paused"] == "asked"
    refused(keeper.post(f"{place}/pause"), 409, "nothing-changes")
    refused(keeper.post(f"{place}/ping"), 409, "nothing-changes")
    assert keeper.post(f"{place}/resume").json()["paused"] == ""
    refused(keeper.post(f"{place}/resume"), 409, "nothing-changes")
    assert keeper.post(f"{place}/ping").is_success
    assert keeper.post(f"{place}/replay", json={"from_position": 3}).is_success
    assert keeper.delete(place).is_success
    refused(keeper.get(place), 404, "webhook-not-found")
    refused(keeper.delete(place), 404, "webhook-not-found")
    assert [event.TYPE.removeprefix("setup.webhook-").removesuffix(".v1") for event in facts(house)] == [
        "registered",
        "changed",
        "paused",
        "resumed",
        "pinged",
        "replayed",
        "retired",
    ]
    assert {event.act.actor.id for event in facts(house)} == {"ingrid"}


def test_a_replay_begins_at_a_position_or_at_a_time(house, keeper):
    made = registered(keeper)
    place = f"/webhooks/{made['webhook']}/replay"
    refused(keeper.post(place, json={}), 422, "not-valid")
    refused(keeper.post(place, json={"from_position": 1, "from_time": "2026-01-01T00:00:00Z"}), 422, "not-valid")
    refused(keeper.post(place, json={"from_position": house.desk.store.head() + 2}), 422, "not-valid")
    (registration,) = facts(house)
    assert keeper.post(place, json={"from_time": registration.recorded_at.isoformat()}).is_success
    assert keeper.post(place, json={"from_time": "2020-01-01T00:00:00Z"}).is_success
    assert keeper.post(place, json={"from_time": "2999-01-01T00:00:00Z"}).is_success
    asked = [event.from_position for event in facts(house) if isinstance(event, e.WebhookReplayed)]
    assert asked[:2] == [registration.position + 1, 1]


def test_a_rotated_secret_is_another_and_the_old_one_signs_for_a_while(house, keeper):
    made = registered(keeper)
    place = f"/webhooks/{made['webhook']}"
    rotated = keeper.post(f"{place}/rotate", json={}).json()
    assert rotated["secret"] != made["secret"]
    assert keeper.get(place).json()["old_secrets_until"] is not None
    found_out = keeper.post(f"{place}/rotate", json={"old_for_hours": 0}).json()
    assert found_out["secret"] not in (made["secret"], rotated["secret"])
    assert keeper.get(place).json()["old_secrets_until"] is None
    refused(keeper.post(f"{place}/rotate", json={"old_for_hours": 169}), 422, "not-valid")


def test_no_secret_or_salt_stands_in_an_answer_a_page_of_the_feed_or_the_database(house, keeper, admin):
    made = registered(keeper)
    rotated = keeper.post(f"/webhooks/{made['webhook']}/rotate", json={}).json()
    salts = [event.salt for event in facts(house) if hasattr(event, "salt")]
    assert len(salts) == 2
    house.catch_up()
    pages = [
        keeper.get("/webhooks").text,
        keeper.get(f"/webhooks/{made['webhook']}").text,
        admin.get("/events?limit=1000").text,
        admin.get("/setup").text,
        admin.get("/audit").text,
    ]
    secrets = [made["secret"], rotated["secret"]]
    raw = [b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    for page in pages:
        assert made["webhook"] in page or '"departments"' in page
        assert not [text for text in (*secrets, *salts, *(key.hex() for key in raw)) if text in page]
    with house.desk.pool.connection() as connection:
        bodies = connection.execute("SELECT body FROM acta.events").fetchall()
    stored = b"".join(bytes(body) for (body,) in bodies)
    assert not [found for found in (*map(str.encode, secrets), *raw) if found in stored]
    assert all(json.dumps(salt).encode() in stored for salt in salts)


# What came of it


def attempted(house, made: dict[str, Any], position: int, outcome: str = "failed", **more: Any) -> Attempt:
    """An attempt as who delivers keeps it."""
    attempt = Attempt(
        webhook=made["webhook"],
        at=house.desk.now(),
        message=f"{TICKET}/{position}",
        position=position,
        type="acta.outcome.accepted.v1",
        ticket=more.pop("ticket", TICKET),
        attempt=1,
        outcome=outcome,  # type: ignore[arg-type]
        status=500,
        error="",
        took_ms=12,
        next_at=None,
    )
    house.desk.deliveries.write_down([attempt])
    return attempt


def test_attempts_are_listed_page_by_page_the_newest_first(house, keeper):
    made, other = registered(keeper), registered(keeper)
    for position in range(1, 6):
        attempted(house, made, position)
    attempted(house, other, 9)
    place = f"/webhooks/{made['webhook']}/deliveries"
    found: list[int] = []
    page = keeper.get(place, params={"limit": 2}).json()
    while page["next"]:
        found += [one["position"] for one in page["attempts"]]
        page = keeper.get(place, params={"limit": 2, "cursor": page["next"]}).json()
    assert found + [one["position"] for one in page["attempts"]] == [5, 4, 3, 2, 1]
    refused(keeper.get(place, params={"cursor": "nonsense"}), 422, "cursor-not-valid")


def test_attempts_are_found_by_what_they_are_about(house, keeper):
    made = registered(keeper)
    number = opened(keeper)
    ticket = house.desk.find(str(number))
    attempted(house, made, 1, "delivered")
    of_ticket = attempted(house, made, 2, ticket=ticket)
    later = of_ticket.at + timedelta(seconds=1)
    place = f"/webhooks/{made['webhook']}/deliveries"

    def positions(**asked: Any) -> list[int]:
        return [one["position"] for one in keeper.get(place, params=asked).json()["attempts"]]

    assert positions() == [2, 1]
    assert positions(outcome="delivered") == [1]
    assert positions(ticket=str(number)) == positions(ticket=str(ticket)) == [2]
    assert positions(ticket="4711") == []
    assert positions(message=of_ticket.message) == [2]
    assert positions(since=later.isoformat()) == []
    refused(keeper.get(place, params={"outcome": "lost"}), 422, "not-valid")


def test_the_log_is_for_those_who_manage_the_webhook(house, keeper, admin, alice):
    theirs = registered(admin, "hr")
    refused(keeper.get(f"/webhooks/{theirs['webhook']}/deliveries"), 404, "webhook-not-found")
    refused(alice.get(f"/webhooks/{theirs['webhook']}/deliveries"), 403, "not-allowed")


def test_how_a_webhook_stands_is_shown_and_counted(house, keeper):
    made = registered(keeper)
    position = house.desk.store.head()
    events = [event for event in facts(house) if event.version > house.desk.deliveries.followed()]
    now = house.desk.now()
    house.desk.deliveries.follow(events, 0, now)
    waiting = [Waiting(webhook=made["webhook"], position=at, line=b"x", ticket=None) for at in (2, 3)]
    house.desk.deliveries.read({made["webhook"]: made["since"]}, position, waiting, now)
    house.desk.deliveries.settle([attempted(house, made, 2)], now)
    shown = keeper.get(f"/webhooks/{made['webhook']}").json()
    assert (shown["delivered_through"], shown["waiting"], shown["failing"]) == (1, 2, 1)
    assert shown["oldest"] is not None
    keeper.post(f"/webhooks/{made['webhook']}/pause")
    metrics = keeper.get("/metrics").text
    for line in (
        "webhook_messages_waiting 2",
        "webhook_messages_failing 1",
        "webhooks_paused 1",
        "webhooks_full 0",
    ):
        assert f"acta_{line}\n" in metrics
    assert "acta_webhook_oldest_message_seconds " in metrics


def test_what_is_sent_is_described_in_the_document(stranger):
    document = stranger.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    sent = document["webhooks"]
    assert set(sent) == {"outcome.accepted.v1", "outcome.refused.v1", "outcome.happened.v1", "webhook.ping.v1"}

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for one in part.values() for found in references(one)]
        return [found for one in part for found in references(one)] if isinstance(part, list) else []

    ahead = references(sent)
    assert ahead
    for reference in ahead:
        assert reference.removeprefix("#/components/schemas/") in schemas
    names = {parameter["name"] for item in sent.values() for parameter in item["post"]["parameters"]}
    assert names == {"webhook-id", "webhook-timestamp", "webhook-signature"}
