"""The story as one document for people, to be read on a screen or printed: HTML that needs nothing else.

It holds no script and no address, and a policy forbids what it does not hold. Times are told in one zone, which the
document states, and in UTC.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec

from api.clocks.picture import picture
from api.evidence import limits
from api.evidence.bundle import attachment
from api.evidence.markup import code, element, facts, paragraph, section, table, text
from api.evidence.story import Hold, Story, Told
from api.evidence.style import digest_of, style_of
from domain.clock.wording import render, shown
from domain.envelope import Event, personal_fields
from domain.record.merkle import leaf_hash
from domain.setup.events import LegalHoldLifted, LegalHoldPlaced
from domain.ticket.events import AttachmentAdded
from projections.audit.wording import Speech

_TOLD = frozenset({"title", "name", "text", "comment", "reason", "notes", "personal_new", "ground"})
"""Personal text that sentences quote, wherever it stands."""

_OF_FILES = frozenset({"media_type", "length", "sha256", "key"})
"""What is sealed of a file that was attached: told where the files are, but for its key."""

_SECTIONS = (
    ("story", "What happened"),
    ("people", "Who is who"),
    ("holds", "Holds"),
    ("signatures", "Signatures"),
    ("clocks", "Service levels"),
    ("configuration", "The configuration that applies"),
    ("access", "Who looked"),
    ("attachments", "Attachments"),
    ("proofs", "Proofs"),
    ("limits", "What is proved, and what is not"),
)


def document(story: Story) -> bytes:
    """The document."""
    title = _title(story.bundle.description.number)
    style = style_of(title)
    policy = f"default-src 'none'; style-src '{digest_of(style)}'; img-src data:"
    titles = dict(_SECTIONS)
    parts = {
        "story": [_told(story, story.ticket)],
        "people": _people(story),
        "holds": _holds(story),
        "signatures": _signatures(story),
        "clocks": _clocks(story),
        "configuration": [_told(story, story.configuration)],
        "access": _access(story),
        "attachments": _attachments(story),
        "proofs": _proofs(story),
        "limits": [_list(limits.PROVED), element("h3", "Taken on trust"), _list(limits.TRUSTED)],
    }
    body = [_cover(story, title), *(section(name, titles[name], *inner) for name, inner in parts.items())]
    parted = "\n".join(body)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{parted}
<footer>{text(_made(story))}</footer>
</body>
</html>
"""
    return page.encode()


def readme(number: int) -> bytes:
    """The text beside the document, which says what it is and how to check it."""
    return limits.readme(_title(number))


def _title(number: int) -> str:
    return f"Evidence of ticket #{number}"


def _cover(story: Story, title: str) -> str:
    today, description = story.today, story.bundle.description
    speech = Speech(story.names, story.zone)
    origin, size, root, *_ = story.bundle.note.split("\n")
    about = facts(
        "about",
        [
            ("Ticket", text(f"#{description.number}") + " " + code(description.ticket)),
            ("Department", text(_named(story.names.departments, today.department))),
            ("Asked by", text(speech.person(today.requester))),
            ("Answerable", text(speech.agent(today.assignee) if today.assignee else "nobody")),
            ("State", text(f"{today.status.replace('_', ' ')}, priority {today.priority}")),
            ("Opened", _moment(story, story.ticket[0].event.effective_at)),
            ("Last event", _moment(story, story.ticket[-1].event.effective_at)),
            ("Events", text(f"{len(story.ticket)} of the ticket, versions 1 to {today.version}")),
        ],
    )
    made = facts(
        "made",
        [
            ("Made", _moment(story, description.made_at)),
            ("Made by", text(speech.agent(description.made_by.id)) + f" ({text(description.made_by.kind)})"),
            ("As of checkpoint", text(f"{origin}, {int(size):,} events") + "<br>" + code(root)),
            ("Signed with", code(story.bundle.vkey)),
            ("Times", text(f"{story.zone.key}; UTC beneath")),
        ],
    )
    links = "".join(f'<a href="#{name}">{text(said)}</a>' for name, said in _SECTIONS)
    return element(
        "header",
        "\n".join(
            [
                paragraph("Evidence from a service desk’s record", "kicker"),
                element("h1", text(title)),
                paragraph(today.title or "(without a title)", "subject"),
                about,
                made,
                element("div", "".join(paragraph(one) for one in limits.HOW), "verify"),
                element("nav", links),
            ]
        ),
        "cover",
    )


def _told(story: Story, told: Sequence[Told]) -> str:
    if not told:
        return paragraph("Nothing.")
    rows = (
        (text(f"{one.event.position}"), _when(story, one.event.occurred_at), _sentence(one) + _untold(one.event))
        for one in told
    )
    return table("told", ("Position", f"When ({story.zone.key})", "Who did what"), rows)


def _sentence(told: Told) -> str:
    words = told.words
    said = f"{words.who[:1].upper()}{words.who[1:]} {words.what}{words.note}"
    return element("div", text(said if said.endswith((".”", "!”", "?”")) else f"{said}."), "words")


def _untold(event: Event) -> str:
    """The personal text that the event's sentence leaves out, such as the description of what is asked for."""
    own = {name: getattr(event, name) for name in _personal(type(event)) if name not in _TOLD | _OF_FILES}
    return "".join(
        element("div", element("b", text(name.replace("_", " "))) + text(f": {_plain(value)}"), "words more")
        for name, value in own.items()
        if value not in ("", None, {})
    )


_personal = cache(personal_fields)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _people(story: Story) -> list[str]:
    acted: dict[tuple[str, str], list[Told]] = {}
    for one in story.ticket:
        actor = one.event.act.actor
        acted.setdefault((actor.kind, actor.id), []).append(one)
    speech = Speech(story.names, story.zone)
    rows = [
        (
            text(speech.agent(handle)) if handle else text("the desk itself"),
            code(handle) if handle else "",
            text(kind),
            text(f"{len(told)}"),
            _when(story, told[0].event.occurred_at),
            _when(story, told[-1].event.occurred_at),
        )
        for (kind, handle), told in acted.items()
    ]
    return [
        paragraph(
            "The record has handles in place of names; names are those of the events beneath, unless erased.", "soft"
        ),
        table("people", ("Name", "Handle", "Kind", "Acts", "First", "Last"), rows),
        element("h3", "The requester"),
        _told(story, story.persons),
    ]


def _holds(story: Story) -> list[str]:
    found = []
    if story.holds:
        heads = ("Waited for", "From", "To", "Length")
        found.append(table("holds", heads, (_hold(story, hold) for hold in story.holds)))
    else:
        found.append(paragraph("The ticket was never on hold."))
    legal = [one for one in story.configuration if isinstance(one.event, LegalHoldPlaced | LegalHoldLifted)]
    found.append(element("h3", "Legal holds"))
    found.append(_told(story, legal) if legal else paragraph("None covers this ticket."))
    return found


def _hold(story: Story, hold: Hold) -> Sequence[str]:
    until = hold.end or story.bundle.description.made_at
    end = _when(story, hold.end) if hold.end else text("still on hold when this was made")
    return text(hold.reason), _when(story, hold.start), end, text(_length(until - hold.start))


def _signatures(story: Story) -> list[str]:
    """Printed name, time and meaning of each signature, and whether it is bound to the record that is shown."""
    if not story.signatures:
        return [paragraph("Nobody has signed this ticket.")]
    heads = ("Name", "Meaning", f"Signed ({story.zone.key})", "What was signed", "Bound to it")
    rows = (
        (
            text(signed.name) + "<br>" + code(signed.signer),
            text(signed.meaning) + (text(f", with the act “{signed.command}”") if signed.command else ""),
            _when(story, signed.signed_at),
            text(f"versions 1 to {signed.version - 1}") + "<br>" + code(signed.digest),
            text("yes" if one.fits else "NO: other events stand before it than were signed"),
        )
        for one in story.signatures
        for signed in (one.signed,)
    )
    return [table("signatures", heads, rows)]


def _clocks(story: Story) -> list[str]:
    if not story.clocks:
        return [paragraph("No clock ran.")]
    at = story.bundle.description.made_at
    drawn = picture(story.bundle.description.number, at, story.clocks, story.policies, story.zone.key)
    source = f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}"
    return [
        f'<img alt="The clocks as lanes over one time axis; the text beneath says the same." src="{source}">',
        *(element("pre", text(render(clock, story.zone.key))) for clock in story.clocks),
    ]


def _access(story: Story) -> list[str]:
    said = "Refusals and readings that name this ticket and were recorded up to the checkpoint."
    return [paragraph(said, "soft"), _told(story, story.access)]


def _attachments(story: Story) -> list[str]:
    """Each file that was put to the ticket, and what of it is here."""
    added = [one.event for one in story.ticket if isinstance(one.event, AttachmentAdded)]
    if not added:
        return [paragraph("None. No file is attached to this ticket.")]
    rows = (
        (
            text(f"{event.position}"),
            _when(story, event.occurred_at),
            text(event.name) + "<br>" + text(event.media_type),
            text("" if event.withheld else f"{event.length:,} bytes")
            + "<br>"
            + code("" if event.withheld else event.sha256),
            text(_where(story, event)),
        )
        for event in added
    )
    heads = ("Position", f"Attached ({story.zone.key})", "File", "Length and SHA-256", "In this bundle")
    return [table("attachments", heads, rows)]


def _where(story: Story, event: AttachmentAdded) -> str:
    """What of a file is in the bundle, or why it is not."""
    if event.withheld:
        return "no: it is erased"
    here = story.bundle.attached.get(event.position)
    if here is not None:
        return attachment(event.position, here.suffix)
    kept_back = any(one.quarantined for one in story.today.attachments if one.attachment == event.attachment)
    return "no: it is in quarantine" if kept_back else "no: it was missing or damaged where it lay"


def _proofs(story: Story) -> list[str]:
    exhibits = story.bundle.exhibits
    parts = [*story.ticket, *story.persons, *story.configuration, *story.access]
    told = sorted({one.event.position: one.event for one in parts}.items())
    rows = (
        (
            text(f"{position}"),
            text(event.TYPE) + "<br>" + text(f"version {event.version}"),
            code(exhibits[position].entry.split(b'"sha256":"')[1][:64].decode())
            + code(leaf_hash(exhibits[position].entry).hex()),
            text(_key(story, position, event)),
        )
        for position, event in told
    )
    return [
        paragraph("The checkpoint, as signed:", "next"),
        element("pre", text(story.bundle.note)),
        paragraph(
            "For each event: the SHA-256 digest of its stored bytes, beneath it the hash of its entry in the log, and"
            " whether the key of its personal text is disclosed."
        ),
        table("proofs", ("Position", "Event", "Digest and leaf hash", "Key"), rows),
    ]


def _key(story: Story, position: int, event: Event) -> str:
    if story.bundle.exhibits[position].key is not None:
        return "disclosed"
    return "erased" if event.seal is not None else "nothing sealed"


def _when(story: Story, at: datetime) -> str:
    local = at.astimezone(story.zone)
    utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return element("div", text(f"{local:%Y-%m-%d %H:%M:%S} {_offset(local)}") + element("small", text(utc)), "when")


def _moment(story: Story, at: datetime) -> str:
    local = at.astimezone(story.zone)
    said = Speech(story.names, story.zone).moment(at)
    exactly = f"({_offset(local)}; {at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z)"
    return text(said) + " " + element("span", text(exactly), "soft")


def _offset(local: datetime) -> str:
    offset = local.strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


def _length(length: timedelta) -> str:
    return f"{shown(timedelta(seconds=round(length.total_seconds())))} h"


def _named(names: Mapping[str, str], handle: str) -> str:
    return f"{names[handle]} ({handle})" if handle in names else handle


def _list(lines: Sequence[str]) -> str:
    return element("ul", "".join(element("li", text(line)) for line in lines))


def _made(story: Story) -> str:
    return f"Made by {story.bundle.description.software}."
