"""The OpenAPI document, complete enough for generators: made of the routes, the commands and the answers' shapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import shapes
from api.examples import COMMAND_EXAMPLES, RECEIPT
from api.gate import Commanding, Permitted, Public, guard_of
from api.looks import BREAK_GLASS, BREAK_GLASS_HEADER
from api.problems import MEDIA_TYPE, kinds, meaning_of, told
from domain.desk import Receipt
from domain.ticket.commands import COMMANDS, Command
from domain.ticket.commands.opening import Open

_SCHEMAS = "#/components/schemas/"
_STATUSES = (400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 416, 422, 431, 500, 503)
_PUBLIC_STATUSES = (404, 405, 408, 422, 431, 500, 503)
_ABOUT = """A service desk whose database is its audit trail.

Every write answers with a receipt and with `Acta-Position`; give that to a read as `wait_for` and it shows at least
that. Every refusal is a problem (RFC 9457): `code` is stable, `advice` says what to do. What you may not see does
not exist for you. Repeat a POST with the same `Idempotency-Key` as often as you like: it is carried out once. To
whom personal data is shown is recorded before the answer leaves (`x-recorded`).
"""
_BREAK_GLASS = {
    "name": BREAK_GLASS_HEADER,
    "in": "header",
    "required": False,
    "description": "Why the caller must see a ticket that is none of their departments'; it is recorded, sealed."
    f" For those who have `{BREAK_GLASS}`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 500},
    "example": "The requester is in hospital and asked us to go on.",
}
_HEADERS = {
    "If-Match": ("The version that the ticket must still have, in double quotes; else 412.", '"3"'),
    "Idempotency-Key": ("Makes a repetition of this request the same request, for ever.", "7f9c2ba4"),
    "Acta-On-Behalf-Of": ("For whom the caller acts; recorded beside who acted.", "alice"),
    "Acta-Correlation-Id": ("What this request belongs to; recorded with its events.", "deploy-4711"),
}


def ref(name: str) -> dict[str, str]:
    """A reference to a schema."""
    return {"$ref": _SCHEMAS + name}


def answer(kind: type[msgspec.Struct], text: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """What a route answers, for ``openapi_extra``."""
    return {
        "responses": {
            str(status): {"description": text, "content": {"application/json": {"schema": ref(kind.__name__)}}, **more}
        }
    }


def header(name: str) -> dict[str, Any]:
    """A request header that a route understands."""
    text, example = _HEADERS[name]
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"},
        "example": example,
    }


def body(schema: str, example: Any) -> dict[str, Any]:
    """A JSON body, for ``openapi_extra``. One media type: of two, generators make code that does not run."""
    return {"required": True, "content": {"application/json": {"schema": ref(schema), "example": example}}}


def command(kind: type[Command]) -> dict[str, Any]:
    """Body, headers and answer of a command's route."""
    opens = kind is Open
    status = 201 if opens else 200
    headers = {
        "ETag": {"description": "The ticket's new version.", "schema": {"type": "string"}},
        "Acta-Position": {"description": "What to wait for in views.", "schema": {"type": "string"}},
    }
    if opens:
        headers["Location"] = {"description": "The ticket's address.", "schema": {"type": "string"}}
    names = [name for name in _HEADERS if not (opens and name == "If-Match")]
    receipt = answer(Receipt, "Carried out and recorded.", status, headers=headers)
    receipt["responses"][str(status)]["content"]["application/json"]["example"] = RECEIPT
    return {
        "requestBody": body(_name_of(kind), COMMAND_EXAMPLES[kind.VERB]),
        "parameters": [*([] if opens else [_REF]), *(header(name) for name in names)],
        **receipt,
    }


_REF = {
    "name": "ref",
    "in": "path",
    "required": True,
    "description": "The ticket's number, with or without #, or its UUID.",
    "schema": {"type": "string", "maxLength": 64},
    "example": "1",
}


def _name_of(kind: type[Command]) -> str:
    return f"{kind.__name__}Command"


def document(
    app: FastAPI,
    also: Sequence[type[BaseModel]],
    answered: Sequence[type[msgspec.Struct]],
    sent: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole document; ``also`` are bodies beside the commands, ``answered`` the shapes of answers.

    ``sent`` are what is posted to others: `webhooks`, and the `schemas` that they refer to.
    """
    made = get_openapi(
        title="Acta",
        version="1",
        description=_ABOUT,
        routes=app.routes,
        openapi_version="3.1.0",
        tags=_TAGS,
        servers=[{"url": "/", "description": "The desk that serves this document."}],
    )
    components = made.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **_body_schemas(also), **_answer_schemas(answered)}
    made["webhooks"] = sent["webhooks"]
    components["schemas"] = {**sent["schemas"], **components["schemas"]}
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for name, schema in components["schemas"].items():
        # Code generators name classes by title, and a command may be called like a thing.
        schema["title"] = name
    components["responses"] = {f"Problem{status}": _problem(status) for status in _STATUSES}
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "acta_<id>_<secret>"},
        "oidc": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(made["paths"][route.path_format][method.lower()], route)
    return made


_TAGS = [
    {"name": "commands", "description": "What can be done to a ticket: one address for each verb."},
    {"name": "tickets", "description": "A ticket now and then, its history, and what changed."},
    {"name": "doors", "description": "Requests of departments' software, what cannot be taken, and webhooks."},
    {"name": "uploads", "description": "Files on their way in, until a ticket takes them."},
    {"name": "queues", "description": "Lists and counts, as of now or of a past moment."},
    {"name": "sla", "description": "Clocks and who is at risk."},
    {"name": "exports", "description": "The log for process mining."},
    {"name": "reports", "description": "Figures."},
    {"name": "audit", "description": "Who did what, when and why."},
    {"name": "events", "description": "The gap-free feed of changes."},
    {"name": "record", "description": "The transparency log: what proves that history was not changed."},
    {"name": "persons", "description": "What is held of a person, for them."},
    {"name": "setup", "description": "What the desk is configured to be."},
    {"name": "running", "description": "Whether it runs, and how."},
]


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add to an operation what every one has: problems, security, the permission it takes."""
    guard = guard_of(route)
    responses = operation["responses"]
    statuses = _PUBLIC_STATUSES if isinstance(guard, Public) else _STATUSES
    for response in responses.values():
        # The framework adds it to whatever a route says that it answers.
        if len(response.get("content", ())) > 1 and response["content"].get("application/json") == {"schema": {}}:
            del response["content"]["application/json"]
    for status in statuses:
        if str(status) not in responses or status == 422:
            responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    if isinstance(guard, Public):
        operation["security"] = []
    else:
        operation["security"] = [{"apiKey": []}, {"oidc": []}]
    if isinstance(guard, Permitted):
        operation["x-permission"] = list(guard.permissions)
        operation["x-recorded"] = guard.personal
        if guard.personal and route.path.startswith("/tickets/{ref}"):
            operation["parameters"].append(_BREAK_GLASS)
        if guard.personal:
            on_behalf_of = [header("Acta-On-Behalf-Of"), header("Acta-Correlation-Id")]
            operation["parameters"] = [*operation.get("parameters", ()), *on_behalf_of]
    elif isinstance(guard, Commanding):
        operation["x-permission"] = [name for name in (guard.permission, guard.own) if name]


def _problem(status: int) -> dict[str, Any]:
    refusals = sorted((kind for kind in kinds() if meaning_of(kind).status == status), key=lambda kind: kind.code)
    named = ", ".join(f"`{kind.code}`" for kind in refusals)
    example = told(refusals[0]())
    return {
        "description": f"Refused: {named}.",
        "content": {MEDIA_TYPE: {"schema": ref("Problem"), "example": example}},
    }


def _body_schemas(also: Sequence[type[BaseModel]]) -> dict[str, Any]:
    wanted = [(kind, "validation") for kind in (*COMMANDS.values(), *also)]
    _, made = models_json_schema(wanted, ref_template=_SCHEMAS + "{model}")  # type: ignore[arg-type]
    schemas: dict[str, Any] = made["$defs"]
    named = {kind.__name__: _name_of(kind) for kind in COMMANDS.values()}
    for kind in COMMANDS.values():
        for name, field in kind.model_fields.items():
            if field.exclude:
                schemas[kind.__name__]["properties"].pop(name)
    return {named.get(name, name): schema for name, schema in schemas.items()}


def _answer_schemas(answered: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([*shapes.ANSWERS, *answered], ref_template=_SCHEMAS + "{name}")
    _spell_out(components)
    return dict(components)


def _spell_out(schema: Any) -> None:
    """Leave away that a tuple has no more items, which ``maxItems`` says as well: generators know no schema `false`."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _spell_out(part)
    if isinstance(schema, dict) and schema.get("items") is False and "maxItems" in schema:
        del schema["items"]


def operations(document: dict[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation
