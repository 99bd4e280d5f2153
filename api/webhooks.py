"""Webhooks: where a department's software is told over HTTP what was decided of its requests and what happens later."""

from collections.abc import Callable, Collection
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api import answers, bodies, openapi, parameters
from api.edge import Edge, edge_of
from api.gate import permitted
from api.problems import NotValid
from api.setup import act_of
from api.webhook_shapes import (
    HOUR,
    DeliveryLog,
    NewWebhook,
    Replay,
    Rotation,
    WebhookIssued,
    WebhookList,
    WebhookPart,
    WebhookShown,
)
from domain.access.principal import Principal
from domain.desk import webhooks as w
from domain.desk.webhooks import MANAGE, Done, webhook_of
from domain.errors import DepartmentNotFound, TicketNotFound, WebhookNotFound
from domain.moments import Moment
from domain.setup.state import Webhook
from domain.store.deliveries import LoggedAttempt, Outcome, Standing
from projections.engine.cursors import cursor_at, number, place_of

router = APIRouter(tags=["doors"])
Keeper = Annotated[Principal, permitted(MANAGE, personal=False)]
Named = Annotated[str, Path(max_length=64, description="The webhook's id.", examples=["0123456789abcdef"])]
_PART: dict[str, Any] = {"url": "https://hr.example.org/acta", "tells": ["outcomes", "facts"]}


@router.post(
    "/webhooks",
    operation_id="register-webhook",
    status_code=201,
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("NewWebhook", {"department": "it", **_PART}),
        "parameters": [openapi.header("Idempotency-Key")],
        **openapi.answer(WebhookIssued, "Registered; the secret that signs what is sent is shown this once.", 201),
    },
)
async def register_webhook(request: Request, caller: Keeper) -> Response:
    """Register a webhook of a department. It is told what is recorded from then on; replay it for what was before."""
    edge = edge_of(request)
    given = parameters.idempotency_key(request)
    wanted = bodies.parse(NewWebhook, await bodies.read(request, edge.settings))
    if not caller.may(MANAGE, wanted.department):
        refused = DepartmentNotFound()
        edge.refusals.of(caller, refused, MANAGE)
        raise refused
    sender = f"{caller.actor.kind} {caller.actor.id} {given}" if given else ""
    hosts = edge.settings.webhook_plain_hosts

    def register() -> Done:
        return w.register(
            edge.desk, act_of(caller), wanted.department, wanted.wanted(), plain_hosts=hosts, request=sender
        )

    return await _issued(edge, register, 201)


@router.get(
    "/webhooks",
    operation_id="list-webhooks",
    response_model=None,
    openapi_extra=openapi.answer(WebhookList, "The webhooks of the caller's departments."),
)
async def list_webhooks(
    request: Request,
    caller: Keeper,
    department: Annotated[str, Query(max_length=64, description="Only of this one.", examples=["it"])] = "",
) -> Response:
    """The webhooks of the departments that the caller manages: where they send, and whether they do."""
    edge = edge_of(request)

    def ask() -> list[WebhookShown]:
        found = [
            one
            for one in sorted(edge.desk.setup().webhooks.values(), key=lambda one: (one.department, one.since))
            if caller.may(MANAGE, one.department) and department in ("", one.department)
        ]
        return _shown(edge, found)

    return answers.json(WebhookList(webhooks=await edge.read(ask)))


@router.get(
    "/webhooks/{webhook}",
    operation_id="get-webhook",
    response_model=None,
    openapi_extra=openapi.answer(WebhookShown, "The webhook."),
)
async def get_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """One webhook as it stands."""
    edge = edge_of(request)
    (shown,) = await edge.read(lambda: _shown(edge, [_found(edge, webhook, caller)]))
    return answers.json(shown)


@router.get(
    "/webhooks/{webhook}/deliveries",
    operation_id="get-webhook-deliveries",
    response_model=None,
    openapi_extra=openapi.answer(DeliveryLog, "The attempts, the newest first."),
)
async def get_webhook_deliveries(
    request: Request,
    webhook: Named,
    caller: Keeper,
    outcome: Annotated[Outcome | None, Query(description="Only what came to this.")] = None,
    message: Annotated[str, Query(max_length=64, description="Only of the message with this id.")] = "",
    ticket: Annotated[str, Query(max_length=64, description="Only of this ticket, by number or UUID.")] = "",
    since: Annotated[Moment | None, Query(description="Only what was sent at this time or later.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=500, description="`next` of the page before.")] = "",
) -> Response:
    """The delivery log of a webhook: each attempt, what its receiver answered, and when it is tried again."""
    edge = edge_of(request)
    before = number(place_of(cursor, tuple[int])[0]) if cursor else None

    def ask() -> list[LoggedAttempt]:
        known = _found(edge, webhook, caller)
        try:
            named = edge.desk.find(ticket) if ticket else None
        except TicketNotFound:
            return []
        return edge.desk.deliveries.log(
            known.webhook,
            before=before,
            limit=limit,
            outcome=outcome or "",
            message=message,
            ticket=named,
            since=since,
        )

    attempts = await edge.read(ask)
    more = len(attempts) == limit
    return answers.json(DeliveryLog(attempts=attempts, next=cursor_at((attempts[-1].entry,)) if more else None))


@router.put(
    "/webhooks/{webhook}",
    operation_id="change-webhook",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("WebhookPart", _PART),
        **openapi.answer(WebhookShown, "Changed, or so already; what waits is tried at a new address at once."),
    },
)
async def change_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Give a webhook another address, or let it tell something else."""
    edge = edge_of(request)
    wanted = bodies.parse(WebhookPart, await bodies.read(request, edge.settings)).wanted()
    hosts = edge.settings.webhook_plain_hosts
    return await _done(
        edge, webhook, caller, lambda: w.change(edge.desk, act_of(caller), webhook, wanted, plain_hosts=hosts)
    )


@router.post(
    "/webhooks/{webhook}/rotate",
    operation_id="rotate-webhook-secret",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Rotation", {"old_for_hours": 24}),
        **openapi.answer(WebhookIssued, "What is sent is signed with the new secret, which is shown this once."),
    },
)
async def rotate_webhook_secret(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Let another secret sign; the ones before sign as well for a while, so that a receiver can change over."""
    edge = edge_of(request)
    wanted = bodies.parse(Rotation, await bodies.read(request, edge.settings))

    def rotated() -> Done:
        _found(edge, webhook, caller)
        return w.rotate(edge.desk, act_of(caller), webhook, old_for=wanted.old_for_hours * HOUR)

    return await _issued(edge, rotated, 200)


@router.post(
    "/webhooks/{webhook}/pause",
    operation_id="pause-webhook",
    response_model=None,
    openapi_extra=openapi.answer(WebhookShown, "Paused; nothing is lost meanwhile."),
)
async def pause_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Send nothing until it is resumed."""
    edge = edge_of(request)
    return await _done(edge, webhook, caller, lambda: w.pause(edge.desk, act_of(caller), webhook))


@router.post(
    "/webhooks/{webhook}/resume",
    operation_id="resume-webhook",
    response_model=None,
    openapi_extra=openapi.answer(WebhookShown, "Resumed; what waits is tried at once, as if for the first time."),
)
async def resume_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Go on where it stopped, whatever it stopped for."""
    edge = edge_of(request)
    return await _done(edge, webhook, caller, lambda: w.resume(edge.desk, act_of(caller), webhook))


@router.post(
    "/webhooks/{webhook}/replay",
    operation_id="replay-webhook",
    response_model=None,
    openapi_extra={
        "requestBody": openapi.body("Replay", {"from_position": 1}),
        **openapi.answer(WebhookShown, "Everything from there on is sent again, under the same ids as before."),
    },
)
async def replay_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Send again everything from a position or time on; that it was asked for is recorded."""
    edge = edge_of(request)
    wanted = bodies.parse(Replay, await bodies.read(request, edge.settings))
    if (wanted.from_position is None) == (wanted.from_time is None):
        raise NotValid(faults=[{"field": "body", "rule": "must hold either from_position or from_time"}])

    def again() -> Done:
        if wanted.from_time is not None:
            return w.replay_since(edge.desk, act_of(caller), webhook, wanted.from_time)
        assert wanted.from_position is not None
        return w.replay(edge.desk, act_of(caller), webhook, wanted.from_position)

    return await _done(edge, webhook, caller, again)


@router.post(
    "/webhooks/{webhook}/ping",
    operation_id="ping-webhook",
    response_model=None,
    openapi_extra=openapi.answer(WebhookShown, "A message that means nothing is on its way; see the delivery log."),
)
async def ping_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Send a message that means nothing, to see whether it arrives."""
    edge = edge_of(request)
    return await _done(edge, webhook, caller, lambda: w.ping(edge.desk, act_of(caller), webhook))


@router.delete(
    "/webhooks/{webhook}",
    operation_id="retire-webhook",
    response_model=None,
    openapi_extra=openapi.answer(WebhookShown, "Retired, as it stood; nothing is sent any more."),
)
async def retire_webhook(request: Request, webhook: Named, caller: Keeper) -> Response:
    """Send nothing any more, nor what still waits."""
    edge = edge_of(request)

    def retired() -> Done:
        known = _found(edge, webhook, caller)
        return Done(webhook=known, position=w.retire(edge.desk, act_of(caller), webhook))

    return await _done(edge, webhook, caller, retired)


async def _done(edge: Edge, webhook: str, caller: Principal, act: Callable[[], Done]) -> Response:
    """Do something to a webhook that the caller manages; the answer is how it stands then."""

    def allowed() -> tuple[Done, WebhookShown]:
        _found(edge, webhook, caller)
        done = act()
        return done, _shown(edge, [done.webhook])[0]

    done, shown = await edge.read(allowed)
    return answers.json(shown, headers={"Acta-Position": str(done.position)})


def _found(edge: Edge, webhook: str, caller: Principal) -> Webhook:
    """A webhook of a department whose webhooks the caller manages; any other does not exist for them."""
    known = webhook_of(edge.desk.setup(), webhook)
    if not caller.may(MANAGE, known.department):
        raise WebhookNotFound()
    return known


def _shown(edge: Edge, webhooks: Collection[Webhook]) -> list[WebhookShown]:
    """How webhooks stand; never a salt."""
    now = edge.desk.now()
    standings = edge.desk.deliveries.standings([one.webhook for one in webhooks])
    return [
        WebhookShown(
            webhook=one.webhook,
            department=one.department,
            url=one.url,
            tells=one.tells,
            description=one.description,
            since=one.since,
            paused=one.paused,
            stuck_at=one.stuck_at,
            old_secrets_until=max((until for _, until in one.old if until > now), default=None),
            **msgspec.structs.asdict(standings.get(one.webhook, _beginning(one))),
        )
        for one in webhooks
    ]


def _beginning(one: Webhook) -> Standing:
    """How a webhook stands that nobody has begun to deliver."""
    return Standing(delivered_through=one.since, waiting=0, failing=0, full=False, oldest=None)


async def _issued(edge: Edge, act: Callable[[], Done], status: int) -> Response:
    """Do what issues a secret; the answer shows it."""

    def issue() -> WebhookIssued:
        done = act()
        (shown,) = _shown(edge, [done.webhook])
        return WebhookIssued(**msgspec.structs.asdict(shown), secret=done.secret, position=done.position)

    issued = await edge.read(issue)
    return answers.json(issued, status, {"Acta-Position": str(issued.position)})
