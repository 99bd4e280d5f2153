"""The values of ``format`` in the forms of request types: all those of JSON Schema 2020-12.

For IRIs jsonschema would take a parser that is built for seconds whenever a process starts, and reads a text of 50,000
letters for ten more while everybody waits; here they are taken back to the URIs they stand for.
"""

import re

from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker(())
"""Checks the formats of JSON Schema 2020-12."""
FORMATS.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)

# RFC 3987, section 2.2: `ucschar`, which may stand wherever a letter may, and `iprivate`, for queries only.
_LETTERS = re.compile(
    "[\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    + "".join(f"{chr(plane + 0x0000)}-{chr(plane + 0xFFFD)}" for plane in range(0x10000, 0xE0000, 0x10000))
    + "\U000e1000-\U000efffd]"
)
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_QUERY = re.compile(r"\?[^#]*")
_ENCODED = "%C3%A4"


@FORMATS.checks("iri")
def _is_iri(answer: object) -> bool:
    return not isinstance(answer, str) or _stands_for(answer, "uri")


@FORMATS.checks("iri-reference")
def _is_iri_reference(answer: object) -> bool:
    return not isinstance(answer, str) or _stands_for(answer, "uri-reference")


def _stands_for(iri: str, form: str) -> bool:
    """Whether the URI of an IRI (RFC 3987, section 3.1) has its form; which letter is encoded makes no difference."""
    uri = _LETTERS.sub(_ENCODED, iri)
    uri = _QUERY.sub(lambda query: _PRIVATE.sub(_ENCODED, query[0]), uri, count=1)
    return not uri.endswith("\n") and FORMATS.conforms(uri, form)
