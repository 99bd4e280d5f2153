"""Lists, counts, clocks and figures over HTTP: scoped, paged, of now and of then, and not before they are there."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from desk_talk import done, opened, refused

PERIOD = {
    "from": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
    "to": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
}


def numbers(answer) -> list[int]:
    """The tickets of a list."""
    assert answer.status_code == 200, answer.text
    return sorted(row["number"] for row in answer.json()["tickets"])


def test_lists_hold_what_is_wanted_and_no_more(house, alice, henry, rita):
    mine, taken, theirs = opened(alice), opened(rita), opened(henry, "hr")
    done(alice, taken, "claim")
    house.catch_up()
    assert numbers(alice.get("/tickets")) == [int(mine), int(taken)]
    assert numbers(alice.get("/tickets", params={"assignee": "alice"})) == [int(taken)]
    assert numbers(alice.get("/tickets", params={"assignee": ""})) == [int(mine)]
    assert numbers(alice.get("/queues/first/tickets")) == [int(mine), int(taken)]
    assert numbers(henry.get("/queues/hr/tickets")) == [int(theirs)]
    assert numbers(rita.get("/tickets")) == [int(taken)]
    refused(alice.get("/queues/nowhere/tickets"), 404, "not-known")
    refused(alice.get("/tickets", params={"state": "asleep"}), 422, "not-valid")
    refused(alice.get("/tickets", params={"cursor": "x"}), 422, "cursor-not-valid")


def test_a_list_is_paged_without_a_gap(house, alice):
    made = sorted(int(opened(alice, title=f"ticket {n}")) for n in range(7))
    house.catch_up()
    found, cursor = [], None
    while True:
        params = {"limit": 3, "sort": "number"} | ({"cursor": cursor} if cursor else {})
        page = alice.get("/tickets", params=params).json()
        found += [row["number"] for row in page["tickets"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == made


def test_a_list_of_then_shows_what_was(house, alice):
    number = opened(alice)
    then = alice.get(f"/tickets/{number}").json()["updated_at"]
    done(alice, number, "resolve", code="fixed")
    house.catch_up()
    assert numbers(alice.get("/tickets")) == []
    assert numbers(alice.get("/tickets", params={"at": then})) == [int(number)]


def test_counts_are_of_the_callers_departments(house, alice, henry):
    opened(alice)
    opened(henry, "hr")
    house.catch_up()
    counted = alice.get("/queues").json()["queues"]
    assert [(row["department"], row["status"], row["tickets"]) for row in counted] == [("it", "new", 1)]


def test_a_read_waits_for_the_position_of_a_write(house, alice):
    house.catch_up()
    answer = alice.post("/tickets", json={"department": "it", "title": "x"})
    projecting = threading.Thread(target=house.catch_up)
    projecting.start()
    listed = alice.get("/tickets", params={"wait_for": answer.headers["acta-position"]})
    projecting.join()
    assert numbers(listed) == [answer.json()["number"]]


def test_a_read_that_waits_in_vain_says_when_to_come_again(build_house, house, alice):
    house.catch_up()
    hasty = build_house(wait_seconds=0.05)
    answer = hasty.client(house.key("alice")).get("/tickets", params={"wait_for": 10**9})
    refused(answer, 503, "not-yet")
    assert answer.headers["retry-after"] == "1"


def test_a_ticket_shows_its_clocks_with_their_explanation(house, alice):
    number = opened(alice)
    clocks = alice.get(f"/tickets/{number}/clocks").json()["clocks"]
    resolution = next(clock for clock in clocks if clock["explanation"]["kind"] == "resolution")
    told = resolution["explanation"]
    assert told["target_minutes"] == 60
    assert told["elapsed_minutes"] + told["left_minutes"] == pytest.approx(60)
    assert sum(part["counted_minutes"] for part in told["parts"]) == pytest.approx(told["elapsed_minutes"])
    assert "policy standard version 1" in resolution["text"]
    house.catch_up()
    listed = alice.get("/sla/clocks").json()["clocks"]
    assert {clock["number"] for clock in listed} == {int(number)}
    promised = next(clock for clock in listed if clock["clock"] == "resolution")
    assert promised["target_minutes"] == 60
    assert 59 < promised["left_minutes"] <= 60
    assert promised["elapsed_minutes"] + promised["left_minutes"] == pytest.approx(60)
    done(alice, number, "resolve", code="fixed")
    house.catch_up()
    shares = alice.get("/sla/attainment", params=PERIOD).json()["shares"]
    assert [(share["of"], share["met"], share["decided"]) for share in shares] == [({"clock": "resolution"}, 1, 1)]


def test_figures_come_as_json_csv_parquet_and_arrow(house, admin, alice):
    opened(alice)
    house.catch_up()
    shown = admin.get("/reports/volume", params={**PERIOD, "by": "department"}).json()
    assert [row["department"] for row in shown["rows"]] == ["it"]
    for kind, begins in (
        ("text/csv", b'"bucket"'),
        ("application/vnd.apache.parquet", b"PAR1"),
        ("application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff"),
    ):
        answer = admin.get("/reports/volume", params=PERIOD, headers={"Accept": kind})
        assert answer.headers["content-type"].startswith(kind)
        assert answer.content.startswith(begins)
    refused(admin.get("/reports/volume", params=PERIOD, headers={"Accept": "image/png"}), 406, "not-acceptable")
    refused(admin.get("/reports/gossip", params=PERIOD), 422, "not-valid")
    refused(admin.get("/reports/volume", params={**PERIOD, "zone": "Moon/Base"}), 422, "not-valid")
    backwards = {"from": PERIOD["to"], "to": PERIOD["from"]}
    refused(admin.get("/reports/volume", params=backwards), 422, "question-not-understood")


def test_readiness_names_what_fails(house, stranger):
    house.catch_up()
    assert stranger.get("/healthz").json() == {"status": "ok", "failing": []}
    assert stranger.get("/readyz").json() == {"status": "ok", "failing": []}
    house.desk.pool.close()
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["database"])


def test_metrics_count_answers(stranger):
    stranger.get("/nowhere")
    text = stranger.get("/metrics").text
    assert 'acta_http_answers_total{method="GET",status="404"} 1' in text
    assert "acta_head_position" in text
