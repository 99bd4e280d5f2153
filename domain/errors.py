"""Why a command or a question was refused.

* Refused
  - NotUnderstood         the request itself is malformed
  - NotKnown              it names something that is not there, or not visible
    + TicketNotFound, PersonNotFound, DepartmentNotFound, GroupNotFound, AgentNotFound, RequestTypeNotFound, ...
    + UploadNotFound, AttachmentNotFound (a file on its way in, or a ticket's)
  - NotAllowed            the caller may see it, but not do it
    + NotAuthenticated, BackdatingNotAllowed, SignerNotProved (an electronic signature; PinLocked)
  - NotPossible           the rules of the desk forbid it now
    + TicketIsElsewhere (the life cycle does not allow it), NothingChanges, MergeWouldCircle, ...
  - OutOfDate             somebody was faster
    + TicketMovedOn (If-Match), KeyUsedDifferently (idempotency key), CosignedFurther (by a witness), WrongOffset
      (of an upload)
  - CouldNotBeTaken       a fault of ours, with a request that is kept
* NotReadyYet             the answer is not there yet; try again later
  - Unreachable           a place where files lie
* Altered                 a file that lies there is missing or not as it was put: a fault of ours
* Unreadable              a stored event cannot be read: a fault of ours, never of a caller

The docstring of an error is the message a person reads; ``detail`` adds the particulars and never holds what the
caller sent as free text. ``code`` is stable and public.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, NotRequired, TypedDict, Unpack

from msgspec import Meta

MOST_FAULTS = 20
"""That one refusal names; the others are named when these are mended."""


class FieldFault(TypedDict):
    """A field and the rule that it breaks; never what stood in it."""

    field: Annotated[str, Meta(description="Names and indexes from the outside in, with a slash between them.")]
    rule: Annotated[str, Meta(description="In words.")]
    code: NotRequired[Annotated[str, Meta(description="The rule's stable name.")]]
    known: NotRequired[Annotated[list[str], Meta(description="What there is to choose from.")]]


class Particulars(TypedDict, total=False):
    """What a refusal may say beside its sentence. Recorded with keyed requests, so no name ever changes its meaning."""

    field: Annotated[str, Meta(description="The field at fault; in parentheses what has no name of its own.")]
    faults: Annotated[list[FieldFault], Meta(description="The fields that break a rule, or the first 20 of them.")]
    known: Annotated[list[str], Meta(description="What could be named there.")]
    limit: Annotated[int, Meta(description="How many there may be, or how much: bytes.")]
    possible: Annotated[list[str], Meta(description="The commands that the life cycle of the ticket allows now.")]
    status: Annotated[str, Meta(description="Where the ticket is in its life cycle.")]
    version: Annotated[int, Meta(description="The version that the ticket has.")]
    permission: Annotated[str, Meta(description="The permission that is missing.")]
    into: Annotated[int, Meta(description="The number of the ticket into which that one was merged.")]
    level: Annotated[int, Meta(description="The level to which the ticket is escalated already.")]
    assignee: Annotated[str, Meta(description="To whom the ticket is assigned.")]
    agent: Annotated[str, Meta(description="The agent named.")]
    group: Annotated[str, Meta(description="The group named.")]
    kind: Annotated[str, Meta(description="The kind of link named.")]
    entry: Annotated[int, Meta(description="The time entry named, by its version.")]
    request_type: Annotated[str, Meta(description="The request type whose form the answers do not fit.")]
    holds: Annotated[list[str], Meta(description="The legal holds that forbid it.")]
    meanings: Annotated[list[str], Meta(description="What a signature of this act can mean.")]
    attempts_left: Annotated[int, Meta(description="How many more wrong PINs are taken.")]
    seconds: Annotated[int, Meta(description="How long ago a sign-in may lie.")]
    policies: Annotated[list[str], Meta(description="The service level policies at odds.")]
    key: Annotated[str, Meta(description="The API key named, by its public part.")]
    webhook: Annotated[str, Meta(description="The webhook named.")]
    length: Annotated[int, Meta(description="The length of the file, in bytes.")]
    received: Annotated[int, Meta(description="How many bytes of the file have come.")]
    size: Annotated[int, Meta(description="The size of the newest checkpoint that was cosigned.")]
    incident: Annotated[str, Meta(description="Under which the desk's log says more.")]


def _named(faults: Iterable[FieldFault]) -> list[FieldFault]:
    """Each once, and not too many: a refusal is recorded and sent on, and a body breaks rules as often as it likes."""
    named: list[FieldFault] = []
    for fault in faults:
        if fault not in named:
            named.append(fault)
        if len(named) == MOST_FAULTS:
            break
    return named


class Refused(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in cls.__name__)
        cls.code = words.lstrip("-")

    def __init__(self, detail: str = "", **particulars: Unpack[Particulars]) -> None:
        if "faults" in particulars:
            particulars["faults"] = _named(particulars["faults"])
        self.detail = detail
        self.particulars = particulars
        super().__init__(detail or self.title)

    @property
    def title(self) -> str:
        """The sentence every error of this kind begins with."""
        return (type(self).__doc__ or "").strip().splitlines()[0]


class NotUnderstood(Refused):
    """The request could not be understood."""


class MalformedBody(NotUnderstood):
    """The body is not JSON in UTF-8."""


class NotValid(NotUnderstood):
    """A field of the request breaks a rule."""


class NotARequest(NotUnderstood):
    """This is not a request in the form of a CloudEvent."""


class RequestKindNotKnown(NotUnderstood):
    """There is no such kind of request."""


class FormNotValid(NotUnderstood):
    """The answers do not fit the form of the request type."""


class HoldCoversNothing(NotUnderstood):
    """A legal hold must name tickets, persons or departments."""


class MeaningNotKnown(NotUnderstood):
    """A signature of this act cannot mean that."""


class CosignatureNotValid(NotUnderstood):
    """This is not a cosignature of a checkpoint of this log by one of its witnesses."""


class WebhookAddressNotAllowed(NotUnderstood):
    """A webhook cannot have this address."""


class UploadTooLarge(NotUnderstood):
    """The file is larger than this desk takes."""


class UploadLengthWrong(NotUnderstood):
    """The file is not as long as was said."""


class MediaTypeNotTaken(NotUnderstood):
    """This desk takes no files of this type."""


class ContentNotAsDeclared(NotUnderstood):
    """The file is not of the type that it is declared to have."""


class TimeInTheFuture(NotUnderstood):
    """An event cannot have happened in the future."""


class NotKnown(Refused):
    """There is no such thing here."""


class TicketNotFound(NotKnown):
    """There is no such ticket."""


class PersonNotFound(NotKnown):
    """There is no such person."""


class DepartmentNotFound(NotKnown):
    """There is no such department."""


class GroupNotFound(NotKnown):
    """There is no such group in this department."""


class AgentNotFound(NotKnown):
    """There is no such agent."""


class RequestTypeNotFound(NotKnown):
    """There is no such request type in this department."""


class EventNotFound(NotKnown):
    """There is no such event on this ticket."""


class ReminderNotFound(NotKnown):
    """The ticket has no such reminder to come."""


class UploadNotFound(NotKnown):
    """There is no such upload of yours; it may have expired or been used up."""


class AttachmentNotFound(NotKnown):
    """The ticket has no such attachment."""


class KeyNotFound(NotKnown):
    """There is no such API key."""


class LetterNotFound(NotKnown):
    """There is no such dead letter."""


class WebhookNotFound(NotKnown):
    """There is no such webhook."""


class HoldNotFound(NotKnown):
    """There is no such legal hold."""


class NotAllowed(Refused):
    """You may not do this."""


class NotAuthenticated(NotAllowed):
    """A valid credential is needed."""


class BackdatingNotAllowed(NotAllowed):
    """You may not state when this happened."""


class SignerNotProved(NotAllowed):
    """The signer has not proved to be who they say they are."""


class PinLocked(SignerNotProved):
    """Too many wrong PINs were given; it has to be set anew."""


class NotPossible(Refused):
    """This is not possible now."""


class TicketIsElsewhere(NotPossible):
    """The ticket is not in a state that allows this."""


class TicketIsMerged(NotPossible):
    """The ticket has been merged into another one."""


class ReferenceTaken(NotPossible):
    """This reference names a ticket already."""


class NothingChanges(NotPossible):
    """Nothing would change."""


class AlreadyAssigned(NotPossible):
    """The ticket is assigned to somebody already."""


class NotAssigned(NotPossible):
    """The ticket is assigned to nobody."""


class NotInGroup(NotPossible):
    """The agent does not work in this group."""


class LinkNotThere(NotPossible):
    """There is no such link."""


class MergeWouldCircle(NotPossible):
    """A ticket cannot be merged into itself or into one that was merged into it."""


class NotMerged(NotPossible):
    """The ticket is not merged."""


class ReopenWindowOver(NotPossible):
    """The ticket was closed too long ago to reopen it; open a follow-up instead."""


class HoldEndsInThePast(NotPossible):
    """A hold must end in the future."""


class ReminderInThePast(NotPossible):
    """A reminder must lie ahead."""


class NobodyToEscalateTo(NotPossible):
    """The escalation names nobody."""


class NoPolicyApplies(NotPossible):
    """No service level policy applies to the ticket."""


class SignatureNeeded(NotPossible):
    """This act takes an electronic signature."""


class TooManyUploads(NotPossible):
    """Too many of your uploads wait to be attached."""


class UploadNotComplete(NotPossible):
    """The upload is not complete yet."""


class UploadIsComplete(NotPossible):
    """The upload is complete and takes nothing more."""


class AlreadyAttached(NotPossible):
    """This file is attached to the ticket already."""


class TooManyAttachments(NotPossible):
    """The ticket has as many attachments as it takes."""


class AttachmentKeptBack(NotPossible):
    """This file is in quarantine and is handed out to nobody."""


class AttachmentErased(NotPossible):
    """This file was erased."""


class SetupConflict(NotPossible):
    """The configuration contradicts itself."""


class TooManyWebhooks(NotPossible):
    """The department has as many webhooks as it may have."""


class UnderLegalHold(NotPossible):
    """A legal hold forbids to erase this."""


class CouldNotBeTaken(Refused):
    """The desk failed at this request; it is kept until that is mended."""


class OutOfDate(Refused):
    """Somebody was faster."""


class TicketMovedOn(OutOfDate):
    """The ticket has changed since the version you named."""


class CosignedFurther(OutOfDate):
    """The witness has cosigned a later checkpoint already."""


class SecretShownAlready(OutOfDate):
    """This was done already under this idempotency key; the secret was shown then, once."""


class WrongOffset(OutOfDate):
    """The upload has come further, or not so far."""


class KeyUsedDifferently(OutOfDate):
    """This idempotency key was used for a different request."""


class NotReadyYet(Exception):
    """The answer is not there yet; try again shortly."""


class Unreachable(NotReadyYet):
    """A place where files lie cannot be reached; the message is ours and names no secret."""


class Altered(Exception):
    """A stored file, or a part of it, is missing or is not what was put there."""


class Unreadable(Exception):
    """A stored event cannot be read by this version of the software."""
