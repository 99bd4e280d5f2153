"""The topics of the departments' doors, described: made of the bodies of requests and of the structs of outcomes.

What a department is told of an event has a schema for each kind of event, in force when `event` names it: a kind that
is told one day beside the others breaks nothing that anybody was told before.
"""

from collections.abc import Iterable
from typing import Any, get_type_hints

import msgspec
from pydantic.json_schema import models_json_schema

from consumers import telling as t
from consumers.asyncapi import Channel, Json
from consumers.doors import REQUESTS, Doors
from consumers.kafka.unpacking import MOST_MESSAGES, MOST_UNPACKED
from consumers.outcomes import DEAD_LETTER, Pointer
from domain.envelope import Event, personal_fields
from domain.request.asking import KINDS
from domain.request.message import MOST_BYTES, MOST_HEADER_BYTES, MOST_HEADERS

_SCHEMAS = "#/components/schemas/"
_HANDLE: Json = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]*$"}
_REFERENCE: Json = {**_HANDLE, "description": "The sender's own name for the matter; it orders its requests."}
_TRACE: Json = {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}
_REQUESTS = f"""Requests of the department's software, as CloudEvents 1.0 in binary or structured mode.

The key is the sender's own reference: requests of one key are decided in order, and one that names no ticket is about
the one opened under it. `source` and `id` make a request the same request when it comes again, for ever. Handles
(source, id, reference) are printable ASCII. The topic decides the department.

Described here is binary mode. In structured mode the header `content-type` is `application/cloudevents+json`, and the
value a CloudEvent in JSON with this payload as its `data`; the reference is the key, or without one the attribute
`partitionkey`. A request that was refused is refused again under its id: what is corrected takes another one.

A value has at most {MOST_BYTES:,} bytes; there are at most {MOST_HEADERS} headers, of {MOST_HEADER_BYTES:,} bytes in
all. What has more is a dead letter, and what has much more the broker refuses to take: see the topic's
`max.message.bytes`, which counts what is sent, compressed or not. A batch unpacks to at most {MOST_UNPACKED:,} bytes in
{MOST_MESSAGES:,} messages; one that has more is a dead letter, all of it together.

A file is enclosed in a request of kind `attach` as far as it fits, or uploaded before with `POST /uploads?department=…`
and named.
"""
_OUTCOMES = """What was decided of each request, exactly once for who reads committed messages; and what happens to its
ticket later, as far as the department may see it. Never text: ids and numbers, or a problem. Batches are compressed
with LZ4.
"""


def doors_of(doors: Doors, problem: type[msgspec.Struct]) -> list[Channel]:
    """The topics of these doors. ``problem`` is the shape of the refusals that are told."""
    _, bodies = models_json_schema([(kind, "validation") for kind in KINDS.values()], ref_template=_SCHEMAS + "{model}")
    return [
        Channel(
            name="requests",
            address=f"{doors.prefix}.requests.{{department}}",
            text=_REQUESTS,
            most_bytes=int(REQUESTS["max.message.bytes"]),
            action="receive",
            messages={
                kind.removeprefix("acta."): _message(kind, body.__name__, body.__doc__, _request_headers(kind))
                for kind, body in KINDS.items()
            },
            schemas=bodies["$defs"],
            departments=doors.departments,
        ),
        Channel(
            name="outcomes",
            address=f"{doors.prefix}.outcomes.{{department}}",
            text=_OUTCOMES,
            action="send",
            messages={
                kind.removeprefix("acta."): _message(kind, struct.__name__, struct.__doc__, _headers(kind))
                for kind, struct in ((t.ACCEPTED, t.Accepted), (t.REFUSED, t.Declined), (t.HAPPENED, t.Happened))
            },
            schemas=_outcomes(problem),
            departments=doors.departments,
        ),
        Channel(
            name="dead-letters",
            address=doors.dead_letters,
            text="What came through a door and could not be taken: where it came in and why, never what it holds.",
            action="send",
            messages={"dead-letter.v1": _message(DEAD_LETTER, "Pointer", Pointer.__doc__, _headers(DEAD_LETTER))},
        ),
    ]


def _outcomes(problem: type[msgspec.Struct]) -> Json:
    """The bodies of what comes out: a refusal with its problem, an event with what is told of one of its kind."""
    told = {kind.TYPE: _told_of(kind, fields) for kind, fields in t.FACTS.items()}
    bodies: Json
    _, bodies = msgspec.json.schema_components(
        [t.Accepted, t.Declined, t.Happened, Pointer, problem, *told.values()], ref_template=_SCHEMAS + "{name}"
    )
    bodies["Declined"]["properties"]["problem"] = {"$ref": _SCHEMAS + problem.__name__}
    bodies["Happened"]["properties"]["event"]["examples"] = sorted(told)
    bodies["Happened"]["allOf"] = [
        {
            "if": {"properties": {"event": {"const": event}}},
            "then": {"properties": {"told": {"$ref": _SCHEMAS + shape.__name__}}},
        }
        for event, shape in told.items()
    ]
    return bodies


def _told_of(kind: type[Event], fields: Iterable[str]) -> type[msgspec.Struct]:
    """The shape of what is told of such an event: these of its fields, all of which are always there."""
    types, text = get_type_hints(kind, include_extras=True), personal_fields(kind)
    return msgspec.defstruct(
        f"Told{kind.__name__}",
        [(name, types[name]) for name in fields if name not in text],
        kw_only=True,
        namespace={"__doc__": kind.__doc__},
    )


def _message(kind: str, schema: str, text: str | None, headers: Json) -> Json:
    return {
        "name": kind,
        "title": schema,
        "summary": (text or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": headers,
        "payload": {"$ref": _SCHEMAS + schema},
        "bindings": {"kafka": {"key": _REFERENCE, "bindingVersion": "0.5.0"}},
    }


def _request_headers(kind: str) -> Json:
    properties: dict[str, Any] = {
        "ce_specversion": {"const": "1.0"},
        "ce_type": {"const": kind},
        "ce_source": _HANDLE,
        "ce_id": _HANDLE,
        "traceparent": _TRACE,
    }
    return {"type": "object", "properties": properties, "required": list(properties)[:4]}


def _headers(kind: str) -> Json:
    text: Json = {"type": "string"}
    properties: dict[str, Any] = {
        "ce_specversion": {"const": "1.0"},
        "content-type": {"const": "application/json"},
        "ce_type": {"const": kind},
        "ce_source": {**text, "description": "The desk."},
        "ce_id": {**text, "description": "`<stream>/<version>` of the event behind it."},
        "ce_time": {**text, "format": "date-time"},
        "ce_subject": {**text, "format": "uuid", "description": "The ticket, or the dead letter."},
        "traceparent": {**_TRACE, "description": "That of the request."},
    }
    return {"type": "object", "properties": properties, "required": list(properties)[:6]}
