"""What webhooks send, as the `webhooks` of an OpenAPI 3.1 document, by the schemas of the topics' messages."""

import msgspec

from consumers.asyncapi import Channel, Json
from consumers.webhooks.delivering import PING, Ping

_SCHEMAS = "#/components/schemas/"
_ENVELOPE = "CloudEventSent"
_TEXT: Json = {"type": "string"}
_EVENT: Json = {
    "description": "A CloudEvent 1.0 as a webhook sends it; its id is the same however often it is sent.",
    "type": "object",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**_TEXT, "description": "`<stream>/<version>` of the event behind it."},
        "source": {**_TEXT, "description": "The desk."},
        "type": _TEXT,
        "time": {**_TEXT, "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "subject": {**_TEXT, "format": "uuid", "description": "The ticket."},
        "partitionkey": {**_TEXT, "description": "The sender's own name for the matter; of one, they come in order."},
        "traceparent": {**_TEXT, "description": "That of the request."},
        "data": {"type": "object"},
    },
    "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
}
_HEADERS = {
    "webhook-id": "The CloudEvent's id: let pass what has come under it before.",
    "webhook-timestamp": "When it was sent, in seconds since 1970: let pass what is older than some minutes.",
    "webhook-signature": "Signatures by the secrets in force, parted by spaces: `v1,` and, in base64, the HMAC-SHA256"
    " of id, timestamp and body, joined by full stops (standardwebhooks.com). One must be right.",
}


def described(outcomes: Channel) -> Json:
    """The `webhooks` and the `schemas` they refer to, given the topic of a department's outcomes."""
    _, ping = msgspec.json.schema_components([Ping], ref_template=_SCHEMAS + "{name}")
    pinging = {"name": PING, "summary": Ping.__doc__, "payload": {"$ref": f"{_SCHEMAS}{Ping.__name__}"}}
    messages = {**outcomes.messages, PING.removeprefix("acta."): pinging}
    return {
        "webhooks": {name: {"post": _sent(name, message)} for name, message in messages.items()},
        "schemas": {**outcomes.schemas, **ping, _ENVELOPE: _EVENT},
    }


def _sent(name: str, message: Json) -> Json:
    own: Json = {"properties": {"type": {"const": message["name"]}, "data": message["payload"]}}
    return {
        "operationId": f"told-{name.replace('.', '-')}",
        "tags": ["doors"],
        "summary": message["summary"],
        "description": "Posted to the webhooks of the department until it is answered with 2xx.",
        "security": [],
        "parameters": [
            {"name": header, "in": "header", "required": True, "description": text, "schema": _TEXT}
            for header, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": {"allOf": [{"$ref": f"{_SCHEMAS}{_ENVELOPE}"}, own]}}
            },
        },
        "responses": {
            "2XX": {"description": "It is taken."},
            "410": {"description": "Nothing is to be sent any more: the webhook is paused."},
            "default": {"description": "It is sent again, later each time, for three days; `Retry-After` is heeded."},
        },
    }
