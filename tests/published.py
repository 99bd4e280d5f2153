"""The contract of the topics as it is published today and as it was published before (golden/contract/).

A file holds one message as far as it binds: its schemas without their wording. `<message>-<edition>.json` is added when
something is added to the message; no edition is ever edited, and today's message keeps what each of them says.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from api.problems import ProblemTold
from consumers.asyncapi import checkpoints, document, events, references
from consumers.asyncapi_doors import doors_of
from consumers.doors import Doors
from schema_promises import Promise

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "golden" / "contract"
_WORDING = {"title", "description", "default", "examples"}
_BY_NAME = {"properties", "patternProperties"}
_SCHEMAS = ("key", "headers", "payload")


def today() -> dict[str, Json]:
    """Every message of `/asyncapi.json`, by name."""
    channels = [events("acta.events"), checkpoints("acta.checkpoints"), *doors_of(Doors("acta", ["it"]), ProblemTold)]
    whole = json.loads(msgspec.json.encode(document(channels)))
    parts = whole["components"]["schemas"]
    return {
        name: _message(channel, message, parts) for channel in channels for name, message in channel.messages.items()
    }


def _message(channel: Any, message: Json, parts: Json) -> Json:
    schemas = {
        "key": binding(message.get("bindings", {}).get("kafka", {}).get("key", {})),
        "headers": binding(message["headers"]),
        "payload": binding(message["payload"]),
    }
    needed: Json = {}
    ahead = list(references(schemas))
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed[name] = binding(parts[name])
            ahead += references(needed[name])
    return {
        "channel": channel.name,
        "action": channel.action,
        "name": message["name"],
        "contentType": message["contentType"],
        **schemas,
        "schemas": dict(sorted(needed.items())),
    }


def binding(schema: Any) -> Any:
    """A schema without its wording."""
    if isinstance(schema, list):
        return [binding(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        keyword: {name: binding(part) for name, part in said.items()} if keyword in _BY_NAME else binding(said)
        for keyword, said in schema.items()
        if keyword not in _WORDING
    }


def editions() -> dict[str, list[Json]]:
    """Every message as it was ever published, by name, the oldest first."""
    found: dict[str, dict[int, Json]] = {}
    for file in FOLDER.glob("*.json"):
        name, _, edition = file.stem.rpartition("-")
        found.setdefault(name, {})[int(edition)] = json.loads(file.read_text(encoding="utf-8"))
    return {name: [kept[edition] for edition in sorted(kept)] for name, kept in found.items()}


def broken(old: Json, new: Json) -> list[str]:
    """What this message no longer keeps of what it said."""
    found = [
        f"{said}: was {old[said]}, is {new[said]}"
        for said in ("channel", "action", "name", "contentType")
        if old[said] != new[said]
    ]
    promise = Promise(old["action"] == "receive", old["schemas"], new["schemas"])
    return found + [fault for part in _SCHEMAS for fault in promise.broken(old[part], new[part], part)]


def publish() -> Iterator[Path]:
    """Add a file for each message that is new or says more than its newest edition; never for one that breaks one."""
    before = editions()
    for name, message in sorted(today().items()):
        kept = before.get(name, [])
        if (kept and kept[-1] == message) or any(broken(old, message) for old in kept):
            continue
        file = FOLDER / f"{name}-{len(kept) + 1}.json"
        file.write_text(json.dumps(message, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        yield file
