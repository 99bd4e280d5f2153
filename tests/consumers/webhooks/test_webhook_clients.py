"""The receiver of webhooks that the README shows, as it stands there: it believes what is signed, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

import httpx

import consumers.webhooks.delivering
from consuming import until
from deploy.child import free_ports
from desks import ACT
from domain.desk import webhooks as w
from webhook_talk import Line


def shown() -> str:
    """The one block of code that is a receiver."""
    text = Path(str(consumers.webhooks.delivering.__file__)).with_name("README.md").read_text(encoding="utf-8")
    (code,) = (block.split("```")[0] for block in text.split("```python receiver\n")[1:])
    return code


@contextmanager
def shown_receiver(secret: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    """The receiver in a process of its own, with the two values that it takes."""
    code = f"secret, port = {secret!r}, {port}\n{shown()}"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_receiver_takes_what_is_signed_once_each(line: Line) -> None:
    (port,) = free_ports(1)
    webhook = line.register(f"http://127.0.0.1:{port}/acta")
    line.send("open", "HR-1", title="A laptop for our new colleague")
    with line.delivering(schedule=(w.OLD_FOR * 0,) * 9_999) as run, shown_receiver(webhook.secret, port) as receiver:
        until(lambda: line.settled(webhook), run)
        w.replay(line.desk, ACT, webhook.webhook.webhook, 1)
        until(lambda: line.outcomes(webhook).count("delivered") == 2, run)
        w.ping(line.desk, ACT, webhook.webhook.webhook)
        until(lambda: line.outcomes(webhook).count("delivered") == 3, run)
        receiver.kill()
        said, _ = receiver.communicate()
    assert sorted(said.splitlines()) == ["acta.outcome.accepted.v1 1", "acta.webhook.ping.v1 "]


def test_the_receiver_refuses_what_others_send(line: Line) -> None:
    (port,) = free_ports(1)
    webhook = line.register(f"http://127.0.0.1:{port}/acta")
    w.ping(line.desk, ACT, webhook.webhook.webhook)
    forged = {"webhook-id": "x/1", "webhook-timestamp": str(int(time())), "webhook-signature": "v1,AAAA v1,"}
    with line.delivering(schedule=(w.OLD_FOR * 0,) * 9_999) as run, shown_receiver(webhook.secret, port):
        until(lambda: line.outcomes(webhook)[-1:] == ["delivered"], run)
        answer = httpx.post(f"http://127.0.0.1:{port}/acta", headers=forged, content=b"{}", timeout=None)
        assert answer.status_code == 401
