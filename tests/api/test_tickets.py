"""Tickets over HTTP: commands, receipts, states of now and then, history and differences."""

import httpx


def opened(client: httpx.Client, **fields: object) -> str:
    """The number of a fresh ticket of IT."""
    answer = client.post("/tickets", json={"department": "it", "title": "VPN down", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


def test_an_opened_ticket_is_answered_with_its_receipt_and_address(rita):
    answer = rita.post("/tickets", json={"department": "it", "title": "VPN down"})
    receipt = answer.json()
    assert answer.status_code == 201
    assert receipt["events"] == ["ticket.opened.v1"]
    assert answer.headers["location"] == f"/tickets/{receipt['number']}"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["acta-position"] == str(receipt["position"])


def test_every_ref_of_a_ticket_finds_it(alice):
    number = opened(alice)
    stream = alice.get(f"/tickets/{number}").json()["ticket"]
    assert alice.get(f"/tickets/%23{number}").json()["ticket"] == stream
    assert alice.get(f"/tickets/{stream}").json()["number"] == int(number)
