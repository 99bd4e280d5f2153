"""The topics, described as an AsyncAPI 3.0 document: generated from the classes of the events, so that it cannot lag.

Each topic is a ``Channel`` with its messages. The schema of an event is the schema of the bytes on the topic: fields
that hold personal data are in the seal, as ciphertext, and named by ``x-sealed``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from consumers.kafka.cloudevents import HEAD, PREFIX
from domain.envelope import Event, personal_fields
from domain.store.codec import stored_types

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_ABOUT = """Every event of a service desk whose database is its audit trail.

A message is an event as it is stored, in CloudEvents 1.0 binary mode. Its key is its stream, so that a stream is in
order within its partition; `ce_position` is its place in the whole log and only grows within a partition. A message may
come again under another offset: what is not above the highest position applied has been applied. Read committed
messages only, ignore fields and types you do not know, and expect the topic to be kept for ever.
"""
_KEPT_BESIDE = ("stream", "version", "position", "recorded_at", "withheld")
"""What an event carries in its columns and headers, or only in memory."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A topic: its name here, its address, what is done with it ("send": by the desk), its messages by name.

    ``schemas`` are what its messages refer to beside the events; ``departments`` those for ``{department}`` in the
    address, where they are known; ``most_bytes`` is how large a message may be for the broker, if that is bounded.
    """

    name: str
    address: str
    text: str
    action: str
    messages: Mapping[str, Json]
    schemas: Mapping[str, Json] = {}
    departments: Sequence[str] = ()
    most_bytes: int = 0


def document(channels: Iterable[Channel]) -> Json:
    """The AsyncAPI document of these topics."""
    channels = tuple(channels)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Acta", "version": "1", "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {
            channel.name: {
                "address": channel.address,
                "description": channel.text,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
                **_parameters(channel),
                "bindings": {"kafka": {"topic": channel.address, **_bounds(channel), "bindingVersion": "0.5.0"}},
            }
            for channel in channels
        },
        "operations": {
            f"{channel.action}-{channel.name}": {
                "action": channel.action,
                "channel": {"$ref": f"#/channels/{channel.name}"},
            }
            for channel in channels
        },
        "components": {
            "messages": {name: message for channel in channels for name, message in channel.messages.items()},
            "schemas": {
                **_schemas(),
                **{name: _draft_07(schema) for channel in channels for name, schema in channel.schemas.items()},
            },
        },
    }


def _bounds(channel: Channel) -> Json:
    return {"topicConfiguration": {"max.message.bytes": channel.most_bytes}} if channel.most_bytes else {}


def _parameters(channel: Channel) -> Json:
    if "{department}" not in channel.address:
        return {}
    known = {"enum": list(channel.departments)} if channel.departments else {}
    return {"parameters": {"department": {"description": "The department.", **known}}}


def schemas(described: Json) -> dict[str, Json]:
    """The body of each message of a document by the message's name there, as a JSON Schema that needs no other file."""
    parts = described["components"]["schemas"]
    return {
        name: {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": message["name"],
            "description": message["summary"],
            "allOf": [message["payload"]],
            "components": {"schemas": dict(sorted(_needed(message["payload"], parts).items()))},
        }
        for name, message in described["components"]["messages"].items()
    }


def _needed(schema: Json, parts: Json) -> Json:
    """What a schema refers to, and what that refers to."""
    needed: Json = {}
    ahead = list(references(schema))
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed[name] = parts[name]
            ahead += references(parts[name])
    return needed


def references(part: Any) -> Iterator[str]:
    """The names of the schemas to which a part of a document refers."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].removeprefix(_SCHEMAS)
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def events(topic: str) -> Channel:
    """The topic of the events."""
    messages = {name: _message(name, kind) for name, kind in sorted(stored_types().items())}
    return Channel(
        name="events",
        address=topic,
        text="Every event, in order within its stream; what was written under an earlier version of its type stays so.",
        action="send",
        messages={**messages, "head": _HEAD},
    )


def checkpoints(topic: str) -> Channel:
    """The topic of the transparency log's checkpoints."""
    return Channel(
        name="checkpoints",
        address=topic,
        text="Every checkpoint that the transparency log has signed, in order. One may come twice.",
        action="send",
        messages={"checkpoint": _CHECKPOINT},
    )


_CHECKPOINT: Json = {
    "name": "checkpoint",
    "title": "Checkpoint",
    "summary": "A signed note: origin, number of entries, root (c2sp.org/tlog-checkpoint). Keep it.",
    "contentType": "text/plain; charset=utf-8",
    "headers": {"type": "object", "properties": {"content-type": {"const": "text/plain; charset=utf-8"}}},
    "payload": {"type": "string"},
    "bindings": {"kafka": {"key": {"type": "string", "description": "The log's origin."}, "bindingVersion": "0.5.0"}},
}


def _message(name: str, kind: type[Event]) -> Json:
    sealed = personal_fields(kind)
    return {
        "name": f"{PREFIX}{name}",
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": _headers(f"{PREFIX}{name}"),
        "payload": {"$ref": _SCHEMAS + kind.__name__},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
        **({"x-sealed": list(sealed)} if sealed else {}),
    }


def _headers(type_name: str) -> Json:
    return {"allOf": [{"$ref": _SCHEMAS + "Headers"}, {"properties": {"ce_type": {"const": type_name}}}]}


_HEAD: Json = {
    "name": HEAD,
    "title": "Head",
    "summary": "The partition holds every event of its own up to this position. It has no key.",
    "contentType": "application/json",
    "headers": _headers(HEAD),
    "payload": {"type": "object", "maxProperties": 0},
}

_TIME: Json = {"type": "string", "format": "date-time"}
_NUMBER: Json = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_HEADERS: Json = {
    "title": "Headers",
    "description": "CloudEvents 1.0 attributes; each value is UTF-8 text.",
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "content-type": {"const": "application/json"},
        "ce_id": {"type": "string", "description": "`<stream>/<version>`; of a head with its partition behind."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "description": "The desk."},
        "ce_subject": {"type": "string", "format": "uuid", "description": "The stream."},
        "ce_time": {**_TIME, "description": "When it happened."},
        "ce_position": {**_NUMBER, "description": "Its place in the whole log, from 1."},
        "ce_streamversion": {**_NUMBER, "description": "Its place in its stream, from 1."},
        "ce_recordedat": {**_TIME, "description": "When it was recorded."},
    },
}
_HEADERS["required"] = list(_HEADERS["properties"])


def _schemas() -> Json:
    """The bodies of all events, and what they are made of."""
    _, made = msgspec.json.schema_components(stored_types().values(), ref_template=_SCHEMAS + "{name}")
    schemas: Json = _draft_07(made)
    for kind in stored_types().values():
        schemas[kind.__name__] = _stored(kind, schemas[kind.__name__])
    return {**schemas, "Headers": _HEADERS}


def _stored(kind: type[Event], schema: Json) -> Json:
    """The schema of an event's body, given that of the event: without columns, its personal fields in the seal."""
    sealed = personal_fields(kind)
    left_out = {*_KEPT_BESIDE, *sealed, *(() if sealed else ("seal",))}
    properties = {name: found for name, found in schema["properties"].items() if name not in left_out}
    properties["occurred_at"] = {**_TIME, "description": "When it happened, if not when it was recorded."}
    properties["effective_at"] = {**_TIME, "description": "The later of that and the event before, if it is later."}
    required = [name for name in schema.get("required", ()) if name not in left_out]
    if sealed:
        names = {"properties": {"fields": {"propertyNames": {"enum": list(sealed)}}}}
        properties["seal"] = {"allOf": [{"$ref": _SCHEMAS + "Seal"}, names]}
        # A field without a default stays behind, empty; any other is not there.
        blank: dict[bool, Json] = {True: {"const": ""}, False: {"not": {}}}
        properties |= {name: blank[name in schema.get("required", ())] for name in sealed}
    return {**schema, "properties": properties, "required": required}


def _draft_07(schema: Any) -> Any:
    """JSON Schema 2020-12 as draft 07 has it, which AsyncAPI builds upon: tuples are written otherwise."""
    if isinstance(schema, list):
        return [_draft_07(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {keyword: _draft_07(part) for keyword, part in schema.items()}
    if "prefixItems" in schema:
        rest = schema.pop("items", True)
        schema |= {"items": schema.pop("prefixItems"), "additionalItems": rest}
    return schema
