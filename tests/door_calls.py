"""What a department's software does over HTTP: it hands in requests again and again until it is told what came of them.

A connection that breaks, and an answer that says "not now", leave open whether a request was carried out; it goes in
again under the id that it has.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from threading import Event as Flag
from typing import Any

import httpx

from door_talk import SOURCE, UNREADABLE
from traffic import BATCH, NOISE, Asked

_PAUSE_S = 0.05
_AT_ONCE = 500
_NOT_NOW = 503


class Caller:
    """The software of one department; ``told`` are the answers to each id: a ticket's number, or a problem's code."""

    def __init__(self, url: str, key: str, department: str) -> None:
        self.told: dict[str, set[int | str]] = defaultdict(set)
        self.broken = 0
        """How often a connection broke over a request."""
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, params={"department": department}, timeout=120
        )
        self._pause = Flag()

    def send(self, asked: Sequence[Asked]) -> None:
        """Send all of it; return when each has its answer."""
        left = list(asked)
        while left:
            answers = self._batch(left[:_AT_ONCE]) if left[0].way == BATCH else self._single(left[0])
            said = {n: answer for n, answer in enumerate(answers) if answer.get("status") != _NOT_NOW}
            for n, answer in said.items():
                self.told[left[n].id].add(answer["number"] if "number" in answer else answer["code"])
            left = [one for n, one in enumerate(left) if n not in said]
            if not said:
                self._pause.wait(_PAUSE_S)

    def close(self) -> None:
        self._client.close()

    def _single(self, one: Asked) -> list[Any]:
        """The answer to a request, if one came."""
        try:
            return [self._client.post("/requests", content=event(one), headers=_are("application/json")).json()]
        except httpx.TransportError as fault:
            self._broke(fault)
            return []

    def _batch(self, asked: Sequence[Asked]) -> list[Any]:
        """The answers to the first of these requests, as many as came."""
        answers: list[Any] = []
        try:
            for line in self._lines(b"\n".join(map(event, asked))):
                answer = json.loads(line)
                answers.append(answer["receipt"] if "receipt" in answer else answer["problem"])
        except httpx.TransportError as fault:
            self._broke(fault)
        return answers

    def _broke(self, fault: httpx.TransportError) -> None:
        self.broken += not isinstance(fault, httpx.ConnectError)

    def _lines(self, body: bytes) -> Iterator[str]:
        with self._client.stream(
            "POST", "/requests/batch", content=body, headers=_are("application/x-ndjson")
        ) as answer:
            if answer.status_code == 200:
                yield from answer.iter_lines()
            else:
                answer.read()
                assert answer.status_code == _NOT_NOW, answer.text


def event(one: Asked) -> bytes:
    """A request as a CloudEvent in one line."""
    if one.kind == NOISE:
        return UNREADABLE
    whole = {
        "specversion": "1.0",
        "type": f"acta.request.{one.kind}.v1",
        "source": SOURCE,
        "id": one.id,
        "partitionkey": one.reference,
        "data": one.body,
    }
    return json.dumps(whole).encode()


def _are(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}
