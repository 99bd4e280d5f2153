"""A message as the Standard Webhooks specification has it (standardwebhooks.com, version 1.0.0): headers and signature.

What is signed are the bytes that are sent, with the id, which stays the same however often it is sent, and the time of
the attempt. Each key in force signs, so that a receiver can change over from one to the next.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hmac import digest

import msgspec

from consumers.telling import Message

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
Headers = list[tuple[str, str]]


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """One signature, HMAC-SHA256 in base64 after its version."""
    return "v1," + b64encode(digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")).decode()


def headers_of(id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> Headers:
    """The headers of an attempt to deliver a body."""
    timestamp = int(at.timestamp())
    return [
        ("Content-Type", CONTENT_TYPE),
        ("webhook-id", id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signature(key, id, timestamp, body) for key in keys)),
    ]


def body_of(message: Message, source: str) -> bytes:
    """A message as a CloudEvent in JSON; ``source`` is the desk."""
    event = {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.type,
        "time": message.time,
        "datacontenttype": "application/json",
    }
    for name, value in (
        ("subject", message.subject),
        ("partitionkey", message.reference),
        ("traceparent", message.traceparent),
    ):
        if value:
            event[name] = value
    return msgspec.json.encode(event | {"data": message.body})
