"""What a bundle proves, what it cannot, and how one finds out: in the document, beside it, and when it is checked."""

PROVED = (
    "Each event’s stored bytes are those whose digest stands in its entry, and so are its place, kind and time.",
    "Each entry is in the log under the checkpoint, whose signature is that of the log’s key.",
    "The ticket’s events are all there from the first to the last one shown: each entry names the one before it.",
    "So are those of the persons who asked.",
    "Each disclosed key is the one with which its event was sealed, and the text shown is what was sealed with it.",
    "Each file that is here is the one that was attached: what was sealed in parts whose digests stand in its event.",
    "This document is what these events say.",
)
_KEY = "That the key named is the log’s: compare it with one that you have from somewhere else."
_HISTORY = (
    "That the checkpoint is not one of another history, made for you: compare it with one that somebody else has kept"
    " or cosigned."
)
TRUSTED = (
    _KEY,
    _HISTORY,
    "That no later event of the ticket was left out: compare the last version with what you know from elsewhere.",
    "That text shown as erased was erased, and its key not merely left out; and so with a file that is not here.",
    "That of the configuration and of who looked nothing was left out.",
    "Who made the bundle and when: that is stated, not signed.",
    "That who acted is who the desk took them for, and that the desk’s clock was right.",
)
HOW = (
    "How to verify this. This document is evidence.html of a bundle, a zip file. With the desk’s software installed, on"
    " any machine and without a network: acta verify-bundle FILE. It derives everything anew from the stored bytes,"
    " this document included, and says VALID, or what is wrong and where.",
    "Without that software: sha256sum events/N.json gives the digest that stands in entries/N.json, and any verifier"
    " of c2sp.org/tlog-proof checks proofs/N.tlog-proof with log.vkey.",
)


def trusted(*, key: bool, history: bool) -> tuple[str, ...]:
    """What is taken on trust by one who has the log's key from elsewhere, or an older checkpoint to compare with."""
    spared = {_KEY} if key else set[str]()
    return tuple(line for line in TRUSTED if line not in (spared | {_HISTORY} if history else spared))


def readme(title: str) -> bytes:
    """The text file beside the document."""
    proved, taken = ("\n".join(f"- {line}" for line in lines) for lines in (PROVED, TRUSTED))
    return f"""{title}

evidence.html tells it; print it or read it in any browser.

{HOW[0]}

{HOW[1]}

What a bundle proves that is VALID:

{proved}

What is taken on trust:

{taken}
""".encode()
