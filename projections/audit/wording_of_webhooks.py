"""What was done to webhooks, in words."""

from domain.setup import events as s
from projections.audit.wording import Speech, listed, quoted, says

_TOLD = {"outcomes": "what was decided of its requests", "facts": "what happens to their tickets"}
_CAUSES = {
    "asked": "",
    "gone": ", since its receiver answered that it is gone",
    "exhausted": ", since every attempt at a message had failed",
}


@says(s.WebhookRegistered)
def registered(event: s.WebhookRegistered, speech: Speech) -> str:
    whose = speech.department(event.department)
    return f"registered the webhook {quoted(event.webhook)} of {whose}, which tells {_what(event)}"


@says(s.WebhookChanged)
def changed(event: s.WebhookChanged, speech: Speech) -> str:
    return f"changed the webhook {quoted(event.webhook)}, which tells {_what(event)}"


@says(s.WebhookSecretRotated)
def secret_rotated(event: s.WebhookSecretRotated, speech: Speech) -> str:
    until = speech.moment(event.old_until)
    return f"gave the webhook {quoted(event.webhook)} another secret; those before sign until {until} at most"


@says(s.WebhookPaused)
def paused(event: s.WebhookPaused, speech: Speech) -> str:
    at = f" ({quoted(event.message)})" if event.message else ""
    return f"paused the webhook {quoted(event.webhook)}{_CAUSES[event.cause]}{at}"


@says(s.WebhookResumed)
def resumed(event: s.WebhookResumed, speech: Speech) -> str:
    return f"let the webhook {quoted(event.webhook)} go on where it had stopped"


@says(s.WebhookReplayed)
def replayed(event: s.WebhookReplayed, speech: Speech) -> str:
    return f"let the webhook {quoted(event.webhook)} send again everything from position {event.from_position} on"


@says(s.WebhookPinged)
def pinged(event: s.WebhookPinged, speech: Speech) -> str:
    return f"let the webhook {quoted(event.webhook)} send a message that means nothing, to see whether it arrives"


@says(s.WebhookRetired)
def retired(event: s.WebhookRetired, speech: Speech) -> str:
    return f"retired the webhook {quoted(event.webhook)}, which sends nothing any more"


def _what(event: s.WebhookRegistered | s.WebhookChanged) -> str:
    about = f" ({event.description})" if event.description else ""
    return f"{listed([_TOLD[one] for one in event.tells])} to {quoted(event.url)}{about}"
