"""The change feed: complete, in order, scoped, resumable; as pages and as server-sent events."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from desk_talk import done, opened, refused


@pytest.fixture
def crm(house) -> httpx.Client:
    """A service that follows IT."""
    return house.caller("crm", "service", "it", kind="service")


def followed(client: httpx.Client, **request: Any) -> Iterator[dict[str, str]]:
    """The blocks of an event stream as they come: field to value, a comment under ""."""
    headers = {"Accept": "text/event-stream", **request.pop("headers", {})}
    with client.stream("GET", "/events", headers=headers, **request) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        block: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(":")
                block[name] = value.strip()
            else:
                yield block
                block = {}


def until(blocks: Iterator[dict[str, str]], event: str, count: int = 1) -> list[dict[str, str]]:
    """The blocks up to the ``count``-th of a type."""
    seen = []
    for block in blocks:
        seen.append(block)
        count -= block.get("event") == event
        if count == 0:
            return seen
    raise AssertionError("the stream ended")


def test_pages_hold_every_event_once_and_in_order(admin, alice):
    for n in range(7):
        done(alice, opened(alice, title=f"ticket {n}"), "note", text="x")
    whole = admin.get("/events", params={"limit": 1000}).json()
    found, after = [], 0
    while True:
        page = admin.get("/events", params={"after": after, "limit": 3}).json()
        if page["next"] == after:
            break
        found += page["events"]
        after = page["next"]
    positions = [event["position"] for event in whole["events"]]
    assert [event["position"] for event in found if event["position"] <= whole["next"]] == positions
    assert positions == sorted(set(positions))
    # What came later is that admin was shown all this.
    assert {event["type"] for event in found if event["position"] > whole["next"]} == {"access.read.v1"}
    assert after == found[-1]["position"]


def test_next_is_the_last_position_looked_at_whether_or_not_it_is_shown(crm, henry, house):
    opened(henry, "hr")
    page = crm.get("/events", params={"limit": 1000}).json()
    assert page["events"] == []
    assert page["next"] == house.desk.store.head()


def test_types_choose_and_next_goes_beyond_what_they_leave_out(admin, alice, house):
    number = opened(alice)
    done(alice, number, "note", text="x")
    head = house.desk.store.head()
    page = admin.get("/events", params={"types": "ticket.opened.v1"}).json()
    assert [event["type"] for event in page["events"]] == ["ticket.opened.v1"]
    assert page["next"] == head
    refused(admin.get("/events", params={"types": "ticket.exploded.v1"}), 422, "not-valid")


def test_a_stream_brings_what_was_and_what_comes(crm, alice):
    opened(alice, title="before")
    blocks = followed(crm)
    until(blocks, "ticket.opened.v1")
    threading.Thread(target=opened, args=(alice,), kwargs={"title": "after"}).start()
    last = until(blocks, "ticket.opened.v1")[-1]
    assert "after" in last["data"]
    blocks.close()  # type: ignore[attr-defined]


def test_a_stream_is_resumed_after_the_last_id(crm, alice):
    opened(alice, title="alpha")
    first = until(blocks := followed(crm), "ticket.opened.v1")[-1]
    blocks.close()  # type: ignore[attr-defined]
    opened(alice, title="omega")
    resumed = followed(crm, headers={"Last-Event-ID": first["id"]})
    seen = until(resumed, "ticket.opened.v1")
    resumed.close()  # type: ignore[attr-defined]
    assert not any("alpha" in block.get("data", "") for block in seen)
    assert "omega" in seen[-1]["data"]


def test_a_stream_says_that_it_lives_and_tells_positions_it_does_not_show(build_house, house, henry):
    quick = build_house(heartbeat_seconds=0.05)
    head = house.desk.store.head()
    token = house.key("crm", "service")
    house.grant("crm", "service", "it")
    blocks = followed(quick.client(token))
    seen = []
    for block in blocks:
        seen.append(block)
        if "still here" in block.values():
            break
    blocks.close()  # type: ignore[attr-defined]
    assert any(int(block.get("id", 0)) >= head for block in seen)


def test_a_stream_ends_when_its_key_is_revoked(house, admin, alice):
    issued = admin.post("/setup/keys", json={"holder": "crm", "kind": "service"}).json()
    house.grant("crm", "service", "it")
    blocks = followed(house.client(issued["secret"]))
    opened(alice)
    until(blocks, "ticket.opened.v1")
    admin.delete(f"/setup/keys/{issued['key']}")
    opened(alice, title="too late")
    assert not any("too late" in block.get("data", "") for block in blocks)


def test_a_stream_ends_when_the_server_stops(house, crm, alice):
    opened(alice)
    blocks = followed(crm)
    until(blocks, "ticket.opened.v1")
    house.server.should_exit = True
    # What is on its way still comes; then the stream is over.
    assert len(list(blocks)) < 10


def test_a_kind_of_answer_nobody_offers_is_refused(admin):
    refused(admin.get("/events", headers={"Accept": "text/html"}), 406, "not-acceptable")
