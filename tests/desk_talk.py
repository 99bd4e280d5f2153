"""What the tests of the HTTP edge say often."""

from typing import Any

import httpx

from domain.access.events import AccessRead
from domain.envelope import Event


def opened(client: httpx.Client, department: str = "it", title: str = "VPN down", **fields: Any) -> str:
    """The number of a fresh ticket."""
    answer = client.post("/tickets", json={"department": department, "title": title, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


def done(client: httpx.Client, number: str, verb: str, **fields: Any) -> dict[str, Any]:
    """The receipt of a command that must succeed."""
    answer = client.post(f"/tickets/{number}/{verb}", json=fields)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, which must be this one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, answer.text
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["advice"]
    return problem


def looks(house: Any, after: int = 0, kind: type[Event] = AccessRead) -> list[Any]:
    """What has been recorded after a position of who looked."""
    house.settle()
    return [event for page in house.desk.pages(after, 1000) for event in page if isinstance(event, kind)]
