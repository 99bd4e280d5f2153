"""Buckets of a server that speaks S3, as others have built it."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consuming import until
from deploy.child import free_ports, port_is_free
from domain.errors import Unreachable
from domain.store.places import Place, place_at

VERSITY = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"


@contextmanager
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Such a server; where it listens."""
    program = _versity(tmp_path_factory.mktemp("versity"))
    folder, port = tmp_path_factory.mktemp("objects"), free_ports(1)[0]
    (folder / "bucket").mkdir()
    keys = {"ROOT_ACCESS_KEY": "acta", "ROOT_SECRET_KEY": "not-so-secret"}
    words = [program, "--port", f"127.0.0.1:{port}", "posix", str(folder)]
    with subprocess.Popen(
        words, env={**os.environ, **keys}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        until(lambda: not port_is_free(port) or run.poll() is not None)
        assert run.poll() is None, "the server of objects has ended"
        yield f"127.0.0.1:{port}"
        run.terminate()


def _versity(folder: Path) -> str:
    there = shutil.which("versitygw")
    go = shutil.which("go")
    if there is None and go is None:
        pytest.skip("NO GO HERE: nothing is tried with a bucket")
    if there is not None:
        return there
    env = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    if subprocess.run([str(go), "install", VERSITY], env=env, capture_output=True, check=False).returncode:
        pytest.skip("NO GO MODULES HERE: nothing is tried with a bucket")
    return str(folder / "versitygw")


def bucket_of(listens: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A part of its bucket that is a test's own, once it can be reached."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "acta")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-so-secret")
    bucket = place_at(f"s3://bucket/{uuid.uuid4().hex}?endpoint_override={listens}&scheme=http&region=us-east-1")
    until(lambda: _reachable(bucket))
    return bucket


def _reachable(place: Place) -> bool:
    try:
        return place.read("checkpoint") is None
    except Unreachable:
        return False
