"""The fact of a keyed request: decided once, for ever.

The stream's id is an HMAC of (principal, source, key): a repeat finds the first decision whatever happened since.
"""

from uuid import UUID

from domain.envelope import Event, Json


class RequestDecided(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The request was carried out (``receipt``) or refused (``refusal``: code, detail, particulars)."""

    TYPE = "request.decided.v1"

    digest: str
    ticket: UUID | None = None
    receipt: dict[str, Json] | None = None
    refusal: dict[str, Json] | None = None
