"""Reading ``desk.yaml`` and other documents in YAML: what is wrong is said with the line it stands in."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from domain.clock.calendar import WEEKDAYS
from domain.desk.document import DeskDocument
from domain.errors import SetupConflict

D = TypeVar("D", bound=BaseModel)


class DeskFileError(ValueError):
    """The file cannot be used; each line of the message says where and why."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML forbids and most readers overlook; tells where a value is none."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except DeskFileError:
            raise
        except ValueError as fault:
            # The 30th of February looks like a date to YAML.
            raise DeskFileError(f"line {node.start_mark.line + 1}: {fault}") from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise DeskFileError(f"line {key_node.start_mark.line + 1}: a list or mapping is no key")
            if key in seen:
                raise DeskFileError(f"line {key_node.start_mark.line + 1}: {key!r} stands here a second time")
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Words(_Loader):
    """Takes every word as it is written: where a document quotes another file, "No" is no truth and "01" no number."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def read_desk_file(path: Path) -> DeskDocument:
    """The document in a file; raises ``DeskFileError``."""
    return read_document(path, DeskDocument)


def read_document(path: Path, form: type[D], *, words: bool = False) -> D:
    """The document of this form in a YAML file, which holds ``words`` only or all that YAML knows.

    Raises ``DeskFileError``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        raise DeskFileError(f"line {line}: not valid UTF-8") from None
    try:
        content = yaml.load(text, Loader=_Words if words else _Loader)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise DeskFileError(f"line {line}: {fault.problem}") from None
    try:
        return form.model_validate(content or {})
    except ValidationError as faults:
        lines = [
            f"line {line_of(root, fault['loc'])}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in faults.errors(include_url=False)
        ]
        raise DeskFileError("\n".join(lines)) from None


def located(path: Path, conflict: SetupConflict) -> str:
    """A conflict within the configuration, with the line of the file it comes from."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    field = conflict.particulars.get("field")
    if not field:
        named = [f"policies.{name}" for name in conflict.particulars.get("policies", ())]
        where = ", ".join(str(line_of(root, tuple(name.split(".")))) for name in named)
        return f"line {where or 1}: {conflict.detail}"
    place = tuple(int(part) if part.isdigit() else part for part in field.split("."))
    return f"line {line_of(root, place)}: {conflict.detail}"


def line_of(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line (from 1) of the deepest part of ``path`` that the document has."""
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if _covers(str(key.value), str(step))), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _covers(key: str, step: str) -> bool:
    """Whether a key of the document is this step of a path: by name, or as a range of weekdays that has it."""
    first, _, last = key.partition("-")
    if step in WEEKDAYS and first in WEEKDAYS and last in WEEKDAYS:
        return WEEKDAYS.index(first) <= WEEKDAYS.index(step) <= WEEKDAYS.index(last)
    return key == step
