"""The topics of the departments' doors, described: made of the bodies of requests and of the structs of outcomes."""

from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from consumers import telling as t
from consumers.asyncapi import Channel, Json
from consumers.doors import Doors
from consumers.outcomes import DEAD_LETTER, Pointer
from domain.request.asking import KINDS

_SCHEMAS = "#/components/schemas/"
_HANDLE: Json = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]*$"}
_REFERENCE: Json = {**_HANDLE, "description": "The sender's own name for the matter; it orders its requests."}
_TRACE: Json = {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}
_REQUESTS = """Requests of the department's software, as CloudEvents 1.0 in binary or structured mode.

The key is the sender's own reference: requests of one key are decided in order, and one that names no ticket is about
the one opened under it. `source` and `id` make a request the same request when it comes again, for ever. Handles
(source, id, reference) are printable ASCII. The topic decides the department.
"""
_OUTCOMES = """What was decided of each request, exactly once for who reads committed messages; and what happens to its
ticket later, as far as the department may see it. Never text: ids and numbers, or a problem.
"""


def doors_of(doors: Doors) -> list[Channel]:
    """The topics of these doors; none, if there are none."""
    if not doors.departments:
        return []
    _, bodies = models_json_schema([(kind, "validation") for kind in KINDS.values()], ref_template=_SCHEMAS + "{model}")
    told = (t.Accepted, t.Declined, t.Happened, Pointer)
    _, made = msgspec.json.schema_components(told, ref_template=_SCHEMAS + "{name}")
    return [
        Channel(
            name="requests",
            address=f"{doors.prefix}.requests.{{department}}",
            text=_REQUESTS,
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
            schemas=made,
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
