"""What webhooks send is what the OpenAPI document says: every kind of message, as it is really sent."""

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from consuming import until
from deploy.wiring import sent_by_webhooks
from desks import ACT, give
from domain.desk import webhooks as w
from receivers import Receiver
from webhook_talk import Line

SENT: dict[str, Any] = json.loads(msgspec.json.encode(sent_by_webhooks()))


def valid(kind: str, event: Any) -> bool:
    """Whether an event is as the document says of its kind."""
    content = SENT["webhooks"][kind]["post"]["requestBody"]["content"]
    schema = content["application/cloudevents+json"]["schema"] | {"components": {"schemas": SENT["schemas"]}}
    return bool(Draft202012Validator(schema).is_valid(event))


@pytest.mark.parametrize("name", SENT["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SENT["schemas"][name])


def test_whatever_is_sent_is_as_the_document_says(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    line.send("open", "HR-1", title="Once more")
    give(line.desk, "assign", "1", assignee="alice")
    give(line.desk, "hold", "1", reason="requester")
    give(line.desk, "transfer", "1", department="hr", reason="It is about a contract")
    w.ping(line.desk, ACT, webhook.webhook.webhook)
    with line.delivering() as run:
        until(lambda: len(receiver.taken) == 6, run)
    kinds = set()
    for came in receiver.taken:
        kind = came.event["type"].removeprefix("acta.")
        kinds.add(kind)
        assert valid(kind, came.event), came.event
        assert not valid(kind, came.event | {"type": "acta.other.v1"})
        assert not valid(kind, came.event | {"data": {}})
    assert kinds == set(SENT["webhooks"])
