"""When the API is killed in the middle of a file, the file goes on; when it is killed while attaching, once is once."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import pytest

from deploy.running import issue_key
from desk_files import begun, sent_on, stands, uploaded
from desks import KEK, as_role, open_desk, opened, prepare
from domain.store.chunks import CHUNK_BYTES
from domain.store.clearing import clear
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from domain.store.uploads import PUT_BY_THEN
from lying_files import lying

CONTENT = Random(5).randbytes(6 * CHUNK_BYTES + 54_321)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def environment(database: str, tmp_path: Path, folder: Path) -> dict[str, str]:
    """What an API process is told."""
    prepare(database)
    (tmp_path / "kek").write_bytes(KEK)
    return {
        **os.environ,
        "ACTA_DATABASE_URL": as_role(database, "acta_app"),
        "ACTA_PROJECTOR_DATABASE_URL": as_role(database, "acta_projector"),
        "ACTA_KEK_FILE": str(tmp_path / "kek"),
        "ACTA_ATTACHMENTS": str(folder),
        "ACTA_PORT": "0",
    }


@pytest.fixture
def headers(database: str, environment: dict[str, str]) -> dict[str, str]:
    with open_desk(database) as desk:
        return {"Authorization": f"Bearer {issue_key(desk, 'loader', 'admin', ('*',))}"}


@contextmanager
def serving(
    environment: dict[str, str], headers: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """An API process, and a client of it."""
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http"))
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=None) as client:
                yield process, client
        finally:
            process.send_signal(signal.SIGKILL)


def send_until_killed(process: subprocess.Popen[str], client: httpx.Client, upload: str, most: int) -> None:
    """Send an upload's rest, and kill the API once so many bytes more have been kept."""
    offset = stands(client, upload)
    head = (
        f"PATCH {upload} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
        f"Content-Type: application/partial-upload\r\nUpload-Offset: {offset}\r\nUpload-Complete: ?1\r\n"
        f"Content-Length: {len(CONTENT) - offset}\r\n\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
        line.sendall(head.encode() + CONTENT[offset : offset + most + CHUNK_BYTES // 2])
        while stands(client, upload) < offset + most:
            pass
        process.kill()
        process.wait()


def test_the_api_is_killed_in_the_middle_of_a_file(
    database: str, environment: dict[str, str], headers: dict[str, str], folder: Path
) -> None:
    with serving(environment, headers) as (process, client):
        upload = begun(client, len(CONTENT))
        send_until_killed(process, client, upload, CHUNK_BYTES)
    with serving(environment, headers) as (process, client):
        assert stands(client, upload) >= CHUNK_BYTES
        send_until_killed(process, client, upload, 3 * CHUNK_BYTES)
    with serving(environment, headers) as (_, client), open_desk(database) as desk:
        offset = stands(client, upload)
        assert offset >= 4 * CHUNK_BYTES
        assert sent_on(client, upload, offset, CONTENT[offset:], ends=True).json()["complete"]
        ticket = opened(desk)
        file = upload.rpartition("/")[2]
        assert client.post(f"/tickets/{ticket.number}/attach", json={"upload": file}).status_code == 200
        assert client.get(f"/tickets/{ticket.number}/attachments/{file}").content == CONTENT
        clear(desk.uploads, Directory(folder), desk.now() + 2 * PUT_BY_THEN)
        assert lying(folder) == set(chunks_of(desk.history(ticket.ticket)))


def test_the_api_is_killed_while_it_attaches(
    database: str, environment: dict[str, str], headers: dict[str, str], folder: Path
) -> None:
    with open_desk(database) as desk:
        ticket = opened(desk)
    files: list[str] = []
    for n in range(2):
        with serving(environment, headers) as (process, client):
            files.append(str(uploaded(client, CONTENT)["upload"]))
            body = f'{{"upload": "{files[-1]}"}}'
            head = (
                f"POST /tickets/{ticket.number}/attach HTTP/1.1\r\nHost: x\r\nIdempotency-Key: attach-{n}\r\n"
                f"Authorization: {client.headers['authorization']}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )
            with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
                line.sendall(head.encode())
                process.kill()
                process.wait()
    with serving(environment, headers) as (_, client), open_desk(database) as desk:
        for n, file in enumerate(files):
            key = {"Idempotency-Key": f"attach-{n}"}
            answer = client.post(f"/tickets/{ticket.number}/attach", json={"upload": file}, headers=key)
            assert answer.status_code == 200, answer.text
            assert client.get(f"/tickets/{ticket.number}/attachments/{file}").content == CONTENT
        listed = client.get(f"/tickets/{ticket.number}/attachments").json()["attachments"]
        assert [one["attachment"] for one in listed] == files
        assert clear(desk.uploads, Directory(folder), desk.now() + timedelta(days=2)) == 0
