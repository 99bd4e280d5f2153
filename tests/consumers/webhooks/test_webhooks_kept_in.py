"""What webhooks must not reach, and what must not get out: addresses inside, secrets, what was erased."""

from base64 import b64decode
from datetime import timedelta

import psycopg
import pytest

from consumers.webhooks.reaching import Reach
from consuming import until
from desks import ACT
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.forgetting import erase
from receivers import Receiver, Say
from webhook_talk import HERE, LATER, Line


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1"])
def test_an_address_inside_is_not_connected_to_unless_it_is_allowed(line: Line, receiver: Receiver, host: str) -> None:
    url = receiver.url.replace("127.0.0.1", host)
    reach = Reach(plain_hosts=(host,))
    wanted = w.Wanted(url=url, tells=("outcomes",))
    webhook = w.register(line.desk, ACT, "it", wanted, plain_hosts=(host,))
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(reach, schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "address-not-allowed"
    assert receiver.came == []


def test_what_the_desk_no_longer_allows_is_not_sent(line: Line, receiver: Receiver) -> None:
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(Reach(networks=HERE.networks), schedule=LATER) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    assert line.log(webhook)[0].error == "address-not-allowed"
    assert receiver.came == []


def test_of_an_answer_little_is_read_and_nothing_kept(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(200, body=b"Petra " * 1_000_000)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["delivered"]
    assert b"Petra" not in stored(line.desk, "webhook_attempts", "webhook_deliveries", "webhook_places")


def stored(desk: Desk, *tables: str) -> bytes:
    """All that stands in tables, as text and as bytes."""
    found = []
    with desk.pool.connection() as connection:
        for table in tables:
            for row in connection.execute(f"SELECT * FROM acta.{table}").fetchall():  # type: ignore[arg-type]
                found += [bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row]
    return b"\n".join(found)


def test_neither_secret_nor_reference_stands_anywhere(
    line: Line, receiver: Receiver, caplog: pytest.LogCaptureFixture, database: str
) -> None:
    caplog.set_level("DEBUG")
    receiver.script = lambda came: Say(500 if len(receiver.came) < 3 else 204)
    webhook = line.register(receiver)
    rotated = w.rotate(line.desk, ACT, webhook.webhook.webhook)
    line.send("open", "HR-4711-Petra", title="A laptop")
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname LIKE 'acta%'"
        ).fetchall()
        rows = [row for (table,) in tables for row in connection.execute(f"SELECT t::text FROM {table} t").fetchall()]  # type: ignore[arg-type]
    everything = "\n".join(text for (text,) in rows) + caplog.text
    for secret in (webhook.secret, rotated.secret):
        raw = b64decode(secret.removeprefix("whsec_"))
        for form in (secret, secret.removeprefix("whsec_"), raw.hex()):
            assert form not in everything
    assert "HR-4711-Petra" not in everything


def test_what_was_erased_meanwhile_is_not_sent_any_more(line: Line, receiver: Receiver) -> None:
    receiver.script = lambda came: Say(500)
    webhook = line.register(receiver)
    line.send("open", "HR-1", title="A laptop")
    with line.delivering(schedule=(timedelta(days=1),)) as run:
        until(lambda: len(line.log(webhook)) == 1, run)
    with line.desk.pool.connection() as connection:
        connection.execute("UPDATE acta.webhook_deliveries SET due_at = now()")
    (decided,) = line.desk.feed(0, 100, types=["request.decided.v1"])
    assert decided.seal is not None
    erase(line.desk, decided.seal.subject, "left", ACT)
    (order,) = line.desk.store.orders(0)
    line.desk.keys.destroy(order.position)
    line.desk.keys.learn()
    with line.delivering() as run:
        until(lambda: line.settled(webhook), run)
    assert line.outcomes(webhook) == ["failed", "erased"]
    assert len(receiver.came) == 1
