"""Service levels over an imported log: ``make sla-check`` checks them and prints the figures.

The log is imported into a desk of its own that has three policies by priority, with calendars in three zones. Then the
view of service levels must show of every ticket, now and as of past moments, what its stream gives; and every figure
must be the same wherever the process runs (``TZ``), in whatever batches, from the store or from Kafka.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import yaml

from clock_rows import must_show, rows
from consumers.importing import ServiceNowLog, import_in_shares
from consumers.kafka.tails import read_tails
from consumers.kafka.topics import Client, ensure_topic
from consumers.project import connect, project
from consumers.relay import relay
from consuming import completed, forget_the_views, running, until
from deploy.embedded import EmbeddedPostgres
from desks import ACT, KEK, as_role, prepare
from domain.clock.asking import clocks_of
from domain.clock.clocks import elapsed
from domain.clock.configured import Configured
from domain.clock.explain import explain
from domain.desk import Desk
from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.envelope import Event
from machines import Databases, find_broker
from projections.engine import install, rebuild
from projections.sla import sla
from projections.sla.attainment import Dimension, attainment
from projections.sla.queries import Status, Wanted, clocks_wanted

DESK = """
departments: {it: {name: IT}}
calendars:
  sao-paulo:
    zone: America/Sao_Paulo
    openings: {monday-friday: "08:00-18:00", saturday: "08:00-12:00"}
    holidays: {country: BR, region: SP, years: [2016, 2017]}
  lisbon:
    zone: Europe/Lisbon
    openings: {monday-friday: ["09:00-13:00", "14:00-18:00"]}
    holidays: {country: PT, years: [2016, 2017]}
  kathmandu:
    zone: Asia/Kathmandu
    openings: {monday-friday: "10:00-17:00", sunday: "20:00-24:00"}
    special: {2016-06-03: "10:00-12:00", 2016-06-10: []}
policies:
  urgent:
    calendar: sao-paulo
    when: {priority: [1, 2]}
    targets: {first_response: {calendar_minutes: 240}, resolution: {calendar_minutes: 2880}}
    pauses: {resolution: [requester, vendor]}
  normal:
    calendar: lisbon
    when: {priority: 3}
    targets: {first_response: {minutes: 480}, resolution: {business_days: 5}}
    pauses: {resolution: [requester], first_response: [requester]}
  low:
    calendar: kathmandu
    when: {priority: [4, 5]}
    targets: {first_response: {business_days: 1}, next_response: {minutes: 240}, resolution: {minutes: 4200}}
    pauses: {resolution: [vendor, problem, evidence]}
    on_reopen: restart
    on_retarget: keep
"""
ASKED_IN = "America/Sao_Paulo"
SINCE, NOW = datetime(2016, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
MOMENTS = (datetime(2016, 4, 15, 13, tzinfo=UTC), datetime(2016, 6, 3, 5, 30, tzinfo=UTC))
BY: tuple[tuple[Dimension, ...], ...] = (
    ("policy", "clock"),
    ("department",),
    ("group",),
    ("priority",),
    ("assignee",),
)
Connection = psycopg.Connection[Any]
STATUSES: tuple[Status, ...] = ("running", "paused", "at_risk", "breached", "met")
TICKETS_AT_ONCE = 500
TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Way:
    """One way of filling the view: where the process is, how large a batch is, and from Kafka or the store."""

    tz: str
    batch: int = 2000
    bootstrap: str = ""
    topic: str = ""

    @property
    def feed(self) -> str:
        return "Kafka" if self.topic else f"the store, {self.batch:,} at a time"


def configure(owner: str) -> None:
    """A desk with the three policies."""
    prepare(owner)
    desk = Desk(as_role(owner, "acta_app"), KEK)
    desk.configure(plan(DeskDocument.model_validate(yaml.safe_load(DESK)), {}), ACT)
    desk.close()


def streams_of(desk: Desk) -> Iterator[tuple[UUID, list[Event]]]:
    """Every ticket with its whole history, seals closed."""
    opened = [event.stream for page in desk.pages(0, 5000, types=["ticket.opened.v1"], opened=False) for event in page]
    for start in range(0, len(opened), TICKETS_AT_ONCE):
        wanted = opened[start : start + TICKETS_AT_ONCE]
        found: dict[UUID, list[Event]] = {stream: [] for stream in wanted}
        for stored in desk.store.newer([(stream, 0) for stream in wanted]):
            event = desk.sealing.decoded(stored)
            found[event.stream].append(event)
        yield from found.items()


def must_equal_the_streams(owner: str) -> tuple[int, int]:
    """Every row of a clock is what the ticket's stream gives, now and as of past moments: tickets, and rows compared.

    Of each clock the explanation adds up to its figure.
    """
    desk = Desk(as_role(owner, "acta_app"), KEK)
    policies = Configured(desk.setup)
    tickets = compared = 0
    try:
        with psycopg.connect(as_role(owner, "acta_projector"), autocommit=True) as connection:
            shown = {at: rows(connection, at) for at in (None, *MOMENTS)}
        for stream, history in streams_of(desk):
            tickets += 1
            for at, found in shown.items():
                moment = at or NOW
                for clock in clocks_of((event for event in history if event.effective_at <= moment), policies):
                    must_show(found.pop((stream, str(clock.kind), clock.instance)), clock, moment)
                    compared += 1
                    if at is None:
                        parts = explain(clock, moment, policies).parts
                        assert sum((part.counted for part in parts), timedelta()) == elapsed(clock, moment, policies)
        assert not any(shown.values()), "the view shows clocks that no stream gives"
    finally:
        desk.close()
    return tickets, compared


def fill(owner: str, way: Way) -> None:
    """The view anew, in one of the ways."""
    desk, views = Desk(as_role(owner, "acta_app"), KEK), as_role(owner, "acta_projector")
    try:
        if way.topic:
            client: Client = {"bootstrap_servers": way.bootstrap}
            with running(project, desk, views, (sla,), client, way.topic) as projecting:
                until(lambda: completed(owner, (sla,)) == desk.store.head(), projecting)
            return
        with connect(views, 600) as connection:
            install(connection, (sla,))
            rebuild(
                connection,
                sla,
                lambda after: desk.pages(after, way.batch, opened=False),
                versions=Configured(desk.setup),
            )
    finally:
        desk.close()


def figures(owner: str) -> dict[str, Any]:
    """What readers are told: shares by every dimension and month, counts of every list, now and as of then."""
    desk = Desk(as_role(owner, "acta_app"), KEK)
    policies = Configured(desk.setup)
    told: dict[str, Any] = {}
    try:
        with psycopg.connect(as_role(owner, "acta_projector"), autocommit=True) as connection:
            for at in (None, *MOMENTS):
                for by in BY:
                    found = attainment(
                        connection, None, SINCE, NOW, now=NOW, at=at, by=by, bucket="month", zone=ASKED_IN
                    )
                    told[f"{by} {at}"] = [
                        [*share.of.values(), share.period and share.period.timestamp(), share.met, share.decided]
                        for share in found
                    ]
                for status in STATUSES:
                    told[f"{status} {at}"] = _listed(connection, policies, status, at)
            named = sorted(rows(connection).items())
            texts = "\n".join(repr((name, row.elapsed, row.verdict, _utc(row.due_at))) for name, row in named)
            told["rows"] = sha256(texts.encode()).hexdigest()
    finally:
        desk.close()
    return told


def _listed(
    connection: psycopg.Connection[Any], policies: Configured, status: Status, at: datetime | None
) -> list[str]:
    """How many clocks a list has, and a digest of what it shows of them."""
    count, digest, after = 0, sha256(), None
    while True:
        wanted = Wanted(statuses=(status,))
        page = clocks_wanted(connection, None, wanted, now=NOW, policies=policies, at=at, after=after, limit=1000)
        for row in page.rows:
            shown = (row["number"], row["clock"], row["verdict"], row["elapsed"], row["left"], _utc(row["due_at"]))
            digest.update(repr(shown).encode())
        count, after = count + len(page.rows), page.next
        if after is None:
            return [str(count), digest.hexdigest()]


def _utc(instant: datetime | None) -> str:
    return "" if instant is None else instant.astimezone(UTC).isoformat()


def looked_at(owner: str, way: Way) -> dict[str, Any]:
    """The figures, from a process of its own that fills the view in this way, somewhere in the world."""
    forget_the_views(owner)
    child = subprocess.run(
        [sys.executable, "-m", "sla_check", "--look", json.dumps({"owner": owner, "way": asdict(way)})],
        env={**os.environ, "TZ": way.tz, "PGTZ": way.tz, "PYTHONPATH": str(TESTS)},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def must_be_the_same_everywhere(owner: str, ways: Sequence[Way]) -> dict[str, Any]:
    """The figures, which must not depend on how the view was filled, nor on where."""
    first, *others = [looked_at(owner, way) for way in ways]
    for way, other in zip(ways[1:], others, strict=True):
        different = [name for name, figure in first.items() if other[name] != figure]
        assert not different, f"in {way.tz}, from {way.feed}, these differ: {different}"
    return first


def whole(log: Path, zone: str, processes: int) -> Iterator[str]:
    """The check of a whole log in a world of its own; says what it sees."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acta-sla-")))
        databases = Databases(stack.enter_context(EmbeddedPostgres(folder / "postgres")))
        owner = databases.fresh()
        configure(owner)
        began = monotonic()
        report = import_in_shares(
            partial(Desk, as_role(owner, "acta_app"), KEK), ServiceNowLog(log, zone), shares=processes
        )
        assert report.is_whole, report.lines()
        yield f"imported {report.rows:,} rows in {monotonic() - began:.0f} s"
        broker, origin = find_broker(folder / "kafka")
        stack.callback(broker.remove if hasattr(broker, "remove") else broker.stop)
        began = monotonic()
        sent = stack.enter_context(sending(owner, {"bootstrap_servers": broker.bootstrap}, "sla-check"))
        yield f"sent {sent:,} events to Kafka ({origin}) in {monotonic() - began:.0f} s"
        ways = (
            Way("America/Sao_Paulo", bootstrap=broker.bootstrap, topic="sla-check"),
            Way("Asia/Kathmandu", batch=331),
            Way("UTC"),
        )
        began = monotonic()
        told = must_be_the_same_everywhere(owner, ways)
        yield f"{len(told)} figures are the same in {monotonic() - began:.0f} s of filling the view"
        yield from (f"  with TZ={way.tz}, from {way.feed}" for way in ways)
        began = monotonic()
        tickets, compared = must_equal_the_streams(owner)
        yield f"{tickets:,} tickets: {compared:,} rows of clocks, now and as of {len(MOMENTS)} moments, are what their"
        yield f"  streams give, and each explanation adds up ({monotonic() - began:.0f} s)"
        yield from _table(told)


@contextmanager
def sending(owner: str, client: Client, topic: str) -> Iterator[int]:
    """A relay to a topic of its own, which has everything by now: how many events that is."""
    desk = Desk(as_role(owner, "acta_app"), KEK)
    try:
        ensure_topic(client, topic, 3)
        head = desk.store.head()
        with running(relay, desk.store, as_role(owner, "acta_app"), client, topic) as relaying:
            until(lambda: max((t.position for t in read_tails(client, topic) if t), default=0) >= head, relaying)
            yield head
    finally:
        desk.close()


def _table(told: dict[str, Any]) -> Iterator[str]:
    for at in (None, *MOMENTS):
        counts = ", ".join(f"{status} {int(told[f'{status} {at}'][0]):,}" for status in STATUSES)
        yield f"{'now' if at is None else f'as of {at:%Y-%m-%d %H:%M}Z'}: {counts}"
        totals: dict[tuple[str, str], list[int]] = {}
        for policy, kind, _, met, decided in told[f"{BY[0]} {at}"]:
            total = totals.setdefault((policy, kind), [0, 0])
            total[0] += met
            total[1] += decided
        for (policy, kind), (met, decided) in sorted(totals.items()):
            yield f"  {policy:8} {kind:16} {met:7,} of {decided:7,} met ({met / decided:.2%})"


def main() -> None:
    """Check a log; or, as a child of that, fill the view and tell the figures."""
    parser = argparse.ArgumentParser(description="Check the service levels of an imported log.")
    parser.add_argument("log", nargs="?", type=Path)
    parser.add_argument("--timezone", default=ASKED_IN)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--look", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.look:
        given = json.loads(asked.look)
        fill(given["owner"], Way(**given["way"]))
        print(json.dumps(figures(given["owner"])))
        return
    if asked.log is None:
        parser.error("name the log")
    for line in whole(asked.log, asked.timezone, asked.processes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
