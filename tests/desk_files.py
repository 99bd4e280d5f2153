"""What the tests say often of files: uploaded and put to tickets over HTTP."""

from typing import Any
from urllib.parse import quote

import httpx

from desk_talk import done

PNG = b"\x89PNG\r\n\x1a\n"
"""What every picture of that kind begins with."""
PART = {"Content-Type": "application/partial-upload"}


def uploaded(
    client: httpx.Client, content: bytes, name: str = "log.txt", kind: str = "text/plain", **headers: str
) -> dict[str, Any]:
    """A file that was uploaded whole."""
    told = {"Content-Type": kind, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", **headers}
    answer = client.post("/uploads", content=content, headers=told)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert found["complete"]
    return found


def attached(client: httpx.Client, number: str, content: bytes, name: str = "log.txt", **fields: Any) -> str:
    """The id of a file that was put to a ticket."""
    kind = fields.pop("kind", "text/plain")
    upload = str(uploaded(client, content, name, kind)["upload"])
    done(client, number, "attach", upload=upload, **fields)
    return upload


def begun(client: httpx.Client, length: int | None = None, **headers: str) -> str:
    """The address of an upload of which nothing has come yet."""
    told = {"Content-Type": "text/plain", "Upload-Complete": "?0", **headers}
    if length is not None:
        told["Upload-Length"] = str(length)
    answer = client.post("/uploads", headers=told)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "0"
    return answer.headers["location"]


def sent_on(client: httpx.Client, upload: str, offset: int, content: Any, *, ends: bool) -> httpx.Response:
    """What is answered when an upload is gone on with."""
    told = {**PART, "Upload-Offset": str(offset), "Upload-Complete": "?1" if ends else "?0"}
    return client.patch(upload, content=content, headers=told)


def stands(client: httpx.Client, upload: str) -> int:
    """How far an upload has come."""
    answer = client.head(upload)
    assert answer.is_success, answer.status_code
    return int(answer.headers["upload-offset"])
