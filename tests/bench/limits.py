"""Limits: what PostgreSQL and the bare stack do on this machine, measured in the same run."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from deploy import child
from deploy.embedded import programs
from tests.bench.load import request, send
from tests.bench.place import Place, answers, process, wait

ROW_BYTES = 600
_TABLE = f"""
CREATE TABLE plain (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL);
CREATE FUNCTION row_of_plain() RETURNS bytea LANGUAGE sql IMMUTABLE AS
  $$ SELECT decode(repeat('61', {ROW_BYTES}), 'hex') $$;
"""
_INSERT = f"INSERT INTO plain (body) VALUES (decode('{'61' * ROW_BYTES}', 'hex'));\n"


def pgbench(place: Place, clients: int, seconds: int) -> list[float]:
    """Durable rows per second, one per transaction, prepared, from so many clients."""
    script = place.folder / "insert.sql"
    script.write_text(_INSERT)
    with place.empty() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_TABLE)
        command = [str(programs() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "1"]
        command += ["-T", str(seconds), "-f", str(script), dsn]
        return [_tps(command) for _ in range(place.options.runs)]


def _tps(command: list[str]) -> float:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


@contextmanager
def bare(place: Place, workers: int) -> Iterator[int]:
    """A bare FastAPI application whose inserts are committed together (see ``bare.py``); its port."""
    with place.empty() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_TABLE)
        port = child.free_ports(1)[0]
        arguments = ["-m", "uvicorn", "tests.bench.bare:app", "--port", str(port), "--workers", str(workers)]
        arguments += ["--no-access-log", "--log-level", "warning", "--no-server-header"]
        with process(arguments, place.environment(dsn, BENCH_DSN=dsn)) as running:
            wait(lambda: answers(port, "/"), running)
            yield port


def bare_per_s(place: Place, workers: int, connections: int, count: int, body: bytes) -> list[float]:
    """Requests per second to the bare application."""
    one = request("POST", "/", "none", body)
    with bare(place, workers) as port:
        send(port, [one] * 500, connections)
        return [send(port, [one] * count, connections).per_s for _ in range(place.options.runs)]
