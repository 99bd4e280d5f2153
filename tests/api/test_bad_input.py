"""Bad input: a precise refusal each, nothing of what was sent in it, and nothing changed."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from desk_talk import opened, refused

SECRET = "mother's maiden name"


@pytest.fixture
def house(shared_house):
    return shared_house


@pytest.fixture
def number(alice) -> str:
    """The number of a ticket that is there before."""
    return opened(alice)


@pytest.fixture
def nothing_changes(house) -> Iterator[None]:
    """Nothing but facts of access is recorded meanwhile."""
    before = house.desk.store.head()
    yield
    recorded = house.desk.feed(before, 1000)
    assert [event.TYPE for event in recorded if not event.TYPE.startswith(("access.", "request."))] == []


def test_an_unknown_department(alice, nothing_changes):
    refused(alice.post("/tickets", json={"department": "moon", "title": "x"}), 422, "department-not-found")


def test_tags_that_are_prose(alice, nothing_changes):
    body = {"department": "it", "title": "x", "tags": ["vpn", SECRET]}
    answer = alice.post("/tickets", json=body)
    assert SECRET not in answer.text
    refused(answer, 422, "not-understood")


def test_a_department_one_may_not_write_to_does_not_exist(alice, nothing_changes):
    refused(alice.post("/tickets", json={"department": "hr", "title": "x"}), 422, "department-not-found")


@pytest.mark.parametrize("size", [1_048_577, 10_000_000])
def test_a_body_that_is_too_large(alice, nothing_changes, size):
    body = b'{"department":"it","title":"x","description":"' + b"x" * size + b'"}'
    answer = alice.post("/tickets", content=body, headers={"Content-Type": "application/json"})
    assert refused(answer, 413, "body-too-large")["limit"] == 1_048_576


def test_a_body_that_turns_out_too_large_while_it_comes(alice, nothing_changes):
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    answer = alice.post("/tickets", content=chunks(), headers={"Content-Type": "application/json"})
    refused(answer, 413, "body-too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"department":"it","title":"\xff"}',
        b'{"department":"it","title":"\\ud800"}',
        b'{"department":"it","title":"x","form":{"x":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    ],
    ids=["nothing", "broken", "invalid UTF-8", "half a surrogate pair", "too deep"],
)
def test_a_body_that_is_not_json(alice, nothing_changes, body):
    answer = alice.post("/tickets", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", ""]
)
def test_a_body_of_another_kind(alice, nothing_changes, kind):
    answer = alice.post("/tickets", content=b'{"department":"it","title":"x"}', headers={"Content-Type": kind})
    assert "application/json" in refused(answer, 415, "unsupported-media-type")["known"]


def test_a_compressed_body_is_refused_as_one(alice, nothing_changes):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = alice.post("/tickets", content=gzip.compress(b'{"department":"it","title":"x"}'), headers=headers)
    assert refused(answer, 415, "unsupported-media-type")["field"] == "Content-Encoding"


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"occurred_at": "2026-01-01T00:00:00"}, "body/occurred_at", "timezone-aware"),
        ({"occurred_at": 1_700_000_000}, "body/occurred_at", "datetime-type"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "body/occurred_at", "datetime-out-of-range"),
        ({"occurred_at": "1700000000"}, "body/occurred_at", "datetime-parsing"),
        ({"occurred_at": "2026"}, "body/occurred_at", "datetime-parsing"),
        ({SECRET: SECRET}, "body", "extra-forbidden"),
        ({"requester": {"email": SECRET}}, "body/requester/email", "string-pattern-mismatch"),
        ({"impact": SECRET}, "body/impact", "literal-error"),
        ({"title": SECRET * 100}, "body/title", "string-too-long"),
        ({"title": 7}, "body/title", "string-type"),
        ({"imported_from": "servicenow"}, "body", None),
        ({"imported_from": ""}, "body", None),
        ({"form": {"x": 10**30}}, "body/form", None),
    ],
)
def test_a_field_that_breaks_a_rule_is_named_and_not_repeated(alice, nothing_changes, fields, field, code):
    answer = alice.post("/tickets", json={"department": "it", "title": "x", **fields})
    faults = refused(answer, 422, "not-valid")["faults"]
    assert [fault["field"] for fault in faults] == [field]
    assert code is None or faults[0]["code"] == code
    assert SECRET not in answer.text
    assert "maiden" not in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"impact": "1"},
        {"priority": 1.5},
        {"opened_at": SECRET},
        {"opened_at": "2026-01-01T00:00:00"},
        {"hold_reason": SECRET},
        {"group": SECRET},
        {"assignee": SECRET},
        {SECRET: 1},
    ],
)
def test_a_correction_that_no_ticket_could_bear(admin, number, nothing_changes, fields):
    answer = admin.post(f"/tickets/{number}/correct", json={"fields": fields, "why": "x"})
    assert answer.status_code == 422, answer.text
    assert "maiden" not in answer.text


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("assign", {"assignee": SECRET}),
        ("route", {"group": SECRET}),
        ("transfer", {"department": SECRET}),
        ("classify", {"request_type": SECRET}),
        ("note", {"text": "x", "mentions": [SECRET]}),
    ],
)
def test_a_handle_that_means_nothing_is_neither_told_nor_recorded(admin, house, number, nothing_changes, verb, fields):
    before = house.desk.store.head()
    answer = admin.post(f"/tickets/{number}/{verb}", json=fields, headers={"Idempotency-Key": f"{verb}-{number}"})
    assert answer.status_code == 422
    (decided,) = house.desk.feed(before, 10)
    assert "maiden" not in answer.text
    assert "maiden" not in str(decided)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "a\nb"])
def test_a_custom_field_whose_name_is_none(alice, number, nothing_changes, name):
    answer = alice.post(f"/tickets/{number}/set-field", json={"fields": {name: 1}})
    assert [fault["field"] for fault in refused(answer, 422, "not-valid")["faults"]] == ["body/fields"]


def test_a_queue_whose_name_is_none(alice, house):
    house.catch_up()
    refused(alice.get("/queues/x%00y/tickets"), 422, "not-valid")
    refused(alice.get("/queues/moon/tickets"), 404, "not-known")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_cannot_carry(alice, nothing_changes, number):
    body = b'{"department":"it","title":"x","form":{"x":%s}}' % number.encode()
    answer = alice.post("/tickets", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("text", ["2026", "1700000000", "-1", "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00 01:00", ""])
def test_a_time_that_is_not_written_as_rfc_3339_has_it(alice, text):
    number = opened(alice)
    for name in ("at", "known_at"):
        answer = alice.get(f"/tickets/{number}", params={name: text})
        assert refused(answer, 422, "not-valid")["faults"][0]["field"] == f"query/{name}"


def test_a_naive_time_in_a_query(alice):
    number = opened(alice)
    answer = alice.get(f"/tickets/{number}", params={"at": "2026-01-01T00:00:00"})
    assert refused(answer, 422, "not-valid")["faults"][0]["field"] == "query/at"


def test_a_query_with_a_parameter_nobody_knows(alice):
    number = opened(alice)
    answer = alice.get(f"/tickets/{number}", params={SECRET: "2026-01-01T00:00:00Z"})
    refused(answer, 422, "not-valid")
    assert "maiden" not in answer.text


def test_an_act_in_the_future_and_one_in_the_past_by_who_may_not(alice, admin):
    number = opened(alice)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    version = alice.get(f"/tickets/{number}").json()["version"]
    for caller in (alice, admin):
        refused(caller.post(f"/tickets/{number}/start", json={"occurred_at": later}), 422, "time-in-the-future")
    refused(alice.post(f"/tickets/{number}/start", json={"occurred_at": earlier}), 403, "backdating-not-allowed")
    assert alice.get(f"/tickets/{number}").json()["version"] == version


def test_the_same_idempotency_key_with_another_body(alice, house):
    headers = {"Idempotency-Key": "one"}
    assert alice.post("/tickets", json={"department": "it", "title": "a"}, headers=headers).status_code == 201
    before = house.desk.store.head()
    answer = alice.post("/tickets", json={"department": "it", "title": "b"}, headers=headers)
    refused(answer, 422, "key-used-differently")
    assert house.desk.store.head() == before


def test_the_same_idempotency_key_with_another_ticket(alice):
    first, second = opened(alice), opened(alice)
    headers = {"Idempotency-Key": f"start-{first}"}
    assert alice.post(f"/tickets/{first}/start", json={}, headers=headers).status_code == 200
    refused(alice.post(f"/tickets/{second}/start", json={}, headers=headers), 422, "key-used-differently")


@pytest.mark.parametrize("value", ["3", 'W/"3"', '"x"', '"1", "2"', ""])
def test_an_if_match_that_names_no_version(alice, value):
    number = opened(alice)
    answer = alice.post(f"/tickets/{number}/start", json={}, headers={"If-Match": value})
    assert refused(answer, 422, "not-valid")["faults"][0]["field"] == "If-Match"


@pytest.mark.parametrize("header", ["Acta-On-Behalf-Of", "Acta-Correlation-Id"])
@pytest.mark.parametrize("value", ["kim@example.org", "Kim Kay", "-kim", "k" * 129])
def test_a_header_that_is_stored_readable_takes_a_handle_and_no_address(alice, header, value):
    answer = alice.post("/tickets", json={"department": "it", "title": "x"}, headers={header: value})
    (fault,) = refused(answer, 422, "not-valid")["faults"]
    assert fault["field"] == header
    assert "no address" in fault["rule"]


def test_a_reply_by_someone_of_another_department(alice, henry):
    number = opened(alice)
    refused(henry.post(f"/tickets/{number}/reply", json={"text": "hello"}), 404, "ticket-not-found")


@pytest.mark.parametrize("ref", ["0", "999999", "x", "%00", "9" * 64, "00000000-0000-0000-0000-000000000000"])
def test_a_ref_that_names_no_ticket(alice, ref):
    refused(alice.get(f"/tickets/{ref}"), 404, "ticket-not-found")


def test_an_address_that_is_not_there_and_a_method_it_does_not_take(alice):
    refused(alice.get("/nothing/here"), 404, "no-such-page")
    answer = alice.delete("/tickets")
    refused(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["allow"]


def test_a_problem_has_a_page_that_says_what_to_do(stranger):
    page = stranger.get("/problems/ticket-moved-on")
    assert page.status_code == 200
    assert "Read the ticket again" in page.text
    refused(stranger.get("/problems/nothing"), 404, "no-such-page")


def test_every_answer_has_the_security_headers(stranger):
    for path in ("/healthz", "/tickets/1", "/nowhere"):
        headers: httpx.Headers = stranger.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_whoever_names_an_unknown_field_is_told_the_known_ones(alice):
    asked = {"department": "it", "title": "VPN drops", "titel": "x"}
    (fault,) = refused(alice.post("/tickets", json=asked), 422, "not-valid")["faults"]
    assert fault["field"] == "body"
    assert {"department", "title"} <= set(fault["known"])
    assert "titel" not in str(fault)
