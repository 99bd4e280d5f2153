"""The configuration: read by whoever works with it, changed by those who may change it everywhere.

A definition is put whole, and each change is events; putting what is there already changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi, parameters
from api.edge import Edge, edge_of
from api.gate import permitted
from api.problems import KeyIssuedAlready, NotValid
from api.setup_shapes import Configured, KeyIssued, KeyList, SetupShown, definitions, keys_shown, setup_shown
from domain.access import api_keys as keys
from domain.access.principal import Principal
from domain.desk.configuring import plan
from domain.desk.document import (
    HANDLE,
    AgentPart,
    CalendarPart,
    DepartmentPart,
    DeskDocument,
    GroupPart,
    PolicyPart,
    RequestTypePart,
)
from domain.envelope import Act
from domain.errors import KeyNotFound, KeyUsedDifferently, NotAllowed, NotKnown, SetupConflict
from domain.moments import Moment
from domain.setup.events import EVERYWHERE, ApiKeyIssued, ApiKeyRevoked, Role, SetupEvent
from domain.setup.state import Setup

router = APIRouter(tags=["setup"])
Reader = Annotated[Principal, permitted("setup.read", personal=False)]
Writer = Annotated[Principal, permitted("setup.write", personal=False)]
HOLDER = r"^[A-Za-z0-9][A-Za-z0-9._|:-]{0,199}$"
_HANDLE = Annotated[str, Path(pattern=HANDLE, description="The definition's handle.", examples=["it"])]
_GRANTEE = Annotated[str, Path(pattern=HOLDER, description="Agent, service or token's subject.", examples=["alice"])]
_KIND = Literal["departments", "groups", "agents", "calendars", "policies", "request-types"]


class NewKey(BaseModel):
    """For whom a key is to be issued, and until when it opens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str = Field(pattern=HOLDER, description="Agent, service or requester, by handle.", examples=["alice"])
    kind: Literal["requester", "agent", "service"] = "agent"
    expires_at: Moment | None = Field(default=None, description="Else it opens for 365 days.")


class Grants(BaseModel):
    """All roles of one grantee, each with its departments; "*" is every department."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[Role, tuple[str, ...]] = Field(examples=[{"agent": ["it"]}])


PARTS: dict[str, type[BaseModel]] = {
    "departments": DepartmentPart,
    "groups": GroupPart,
    "agents": AgentPart,
    "calendars": CalendarPart,
    "policies": PolicyPart,
    "request-types": RequestTypePart,
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "departments": {"name": "Information technology", "reopen_days": 14},
    "groups": {"name": "First line", "department": "it"},
    "agents": {"name": "Alice Ames", "groups": []},
    "calendars": {"zone": "Europe/Berlin", "openings": {"monday-friday": ["09:00-17:00"]}},
    "policies": {"calendar": "office", "when": {"priority": 1}, "targets": {"resolution": {"minutes": 240}}},
    "request-types": {"name": "New laptop", "department": "it"},
}
BODIES: tuple[type[BaseModel], ...] = (NewKey, Grants, *PARTS.values())


@router.get(
    "/setup",
    operation_id="get-setup",
    response_model=None,
    openapi_extra=openapi.answer(SetupShown, "The whole configuration in force."),
)
async def get_setup(request: Request, caller: Reader) -> Response:
    """The whole configuration in force, as of a moment ago."""
    return answers.json(setup_shown(await edge_of(request).callers.setup()))


@router.get("/setup/keys", operation_id="get-keys", response_model=None, openapi_extra=openapi.answer(KeyList, "Keys."))
async def get_keys(request: Request, caller: Writer) -> Response:
    """The API keys that have not been revoked; what opens is not among it."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)
    return answers.json(keys_shown(await edge.callers.setup()))


@router.get("/setup/grants", operation_id="get-grants", response_model=None)
async def get_grants(request: Request, caller: Writer) -> Response:
    """Who has which role in which departments, by grantee."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)
    setup = await edge.callers.setup()
    return answers.json(
        {grantee: {one.role: one.departments for one in granted} for grantee, granted in sorted(setup.grants.items())}
    )


@router.get("/setup/{kind}", operation_id="get-definitions", response_model=None)
async def get_definitions(request: Request, kind: _KIND, caller: Reader) -> Response:
    """The definitions of one kind, by handle."""
    return answers.json(definitions(await edge_of(request).callers.setup(), kind))


@router.get("/setup/{kind}/{handle}", operation_id="get-definition", response_model=None)
async def get_definition(request: Request, kind: _KIND, handle: _HANDLE, caller: Reader) -> Response:
    """One definition."""
    found = definitions(await edge_of(request).callers.setup(), kind).get(handle)
    if found is None:
        raise NotKnown("There is no such definition.")
    return answers.json(found)


def _putter(kind: str, part: type[BaseModel]) -> Callable[..., Any]:
    async def put(request: Request, handle: _HANDLE, caller: Writer) -> Response:
        edge = edge_of(request)
        must_write_everywhere(edge, caller)
        wanted = bodies.parse(part, await bodies.read(request, edge.settings), strict=False)
        document = DeskDocument.model_construct(None, **{kind.replace("-", "_"): {handle: wanted}})
        return await configured(edge, caller, document)

    return put


for _kind, _part in PARTS.items():
    router.add_api_route(
        f"/setup/{_kind}/{{handle}}",
        _putter(_kind, _part),
        methods=["PUT"],
        operation_id=f"put-{_kind.removesuffix('s').removesuffix('ie') + ('y' if _kind == 'policies' else '')}",
        summary=f"Define one of the {_kind.replace('-', ' ')}",
        description=(_part.__doc__ or "").strip(),
        response_model=None,
        openapi_extra={
            "requestBody": openapi.body(_part.__name__, _EXAMPLES[_kind]),
            **openapi.answer(Configured, "Recorded, or so already."),
        },
    )


@router.put(
    "/setup/grants/{grantee}",
    operation_id="put-grants",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Grants", {"roles": {"agent": ["it"]}}),
        **openapi.answer(Configured, "Recorded, or so already."),
    },
)
async def put_grants(request: Request, grantee: _GRANTEE, caller: Writer) -> Response:
    """Grant somebody these roles, and no others."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)
    wanted = bodies.parse(Grants, await bodies.read(request, edge.settings))
    return await configured(edge, caller, DeskDocument.model_construct(grants={grantee: wanted.roles}))


@router.post(
    "/setup/keys",
    operation_id="issue-key",
    status_code=201,
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("NewKey", {"holder": "alice", "kind": "agent"}),
        "parameters": [openapi.header("Idempotency-Key")],
        **openapi.answer(KeyIssued, "Issued; the secret is shown this once.", 201),
    },
)
async def issue_key(request: Request, caller: Writer) -> Response:
    """Issue an API key. With an `Idempotency-Key` a repetition is refused, since the secret is shown only once."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)
    given = parameters.idempotency_key(request)
    wanted = bodies.parse(NewKey, await bodies.read(request, edge.settings))
    if wanted.expires_at is not None and wanted.expires_at <= edge.desk.now():
        raise NotValid(faults=[{"field": "body/expires_at", "rule": "must lie ahead"}])
    sender = (caller.actor.kind, caller.actor.id)
    key = edge.desk.keys.blind("api key", *sender, given).hex()[:16] if given else keys.new_id()
    token = keys.new_key(key)
    issued = ApiKeyIssued(
        key=key,
        digest=keys.digest(token),
        holder=wanted.holder,
        kind=wanted.kind,
        expires_at=wanted.expires_at or edge.desk.now() + timedelta(days=365),
    )

    def once(setup: Setup) -> Sequence[SetupEvent]:
        known = setup.keys.get(key)
        if known is not None and (known.holder, known.kind) != (wanted.holder, wanted.kind):
            raise KeyUsedDifferently()
        if known is not None:
            raise KeyIssuedAlready(key=key)
        return [issued]

    position = await edge.read(lambda: edge.desk.configure(once, act_of(caller)))
    answer = KeyIssued(
        key=key,
        holder=issued.holder,
        kind=issued.kind,
        expires_at=issued.expires_at,
        secret=token,
        position=position,
    )
    return answers.json(answer, 201, {"Acta-Position": str(position)})


@router.delete(
    "/setup/keys/{key}",
    operation_id="revoke-key",
    response_model=None,
    openapi_extra=openapi.answer(Configured, "Revoked; within a second it opens nothing any more."),
)
async def revoke_key(
    request: Request,
    key: Annotated[str, Path(max_length=64, description="The key's id.", examples=["0123456789abcdef"])],
    caller: Writer,
) -> Response:
    """Revoke an API key."""
    edge = edge_of(request)
    must_write_everywhere(edge, caller)

    def revoke(setup: Setup) -> Sequence[SetupEvent]:
        if key not in setup.keys:
            raise KeyNotFound()
        return [ApiKeyRevoked(key=key)]

    position = await edge.read(lambda: edge.desk.configure(revoke, act_of(caller)))
    return await recorded(edge, position)


def must_write_everywhere(edge: Edge, principal: Principal) -> None:
    """Refuse one who may configure some departments only: a grant or key could reach beyond them."""
    must_be_allowed_everywhere(edge, principal, "setup.write")


def must_be_allowed_everywhere(edge: Edge, principal: Principal, permission: str) -> None:
    """Refuse one who has a permission in some departments only for what reaches beyond them; that is recorded."""
    if not principal.may(permission, EVERYWHERE):
        refused = NotAllowed("This takes the permission in every department.", permission=permission)
        edge.refusals.of(principal, refused, permission)
        raise refused


def act_of(principal: Principal) -> Act:
    """Who configures."""
    return Act(actor=principal.actor, channel="http")


async def configured(edge: Edge, principal: Principal, document: DeskDocument) -> Response:
    """Record what must change for the document to hold."""

    def record() -> int:
        wanted = plan(document, edge.desk.contacts())

        def decide(setup: Setup) -> Sequence[SetupEvent]:
            try:
                return wanted(setup)
            except ValueError as fault:
                raise SetupConflict(f"It does not hold together: {fault}") from None

        return edge.desk.configure(decide, act_of(principal))

    return await recorded(edge, await edge.read(record))


async def recorded(edge: Edge, position: int) -> Response:
    """The answer to a change of the configuration, or to what was so already."""
    setup = await edge.read(edge.desk.setup)
    answer = Configured(version=setup.version, position=position or setup.position, changed=position > 0)
    return answers.json(answer, headers={"Acta-Position": str(answer.position)})
