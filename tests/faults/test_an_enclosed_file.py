"""An intake dies between a file that came within a request and its decision: it is attached once, whatever is left."""

from base64 import b64encode
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.doors import Doors, ensure_doors
from desks import open_desk
from domain.desk.enclosing import WAITS
from domain.store.clearing import clear
from domain.store.handing_out import chunks_of
from domain.store.places import Directory
from domain.store.uploads import PUT_BY_THEN
from domain.ticket.events import AttachmentAdded
from door_talk import Sender, all_told
from lying_files import files_in, lying
from stages import Stage


def decided(stage: Stage) -> int:
    return stage.number("SELECT count(*) FROM acta.events WHERE type = 'request.decided.v1'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


def test_it_dies_when_the_file_is_stored_and_nothing_decided(stage: Stage, topics: str, folder: Path) -> None:
    """What is left is an upload that expires."""
    doors = Doors(topics.rstrip("."), ("it",))
    ensure_doors(stage.world.client, doors, 3)
    stage.world = replace(stage.world, doors=("it",), prefix=doors.prefix, files=str(folder))
    sender = Sender(stage.world.client, doors)
    content = b64encode(b"x-ray" * 1000).decode()
    for key in ("HR-1", "HR-2"):
        sender.request("it", "open", key, f"{key}-1", title="A laptop")
        sender.request("it", "attach", key, f"{key}-2", content=content)
        sender.request("it", "reply", key, f"{key}-3", text="see the file")
    sender.close()
    for _ in range(2):
        first = stage.start("intake", stop_after="put")
        stage.until(lambda first=first: first.has_said("stopping after put"), first)  # type: ignore[misc]
        first.kill()
    second, telling = stage.start("intake"), stage.start("outcomes")
    stage.until(lambda: decided(stage) == 6, second, telling)
    stage.until(lambda: len(all_told(stage.world.client, doors.outcomes("it"))) >= 6, second, telling)
    told = [
        one.body["request"]["id"]
        for one in all_told(stage.world.client, doors.outcomes("it"))
        if one.kind != "happened"
    ]
    assert Counter(told) == Counter(f"HR-{n}-{m}" for n in (1, 2) for m in (1, 2, 3))
    with open_desk(stage.owner, files=files_in(folder)) as desk:
        added = [event for event in desk.feed(0, 1000) if isinstance(event, AttachmentAdded)]
        assert len({event.stream for event in added}) == len(added) == 2
        assert set(chunks_of(added)) < lying(folder)
        for later in (WAITS + timedelta(seconds=1), WAITS + 2 * PUT_BY_THEN):
            while clear(desk.uploads, Directory(folder), desk.now() + later):
                pass
        assert lying(folder) == set(chunks_of(added))
