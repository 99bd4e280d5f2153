"""The export of a person as a page to read and print: one file, with nothing fetched from anywhere."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from api.person.export import Disclosure
from api.person.shapes import FactTold, LookTold, RequestTold

_STYLE = (
    "body{font:16px/1.5 serif;max-width:46em;margin:2em auto;padding:0 1em;color:#111;background:#fff}"
    "h1,h2,h3{line-height:1.2}section{margin:2em 0;border-top:1px solid #999}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2em .6em .2em 0}"
    "dl{margin:.2em 0 .8em 1.5em}dt{font-style:italic}"
    "dd{margin:0 0 .3em 1em;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".when{color:#555}@media print{body{margin:0;max-width:none}article{break-inside:avoid}}"
)
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src"
    f" 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's own style and nothing else: whatever a text says, it is text."""


def head(told: Disclosure, zone: ZoneInfo) -> str:
    """The page up to the requests."""
    facts = told.processing
    full = " With internal notes, and with who looked." if told.full else ""
    contacts = "".join(
        f"<tr><td>{_when(one.recorded_at, zone)}</td><td>{_lines(_contact_of(one))}</td></tr>" for one in told.contacts
    )
    held = "<p>A legal hold forbids to erase some of it now.</p>" if facts.held else ""
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>What is held of {told.person}</title><style>{_STYLE}</style></head><body>"
        "<h1>What this desk holds of you</h1>"
        f"<p>You are known here as {told.person}. Made on {_when(told.made_at, zone)}, as of position {told.position}"
        f" of the record. Times are of the zone {escape(str(zone))}.{full}</p>"
        "<section><h2>Who you are to the desk</h2>"
        f"<table><tr><th>Since</th><th>Known as</th></tr>{contacts}</table></section>"
        "<section><h2>What is done with it</h2>"
        f"{_list('It is kept', facts.purposes)}{_list('It is', facts.categories)}"
        f"{_list('It comes from', facts.sources)}"
        f"{_list('It is seen by', facts.recipients)}{_list('Legal holds:', facts.holds)}{held}</section>"
        "<section><h2>Your requests</h2>"
    )


def request(told: RequestTold, zone: ZoneInfo) -> str:
    """One request with all that happened to it."""
    closed = f", closed on {_when(told.closed_at, zone)}" if told.closed_at is not None else ""
    kept = f" Kept until {_when(told.kept_until, zone)}." if told.kept_until is not None else ""
    not_theirs = "<p>It is another person's request now; here is what tells of you.</p>" if not told.theirs else ""
    return (
        f"<article><h3>Request {told.number}</h3><p>{escape(told.department)}, {escape(told.status.replace('_', ' '))};"
        f" opened on {_when(told.opened_at, zone)}{closed}.{kept}</p>{not_theirs}"
        f"{''.join(_fact(one, zone) for one in told.facts)}</article>"
    )


def between() -> str:
    """What stands between the requests and who looked."""
    return (
        "</section><section><h2>Who was shown something of you</h2>"
        "<table><tr><th>When</th><th>Who</th><th>What they asked for, with what right</th></tr>"
    )


def look(told: LookTold, zone: ZoneInfo) -> str:
    """One time that somebody was shown something."""
    who = f"{told.kind} {told.who}".strip()
    urgent = ", for a reason they gave" if told.break_glass else ""
    return (
        f"<tr><td>{_when(told.at, zone)}</td><td>{escape(who)}</td>"
        f"<td>{escape(told.operation)}, {escape(told.permission)}{urgent}</td></tr>"
    )


def foot() -> str:
    """The end."""
    return "</table></section></body></html>\n"


def _fact(told: FactTold, zone: ZoneInfo) -> str:
    who = "you" if told.by_person else f"{told.by.kind} {told.by.id}".strip()
    what = told.sentence or f"{told.type.split('.')[1].replace('-', ' ')}, by {who}"
    said = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{_value(value)}</dd>" for name, value in _filled(told)
    )
    return f"<p><span class=when>{_when(told.at, zone)}</span> {escape(what)}</p>{f'<dl>{said}</dl>' if said else ''}"


def _filled(told: FactTold) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in told.data.items() if value not in ("", None, (), [], {}))


def _value(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    if isinstance(plain, Mapping):
        return escape("\n".join(f"{name}: {one}" for name, one in plain.items()))
    if isinstance(plain, list | tuple):
        return escape(", ".join(str(one) for one in plain))
    return escape(str(plain))


def _contact_of(contact: msgspec.Struct) -> Iterable[str]:
    known = msgspec.structs.asdict(contact)
    names = ("name", "email", "handle", "department", "tier", "language")
    return (f"{name}: {known[name]}" for name in names if known[name])


def _lines(lines: Iterable[str]) -> str:
    return "<br>".join(escape(line) for line in lines)


def _list(title: str, items: Iterable[str]) -> str:
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<p>{title}</p><ul>{listed}</ul>" if listed else ""


def _when(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
