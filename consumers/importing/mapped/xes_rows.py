"""Rows of an XES file (IEEE 1849) for a map: an event with its attributes by key, those of its trace as ``case:<key>``.

The file is read as a stream, in bounded memory, by a parser that takes no document type: so there are no entities to
expand and nothing to fetch. XES needs none.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from consumers.importing.mapped.raw import Raw
from consumers.importing.records import NotThisLayout, opened

_CHUNK = 1 << 16
LONGEST_TAG = 1 << 20
"""How many bytes may pass without a tag ending: an event's text is within tags, so this bounds the memory."""
MOST_ATTRIBUTES = 10_000
"""How many attributes an event or a trace may have."""
_VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})
_LISTS = frozenset({"list", "container", "values"})
_DEEPEST = 100


def event_rows(path: Path) -> Iterator[Raw]:
    """The events of an XES file in its order; raises ``NotThisLayout`` where it is none, with the line."""
    with opened(path, ".xes") as file:
        reader = _Reader(path.name)
        while chunk := file.read(_CHUNK):
            yield from reader.feed(chunk)
        yield from reader.end()


class _Reader:
    """One pass over the bytes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._path: list[str] = []
        self._since_tag = 0
        self._row = 0
        self._line = 0
        self._trace: dict[str, str] | None = None
        self._trace_begun = False
        self._traces = 0
        self._event: dict[str, str] | None = None
        self._fault = ""
        self._found: list[Raw] = []

    def feed(self, chunk: bytes) -> list[Raw]:
        """The events that are whole by now."""
        self._since_tag += len(chunk)
        self._parse(lambda: self._parser.Parse(chunk, False))
        if self._since_tag > LONGEST_TAG:
            raise self._no_xes(f"more than {LONGEST_TAG:,} bytes without the end of a tag")
        found, self._found = self._found, []
        return found

    def end(self) -> list[Raw]:
        """What is left at the end of the file, which must be one."""
        self._parse(lambda: self._parser.Parse(b"", True))
        return self._found

    def _parse(self, parse: Callable[[], Any]) -> None:
        try:
            parse()
        except expat.ExpatError as fault:
            raise self._no_xes(expat.errors.messages[fault.code], fault.lineno) from None
        except (LookupError, ValueError):
            raise self._no_xes("its encoding is not known here") from None

    def _no_xes(self, reason: str, line: int = 0) -> NotThisLayout:
        return NotThisLayout(f"{self._name} is no XES: line {line or self._parser.CurrentLineNumber}: {reason}")

    def _doctype(self, *_: Any) -> None:
        raise self._no_xes("a document type, with which entities could stand for anything, is not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._since_tag = 0
        name = name.rpartition(":")[2]
        if not self._path and name != "log":
            raise self._no_xes(f"it begins with <{name[:40]}>, not with <log>")
        if len(self._path) >= _DEEPEST:
            raise self._no_xes(f"elements more than {_DEEPEST} deep")
        if name == "trace":
            self._trace, self._trace_begun = {}, False
            self._traces += 1
        elif name == "event":
            self._event, self._fault, self._trace_begun = {}, "", True
            self._line = self._parser.CurrentLineNumber
        elif name in _VALUES or name in _LISTS:
            self._take(name, attributes)
        self._path.append(name)

    def _take(self, name: str, attributes: dict[str, str]) -> None:
        """An attribute of the event or trace itself; what is nested in another one says more about that one only."""
        parent = self._path[-1]
        if name in _LISTS or parent not in ("event", "trace"):
            return
        holder = self._event if parent == "event" else self._trace
        key = attributes.get("key")
        if holder is None or key is None:
            return
        if parent == "trace" and self._trace_begun:
            raise self._no_xes("an attribute of a trace after its first event")
        if key in holder and holder is self._event:
            self._fault = f"the key {key[:60]!r} stands twice in the event"
        holder[key] = attributes.get("value", "").strip()
        if len(holder) > MOST_ATTRIBUTES:
            raise self._no_xes(f"more than {MOST_ATTRIBUTES:,} attributes in one {parent}")

    def _end(self, name: str) -> None:
        self._since_tag = 0
        name = name.rpartition(":")[2]
        self._path.pop()
        if name == "trace":
            self._trace = None
        elif name == "event" and self._event is not None:
            self._row += 1
            fault = self._fault if self._trace is not None else "the event stands in no trace"
            lines = self._parser.CurrentLineNumber - self._line + 1
            cells = _cells(self._event, self._trace or {})
            self._found.append(Raw(self._row, self._line, lines, cells, fault, self._traces))
            self._event = None


def _cells(event: dict[str, str], trace: dict[str, str]) -> Callable[[str], str]:
    def cell(column: str) -> str:
        return trace.get(column[5:], "") if column.startswith("case:") else event.get(column, "")

    return cell
