"""Webhooks of a desk, and what departments' software does for them to tell something."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import msgspec

from api.problems import told
from consumers.webhooks.delivering import Manner, webhooks
from consumers.webhooks.posting import Poster
from consumers.webhooks.reaching import Reach
from consuming import Running, running
from desks import ACT
from domain.desk import Desk
from domain.desk import webhooks as w
from domain.desk.doors import doorkeeper, take
from domain.request.letter import Letter
from domain.store.deliveries import LoggedAttempt
from receivers import Came, Receiver

HERE = Reach(plain_hosts=("127.0.0.1", "localhost"), networks=(ip_network("127.0.0.0/8"),))
AT_ONCE: Sequence[timedelta] = (timedelta(0),) * 9
LATER: Sequence[timedelta] = (timedelta(hours=1),) * 2


class Line:
    """A department's software that hands in requests, and a desk that delivers what comes of them."""

    def __init__(self, desk: Desk, dsn: str) -> None:
        self.desk = desk
        self._dsn = dsn
        self._sent = 0
        self.now: datetime | None = None

    def send(self, kind: str, reference: str, department: str = "it", **data: object) -> None:
        """Hand in a request, and have it decided."""
        self._sent += 1
        letter = Letter(
            department=department,
            type=f"acta.request.{kind}.v1",
            source="/hr/onboarding",
            id=str(self._sent),
            reference=reference,
            traceparent="",
            data=msgspec.json.encode(data),
        )
        take(self.desk, letter, doorkeeper(self.desk.keys, department), "kafka").exception()

    def register(self, receiver: Receiver | str, department: str = "it", **more: Any) -> w.Done:
        url = receiver if isinstance(receiver, str) else receiver.url
        wanted = w.Wanted(url=url, tells=more.pop("tells", ("outcomes", "facts")), **more)
        return w.register(self.desk, ACT, department, wanted, plain_hosts=HERE.plain_hosts)

    @contextmanager
    def delivering(
        self,
        reach: Reach = HERE,
        schedule: Sequence[timedelta] = AT_ONCE,
        window: int = 1_000,
        patience_s: float = 600.0,
        tls: ssl.SSLContext | None = None,
        **more: Any,
    ) -> Iterator[Running]:
        manner = Manner(plain_hosts=reach.plain_hosts, schedule=schedule, window=window, **more)
        poster = partial(Poster, reach, patience_s=patience_s, tls=tls)
        now = (lambda: self.now) if self.now is not None else None
        with running(webhooks, self.desk, self._dsn, told, poster, manner=manner, now=now) as run:
            yield run

    def log(self, webhook: w.Done, **wanted: Any) -> list[LoggedAttempt]:
        """The delivery log, the oldest first."""
        return self.desk.deliveries.log(webhook.webhook.webhook, limit=100_000, **wanted)[::-1]

    def outcomes(self, webhook: w.Done) -> list[str]:
        return [attempt.outcome for attempt in self.log(webhook)]

    def paused(self, webhook: w.Done) -> str:
        return self.desk.setup().webhooks[webhook.webhook.webhook].paused

    def settled(self, webhook: w.Done) -> bool:
        """Whether it has read everything and, having read it, delivered it."""
        name = webhook.webhook.webhook
        return (
            self.desk.deliveries.places().get(name, 0) > 0
            and self._told_through(name)
            and not self.desk.deliveries.waiting([name])
        )

    def _told_through(self, name: str) -> bool:
        position = self.desk.deliveries.places()[name]
        types = ["request.decided.v1", "ticket.assigned.v1", "ticket.put-on-hold.v1", "ticket.resumed.v1"]
        return not self.desk.store.page(position, 1, types=types)


def told_of(came: Sequence[Came]) -> list[tuple[str, str]]:
    """Kind of message and, of what happened, the event."""
    return [(one.event["type"].split(".")[2], one.event["data"].get("event", "")) for one in came]
