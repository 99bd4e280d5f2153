"""The list of erasures: a file outside the database, so that what was erased stays erased when a backup is put back.

One JSON object a line, ids only: ``{"position", "person", "subject"}`` or ``{"position", "ticket", "versions"}``. Lines
are only ever added, and are on the disk before an order is carried out. A line that was torn by a crash is passed over;
its order is still to be carried out, and is written again.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.envelope import Event
from domain.person.events import PersonErasureOrdered
from domain.ticket.events import TicketRedacted

Place = tuple[UUID, int]
"""A stream and a version."""


class Erasures:
    """The list in a file, which is made when there is something to write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, orders: Sequence[Event]) -> None:
        """Append what is ordered, unless it is there; it is on the disk when this returns."""
        known = {_key(line) for line in self._lines()}
        lines = [line for line in map(_line, orders) if _key(line) not in known]
        if not lines:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
            # The first line end is for a line before that may be torn.
            file.write("".join(f"\n{json.dumps(line)}" for line in lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def persons(self) -> list[tuple[UUID, UUID]]:
        """Every person who was to be forgotten, and the subject whose key was to be destroyed."""
        return [(UUID(line["person"]), UUID(line["subject"])) for line in self._lines() if "person" in line]

    def messages(self) -> list[Place]:
        """Every event that was to be redacted."""
        return [
            (UUID(line["ticket"]), version)
            for line in self._lines()
            if "ticket" in line
            for version in line["versions"]
        ]

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _line(order: Event) -> dict[str, Any]:
    if isinstance(order, PersonErasureOrdered):
        return {"position": order.position, "person": str(order.stream), "subject": str(order.subject)}
    assert isinstance(order, TicketRedacted)
    return {"position": order.position, "ticket": str(order.stream), "versions": list(order.versions)}


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return line.get("subject"), line.get("ticket"), tuple(line.get("versions", ()))
