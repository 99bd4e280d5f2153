"""Text as HTML: whatever is given comes out as text that looks like what it is, whoever wrote it."""

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

_KEPT = "\n\t\u200c\u200d"
"""Line ends and tabs; and the two joiners, without which some scripts and signs cannot be written."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def text(said: object) -> str:
    """Text to be shown. Characters that cannot be seen, or that turn others around, are named in their place."""
    shown = str(said)
    if shown.isprintable():
        return escape(shown)
    return "".join(
        escape(one) if one in _KEPT or unicodedata.category(one) not in _UNSEEN else _named(one) for one in shown
    )


def _named(character: str) -> str:
    return f'<span class="unseen">[U+{ord(character):04X}]</span>'


def element(tag: str, inner: str, kind: str = "") -> str:
    """An element around markup."""
    return f'<{tag} class="{kind}">{inner}</{tag}>' if kind else f"<{tag}>{inner}</{tag}>"


def table(kind: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with these heads, of rows of markup; the heads are repeated on every page."""
    head = element("thead", element("tr", "".join(element("th", text(one)) for one in heads)))
    body = "\n".join(element("tr", "".join(element("td", cell) for cell in row)) for row in rows)
    return f'<table class="{kind}">{head}\n<tbody>\n{body}\n</tbody></table>'


def facts(kind: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Names and their values (markup), one under another."""
    inner = "\n".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f'<dl class="{kind}">\n{inner}\n</dl>'


def section(name: str, title: str, *inner: str) -> str:
    """A part of the document with a heading."""
    return f'<section id="{name}">\n<h2>{text(title)}</h2>\n' + "\n".join(inner) + "\n</section>"


def paragraph(said: str, kind: str = "") -> str:
    """A paragraph of text."""
    return element("p", text(said), kind)


def code(said: object) -> str:
    """Digests, keys and the like."""
    return element("code", text(said))
