"""The audit view: every event a line, for whoever must answer who did what, when and why.

``lines``     one row per event of the record, without its personal content
``tickets``   what a ticket's lines are found and scoped by

``wording`` makes sentences of events when they are shown; no sentence is ever stored.
"""

from projections.audit import (
    wording_of_service_levels,
    wording_of_the_rest,
    wording_of_tickets,
    wording_of_webhooks,
)
from projections.audit.lines import audit
from projections.audit.queries import Page, Wanted, lines
from projections.audit.wording import Names, Wording, sentence, tell

__all__ = [
    "Names",
    "Page",
    "Wanted",
    "Wording",
    "audit",
    "lines",
    "sentence",
    "tell",
    "wording_of_service_levels",
    "wording_of_the_rest",
    "wording_of_tickets",
    "wording_of_webhooks",
]
