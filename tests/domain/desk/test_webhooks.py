"""Secrets of webhooks: they follow from what is recorded, outlive the key-encryption key, and end when they are to."""

from datetime import timedelta

import psycopg
import pytest

from desks import ACT, KEK, as_role
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.errors import SecretShownAlready, TooManyWebhooks, WebhookNotFound
from domain.store.keyring import KeyRing
from domain.store.rotation import rotate

PART = w.Wanted(url="https://hr.example.org/acta", tells=("outcomes", "facts"))
NEW = bytes(range(100, 132))


def secrets(desk: Desk, webhook: str, after: timedelta = timedelta(0)) -> list[bytes]:
    return w.signing_keys(desk.keys, desk.setup().webhooks[webhook], desk.now() + after)


def test_every_webhook_and_every_rotation_has_a_secret_of_its_own(desk: Desk):
    first, second = w.register(desk, ACT, "it", PART), w.register(desk, ACT, "it", PART)
    rotated = w.rotate(desk, ACT, first.webhook.webhook)
    assert len({first.secret, second.secret, rotated.secret}) == 3


def test_former_secrets_sign_for_as_long_as_was_said_and_no_longer(desk: Desk):
    name = w.register(desk, ACT, "it", PART).webhook.webhook
    for _ in range(6):
        w.rotate(desk, ACT, name, old_for=timedelta(hours=2))
    assert len(secrets(desk, name)) == 4
    assert len(secrets(desk, name, timedelta(hours=3))) == 1
    w.rotate(desk, ACT, name, old_for=timedelta(hours=1))
    assert len(secrets(desk, name, timedelta(minutes=59))) == 4
    assert len(secrets(desk, name, timedelta(minutes=61))) == 1
    w.rotate(desk, ACT, name, old_for=timedelta(0))
    assert len(secrets(desk, name, timedelta(seconds=1))) == 1


def test_a_secret_outlives_the_key_encryption_key(desk: Desk, database: str):
    made = w.register(desk, ACT, "it", PART)
    known = secrets(desk, made.webhook.webhook)
    with psycopg.connect(database, autocommit=True) as connection:
        rotate(connection, KeyRing(lambda: (NEW, KEK)))
    later = Desk(as_role(database, "acta_app"), NEW)
    try:
        assert secrets(later, made.webhook.webhook) == known
        assert w.secret_of(later.keys, made.webhook.webhook, made.webhook.salt) == made.secret
    finally:
        later.close()


def test_a_registration_is_repeated_under_its_name_once_and_a_department_has_no_more_than_its_share(desk: Desk):
    w.register(desk, ACT, "it", PART, request="onboarding")
    with pytest.raises(SecretShownAlready):
        w.register(desk, ACT, "it", PART, request="onboarding")
    for _ in range(w.MOST - 1):
        w.register(desk, ACT, "it", PART)
    with pytest.raises(TooManyWebhooks):
        w.register(desk, ACT, "it", PART)
    w.register(desk, ACT, "hr", PART)


def test_what_is_retired_is_nobodys_to_change(desk: Desk):
    name = w.register(desk, ACT, "it", PART).webhook.webhook
    w.retire(desk, ACT, name)
    for act in (w.retire, w.pause, w.resume, w.rotate, w.ping):
        with pytest.raises(WebhookNotFound):
            act(desk, ACT, name)  # type: ignore[operator]
