"""The webhooks of a desk: registered, changed, paused, replayed, retired; each of it is an event of the configuration.

Who sends follows the same log, so that what is recorded here is all that it takes. A secret is made of the desk's own
and of a random salt in the event, and stands nowhere: changing the key-encryption key leaves it as it is.
"""

import secrets
from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from domain.desk.desk import Desk
from domain.envelope import Act
from domain.errors import (
    DepartmentNotFound,
    KeyUsedDifferently,
    NothingChanges,
    NotValid,
    SecretShownAlready,
    TooManyWebhooks,
    WebhookNotFound,
)
from domain.setup import events as e
from domain.setup.state import Setup, Webhook
from domain.setup.webhook_address import address_of
from domain.store.keys import SubjectKeys

MANAGE = "webhook.manage"
"""The permission to manage the webhooks of a department."""

MOST = 20
"""Webhooks of a department: each is sent to by itself."""

OLD_FOR = timedelta(days=1)
"""How long former secrets sign as well, unless it is said otherwise."""

Plan = Callable[[Webhook], Sequence[e.SetupEvent]]
"""What is to be recorded of a webhook as it stands."""

LONGEST_OLD = timedelta(days=7)
_PREFIX = "whsec_"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook is to be: where it sends, and what."""

    url: str
    tells: tuple[e.Tells, ...]
    description: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook after something was done to it, recorded at ``position``; ``secret`` if there is a new one."""

    webhook: Webhook
    position: int
    secret: str = ""


def secret_of(keys: SubjectKeys, webhook: str, salt: str) -> str:
    """The secret of a webhook as its receiver keeps it: `whsec_` and 32 bytes in base64."""
    return _PREFIX + b64encode(_key(keys, webhook, salt)).decode()


def signing_keys(keys: SubjectKeys, webhook: Webhook, now: datetime) -> list[bytes]:
    """What signs now, the newest first."""
    salts = [webhook.salt, *(salt for salt, until in webhook.old if now < until)]
    return [_key(keys, webhook.webhook, salt) for salt in salts]


def _key(keys: SubjectKeys, webhook: str, salt: str) -> bytes:
    return keys.blind("webhook secret", webhook, salt)


def register(
    desk: Desk,
    act: Act,
    department: str,
    wanted: Wanted,
    *,
    plain_hosts: Collection[str] = (),
    request: str = "",
) -> Done:
    """Register a webhook of a department. ``request`` names it for its sender, so that it is registered once.

    Raises ``SecretShownAlready`` when it is repeated, since the secret is shown only once.
    """
    address_of(wanted.url, plain_hosts)
    webhook = desk.keys.blind("webhook", request).hex()[:16] if request else secrets.token_hex(8)
    event = e.WebhookRegistered(
        webhook=webhook, department=department, salt=secrets.token_hex(32), **msgspec.structs.asdict(wanted)
    )

    def once(setup: Setup) -> Sequence[e.SetupEvent]:
        known = setup.webhooks.get(webhook)
        if known is not None:
            same = (known.department, known.url) == (department, wanted.url)
            raise SecretShownAlready(webhook=webhook) if same else KeyUsedDifferently()
        if department not in setup.departments:
            raise DepartmentNotFound()
        if sum(one.department == department for one in setup.webhooks.values()) >= MOST:
            raise TooManyWebhooks(limit=MOST)
        return [event]

    position = desk.configure(once, act)
    return _done(desk, webhook, position, secret_of(desk.keys, webhook, event.salt))


def change(desk: Desk, act: Act, webhook: str, wanted: Wanted, *, plain_hosts: Collection[str] = ()) -> Done:
    """Let a webhook be another; nothing is recorded if it is so already."""
    address_of(wanted.url, plain_hosts)

    def differing(known: Webhook) -> Sequence[e.SetupEvent]:
        if (known.url, known.tells, known.description) == (wanted.url, wanted.tells, wanted.description):
            return []
        return [e.WebhookChanged(webhook=webhook, **msgspec.structs.asdict(wanted))]

    return _recorded(desk, act, webhook, differing)


def rotate(desk: Desk, act: Act, webhook: str, *, old_for: timedelta = OLD_FOR) -> Done:
    """Sign with another secret from now on, and with those before as well for a while (0: one was found out)."""
    salt = secrets.token_hex(32)
    until = desk.now() + min(max(old_for, timedelta(0)), LONGEST_OLD)
    rotated = e.WebhookSecretRotated(webhook=webhook, salt=salt, old_until=until)
    done = _recorded(desk, act, webhook, lambda _: [rotated])
    return msgspec.structs.replace(done, secret=secret_of(desk.keys, webhook, salt))


def pause(desk: Desk, act: Act, webhook: str) -> Done:
    """Send nothing until it is resumed."""

    def pausing(known: Webhook) -> Sequence[e.SetupEvent]:
        if known.paused:
            raise NothingChanges("This webhook is paused already.")
        return [e.WebhookPaused(webhook=webhook, cause="asked")]

    return _recorded(desk, act, webhook, pausing)


def resume(desk: Desk, act: Act, webhook: str) -> Done:
    """Go on where it stopped."""

    def resuming(known: Webhook) -> Sequence[e.SetupEvent]:
        if not known.paused:
            raise NothingChanges("This webhook is not paused.")
        return [e.WebhookResumed(webhook=webhook)]

    return _recorded(desk, act, webhook, resuming)


def replay(desk: Desk, act: Act, webhook: str, from_position: int) -> Done:
    """Send again everything from a position on."""
    if not 1 <= from_position <= desk.store.head() + 1:
        raise NotValid(faults=[{"field": "body/from_position", "rule": "must be a position of the log, or the next"}])
    return _recorded(desk, act, webhook, lambda _: [e.WebhookReplayed(webhook=webhook, from_position=from_position)])


def replay_since(desk: Desk, act: Act, webhook: str, moment: datetime) -> Done:
    """Send again everything that was recorded after a moment."""
    return replay(desk, act, webhook, desk.store.position_at(moment) + 1)


def ping(desk: Desk, act: Act, webhook: str) -> Done:
    """Send a message that means nothing; what became of it is in the delivery log."""

    def pinging(known: Webhook) -> Sequence[e.SetupEvent]:
        if known.paused:
            raise NothingChanges("This webhook is paused and sends nothing.")
        return [e.WebhookPinged(webhook=webhook)]

    return _recorded(desk, act, webhook, pinging)


def retire(desk: Desk, act: Act, webhook: str) -> int:
    """Send nothing any more; the position at which that is recorded."""
    return desk.configure(_of(webhook, lambda _: [e.WebhookRetired(webhook=webhook)]), act)


def give_up(desk: Desk, act: Act, webhook: str, paused: e.WebhookPaused) -> None:
    """Pause a webhook whose receiver takes nothing; one that is paused or retired meanwhile stays as it is."""

    def pausing(setup: Setup) -> Sequence[e.SetupEvent]:
        known = setup.webhooks.get(webhook)
        return [paused] if known is not None and not known.paused else []

    desk.configure(pausing, act)


def webhook_of(setup: Setup, webhook: str) -> Webhook:
    """The webhook, or ``WebhookNotFound``."""
    try:
        return setup.webhooks[webhook]
    except KeyError:
        raise WebhookNotFound() from None


def _of(webhook: str, plan: Plan) -> Callable[[Setup], Sequence[e.SetupEvent]]:
    return lambda setup: plan(webhook_of(setup, webhook))


def _recorded(desk: Desk, act: Act, webhook: str, plan: Plan) -> Done:
    return _done(desk, webhook, desk.configure(_of(webhook, plan), act))


def _done(desk: Desk, webhook: str, position: int, secret: str = "") -> Done:
    setup = desk.setup()
    return Done(webhook=webhook_of(setup, webhook), position=position or setup.position, secret=secret)
