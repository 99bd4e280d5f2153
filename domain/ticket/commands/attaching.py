"""Attaching: files that were handed in before are put to the ticket; a suspicious one is kept back, and released."""

from uuid import UUID

from pydantic import Field

from domain.errors import (
    AlreadyAttached,
    AttachmentNotFound,
    NotAllowed,
    NothingChanges,
    TicketIsElsewhere,
    TooManyAttachments,
    UploadNotFound,
)
from domain.ticket.commands.command import ALWAYS, Command, Decision, Situation, decide
from domain.ticket.events import AttachmentAdded, AttachmentQuarantined, AttachmentReleased
from domain.ticket.parts import Attachment
from domain.ticket.state import Ticket

MOST_ATTACHMENTS = 200
"""Files that one ticket takes."""


class Attach(Command):
    """Put a file to the ticket that the caller has uploaded (`POST /uploads`).

    It moves nothing: who wants an answer writes a reply as well.
    """

    VERB = "attach"
    PERMISSION = "ticket.attach"
    OWN = "ticket.attach-own"
    STATUSES = ALWAYS
    MERGED = "passed-on"

    upload: UUID = Field(description="The upload, which must be complete. It is used up.")
    internal: bool = Field(default=False, description="For the desk alone, like a note.")


class Quarantine(Command):
    """Hand out a file of the ticket to nobody until it is released."""

    VERB = "quarantine"
    PERMISSION = "ticket.quarantine"
    STATUSES = ALWAYS
    MERGED = "taken"

    attachment: UUID = Field(description="The attachment's id.")
    reason: str = Field(default="", max_length=1_000)


class ReleaseAttachment(Command):
    """Hand out again a file of the ticket that was kept back."""

    VERB = "release-attachment"
    PERMISSION = "ticket.supervise"
    STATUSES = ALWAYS
    MERGED = "taken"

    attachment: UUID = Field(description="The attachment's id.")
    reason: str = Field(default="", max_length=1_000)


@decide.register
def attach(command: Attach, ticket: Ticket, situation: Situation) -> Decision:
    """A requester's ticket that is over takes a reply first, which says where the matter goes on."""
    works_here = situation.principal.may(command.PERMISSION, ticket.department)
    if command.internal and not situation.principal.may("ticket.note", ticket.department):
        raise NotAllowed("Only who writes notes here may attach what is internal.", permission="ticket.note")
    if not works_here and ticket.status in ("closed", "cancelled"):
        raise TicketIsElsewhere(
            f"A ticket that is {ticket.status} takes no file; write a reply first.",
            status=ticket.status,
            possible=["reply"],
        )
    if any(one.attachment == command.upload for one in ticket.attachments):
        raise AlreadyAttached()
    if len(ticket.attachments) >= MOST_ATTACHMENTS:
        raise TooManyAttachments(limit=MOST_ATTACHMENTS)
    file = situation.file
    if file is None:
        raise UploadNotFound()
    yield AttachmentAdded(
        attachment=file.upload,
        internal=command.internal,
        chunks=file.chunks,
        stored=file.stored,
        name=file.name,
        media_type=file.media_type,
        length=file.length,
        sha256=file.sha256,
        key=file.key,
    )


@decide.register
def quarantine(command: Quarantine, ticket: Ticket, situation: Situation) -> Decision:
    """What is kept back already stays so."""
    found = _found(command.attachment, ticket, situation)
    if found.quarantined:
        raise NothingChanges("This file is kept back already.")
    yield AttachmentQuarantined(attachment=found.attachment, internal=found.internal, reason=command.reason)


@decide.register
def release_attachment(command: ReleaseAttachment, ticket: Ticket, situation: Situation) -> Decision:
    """The mirror of keeping it back."""
    found = _found(command.attachment, ticket, situation)
    if not found.quarantined:
        raise NothingChanges("This file is not kept back.")
    yield AttachmentReleased(attachment=found.attachment, internal=found.internal, reason=command.reason)


def _found(attachment: UUID, ticket: Ticket, situation: Situation) -> Attachment:
    """An attachment that exists for the caller: an internal one does for who reads notes."""
    found = next((one for one in ticket.attachments if one.attachment == attachment), None)
    if found is None or (found.internal and not situation.principal.may("ticket.read-notes", ticket.department)):
        raise AttachmentNotFound()
    return found
