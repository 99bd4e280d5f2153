"""Attaching: whose file, to whom it is visible, when a ticket takes one, and keeping one back."""

from uuid import UUID

import msgspec

from domain.errors import (
    AlreadyAttached,
    AttachmentNotFound,
    NotAllowed,
    NothingChanges,
    TicketIsElsewhere,
    TooManyAttachments,
    UploadNotFound,
)
from domain.ticket.commands.attaching import MOST_ATTACHMENTS, Attach, Quarantine, ReleaseAttachment
from domain.ticket.events import (
    AttachmentAdded,
    AttachmentQuarantined,
    AttachmentReleased,
    TicketCancelled,
    TicketClosed,
)
from domain.ticket.file import File
from given_when_then import agent, given, opened, requester

UPLOAD = UUID("f1000000-0000-4000-8000-000000000001")
FILE = File(
    upload=UPLOAD,
    name="log.txt",
    media_type="text/plain",
    length=3,
    sha256="2" * 64,
    key="3" * 64,
    chunks=("1" * 64,),
    stored=31,
)


def added(upload: UUID = UPLOAD, *, internal: bool = False) -> AttachmentAdded:
    return AttachmentAdded(
        attachment=upload,
        internal=internal,
        chunks=FILE.chunks,
        stored=31,
        name="log.txt",
        media_type="text/plain",
        length=3,
        sha256=FILE.sha256,
        key=FILE.key,
    )


def test_a_file_that_was_uploaded_is_put_to_the_ticket_with_all_that_opens_it():
    given(opened()).with_file(FILE).when(Attach(upload=UPLOAD)).then(added())


def test_a_requester_puts_a_file_to_their_ticket():
    given(opened()).with_file(FILE).by(requester()).when(Attach(upload=UPLOAD)).then(added())


def test_a_file_for_the_desk_alone_is_marked_so():
    given(opened()).with_file(FILE).when(Attach(upload=UPLOAD, internal=True)).then(added(internal=True))


def test_a_requester_puts_nothing_internal_to_their_ticket():
    asked = given(opened()).with_file(FILE).by(requester()).when(Attach(upload=UPLOAD, internal=True))
    asked.then_refused(NotAllowed, permission="ticket.note")


def test_without_an_upload_there_is_nothing_to_attach():
    given(opened()).when(Attach(upload=UPLOAD)).then_refused(UploadNotFound)


def test_a_file_is_attached_once_also_when_its_upload_is_used_up():
    given(opened(), added()).when(Attach(upload=UPLOAD)).then_refused(AlreadyAttached)


def test_a_ticket_takes_so_many_files_and_no_more():
    files = [added(UUID(int=number)) for number in range(1, MOST_ATTACHMENTS + 1)]
    asked = given(opened(), *files).with_file(FILE).when(Attach(upload=UPLOAD))
    asked.then_refused(TooManyAttachments, limit=MOST_ATTACHMENTS)


def test_to_a_ticket_that_is_over_the_requester_replies_first():
    for over in (TicketClosed(), TicketCancelled()):
        asked = given(opened(), over).with_file(FILE).by(requester()).when(Attach(upload=UPLOAD))
        asked.then_refused(TicketIsElsewhere, possible=["reply"])


def test_to_a_ticket_that_is_over_the_desk_adds_what_belongs_there():
    given(opened(), TicketClosed()).with_file(FILE).when(Attach(upload=UPLOAD)).then(added())


def test_a_file_moves_nothing():
    asked = given(opened()).with_file(FILE)
    before = asked.ticket
    after = asked.when(Attach(upload=UPLOAD)).becomes()
    assert after.status == before.status == "new"
    assert [one.attachment for one in after.attachments] == [UPLOAD]


def test_a_file_is_kept_back_and_released():
    kept_back = given(opened(), added()).when(Quarantine(attachment=UPLOAD, reason="Scanner."))
    kept_back.then(AttachmentQuarantined(attachment=UPLOAD, reason="Scanner."))
    assert kept_back.becomes().attachments[0].quarantined
    released = given(opened(), added(), AttachmentQuarantined(attachment=UPLOAD))
    released.by(agent("bob")).when(ReleaseAttachment(attachment=UPLOAD)).then(AttachmentReleased(attachment=UPLOAD))
    assert not released.becomes().attachments[0].quarantined


def test_keeping_back_what_is_kept_back_or_releasing_what_is_not_changes_nothing():
    given(opened(), added(), AttachmentQuarantined(attachment=UPLOAD)).when(Quarantine(attachment=UPLOAD)).then_refused(
        NothingChanges
    )
    given(opened(), added()).when(ReleaseAttachment(attachment=UPLOAD)).then_refused(NothingChanges)


def test_what_becomes_of_an_internal_file_is_internal():
    given(opened(), added(internal=True)).when(Quarantine(attachment=UPLOAD)).then(
        AttachmentQuarantined(attachment=UPLOAD, internal=True)
    )


def test_an_internal_file_is_not_there_for_who_reads_no_notes():
    scanner = msgspec.structs.replace(
        agent(), grants=((frozenset({"ticket.read", "ticket.quarantine"}), frozenset({"it"})),)
    )
    asked = given(opened(), added(internal=True)).by(scanner).when(Quarantine(attachment=UPLOAD))
    asked.then_refused(AttachmentNotFound)


def test_another_ticket_s_file_is_not_there():
    given(opened()).when(Quarantine(attachment=UPLOAD)).then_refused(AttachmentNotFound)
