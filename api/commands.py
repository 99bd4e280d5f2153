"""One route per command: the command's class is the body, its verb the address, its docstring the description."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi, parameters
from api.edge import Edge, edge_of
from api.gate import Commanding, act_behind, caller
from api.problems import NotYet
from api.signing import proof
from domain.access.principal import Principal
from domain.desk import IdempotencyKey, Order, Receipt
from domain.errors import TicketMovedOn
from domain.ticket.commands import COMMANDS, Command
from domain.ticket.commands.opening import Open


class CommandRoute(APIRoute):
    """A route whose handler reads body and headers itself: FastAPI describes it, and stays out of the way."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        command: type[Command] = self.endpoint.command  # type: ignore[attr-defined]

        async def handle(request: Request) -> Response:
            return await give(command, request)

        return handle


def routes() -> list[APIRoute]:
    """``POST /tickets`` and ``POST /tickets/{ref}/<verb>`` for every command."""
    return [_route(verb, command) for verb, command in COMMANDS.items()]


def _route(verb: str, command: type[Command]) -> APIRoute:
    opens = command is Open

    async def endpoint() -> None:
        """Replaced by the handler of ``CommandRoute``."""

    endpoint.command = command  # type: ignore[attr-defined]
    text = (command.__doc__ or "").strip()
    return CommandRoute(
        "/tickets" if opens else f"/tickets/{{ref}}/{verb}",
        endpoint,
        methods=["POST"],
        operation_id=verb,
        name=verb,
        summary=verb.replace("-", " ").capitalize(),
        description=f"{text}\n\nNeeds `{command.PERMISSION}`" + (f" or `{command.OWN}`." if command.OWN else "."),
        tags=["commands"],
        status_code=201 if opens else 200,
        dependencies=[Depends(Commanding(command.PERMISSION, command.OWN))],
        openapi_extra=openapi.command(command),
    )


async def give(kind: type[Command], request: Request) -> Response:
    """Give the command that a request holds to the desk; the answer is its receipt."""
    principal = await caller(request)
    edge = edge_of(request)
    parameters.no_query(request)
    ref: str = request.path_params.get("ref", "")
    if_match = parameters.if_match(request)
    key = parameters.idempotency_key(request)
    act = act_behind(request, principal)
    command = bodies.parse(kind, await bodies.read(request, edge.settings))
    given = command.signature
    order = Order(
        command=command,
        principal=principal,
        ticket=ref,
        channel="http",
        if_match=if_match,
        on_behalf_of=act.on_behalf_of,
        correlation_id=act.correlation_id,
        proof=await proof(edge, principal, given) if given is not None else None,
    )
    try:
        receipt = await edge.carry_out(order, _keyed(edge, principal, order, key) if key else None)
    except TicketMovedOn as moved:
        if if_match is None:
            # Nobody named a version: others were too fast, and trying again is all there is to do.
            raise NotYet("Too many others are changing this ticket at the moment.") from None
        raise moved
    return answered(receipt, created=kind is Open)


def _keyed(edge: Edge, principal: Principal, order: Order, key: str) -> IdempotencyKey:
    """The request's identity; its digest covers all that decides what is done."""
    command = order.command
    content = (command.VERB, order.ticket.strip().removeprefix("#").lower(), command.model_dump_json())
    digest = edge.desk.keys.blind("http request", *content, str(order.if_match), order.on_behalf_of)
    sender = f"{principal.actor.kind}:{principal.actor.id}"
    return IdempotencyKey(principal=sender, source="http", key=key, digest=digest.hex())


def answered(receipt: Receipt, *, created: bool) -> Response:
    """A receipt as an answer."""
    headers = {"ETag": f'"{receipt.version}"', "Acta-Position": str(receipt.position)}
    if created:
        headers["Location"] = f"/tickets/{receipt.number}"
    return answers.json(receipt, 201 if created else 200, headers)
