"""The facts of the desk's configuration, all in one stream, so that every state of it has one version.

A definition is recorded whole each time it changes. Calendars, policies and request types are numbered versions that
stay readable for ever, because tickets name the version that applied to them.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from domain.envelope import NOWHERE, Event, Json, Personal

SETUP = UUID("5e709000-0000-4000-8000-000000000001")
"""The one stream of configuration."""

Role = Literal["requester", "agent", "supervisor", "analyst", "compliance", "witness", "service", "admin"]
EVERYWHERE = "*"
"""A grant for every department."""
Tells = Literal["outcomes", "facts"]
"""What a webhook tells: what was decided of a department's requests; what happens to their tickets later."""


class SetupEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of the configuration."""


class DepartmentDefined(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A department takes requests, under these rules.

    ``reopen_days``: how long after closing a ticket may be reopened. ``close_after_days``: a resolved ticket closes by
    itself then (0: never). ``backdate_minutes``: how far back its services may date what they report. ``signatures``:
    the commands that take an electronic signature, each with the meanings it may have.
    """

    TYPE = "setup.department-defined.v1"

    department: str
    name: str
    default_group: str = ""
    reopen_days: int = 14
    close_after_days: int = 7
    backdate_minutes: int = 0
    signatures: dict[str, tuple[str, ...]] = {}


class DepartmentRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The department takes no requests any more."""

    TYPE = "setup.department-retired.v1"

    department: str


class GroupDefined(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A group of agents works a queue."""

    TYPE = "setup.group-defined.v1"

    group: str
    name: str
    department: str
    skills: tuple[str, ...] = ()
    level: int = 1


class GroupRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The group works no queue any more."""

    TYPE = "setup.group-retired.v1"

    group: str


class AgentDefined(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An agent works in these groups. ``agent`` is a handle; the name and address are personal.

    ``person`` is the pseudonym under which the agent asks for something by that address, if one is known.
    """

    TYPE = "setup.agent-defined.v1"

    agent: str
    groups: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    available: bool = True
    name: Personal[str] = ""
    email: Personal[str] = ""
    person: UUID = NOWHERE


class AgentRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The agent works here no longer."""

    TYPE = "setup.agent-retired.v1"

    agent: str


class RoleGranted(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody (an agent, a service, a token's subject) may act in a role, in these departments."""

    TYPE = "setup.role-granted.v1"

    grantee: str
    role: Role
    departments: tuple[str, ...]


class RoleRevoked(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The grant is withdrawn."""

    TYPE = "setup.role-revoked.v1"

    grantee: str
    role: Role


class CalendarVersioned(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a business calendar, whole: zone, openings, holidays frozen by date.

    ``openings``: weekday ("monday" …) to pairs of local times ("09:00", "17:00"); ``holidays``: ISO date to name;
    ``special``: ISO date to pairs of times, in place of the weekday's (empty: closed).
    """

    TYPE = "setup.calendar-versioned.v1"

    calendar: str
    calendar_version: int
    zone: str
    openings: dict[str, tuple[tuple[str, str], ...]]
    holidays: dict[str, str] = {}
    special: dict[str, tuple[tuple[str, str], ...]] = {}


class PolicyVersioned(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a service level policy, whole. See ``domain.setup.policies`` for the shape of ``terms``."""

    TYPE = "setup.policy-versioned.v1"

    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    condition: dict[str, Json] = {}
    terms: dict[str, Json] = {}


class PolicyRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The policy applies to no further ticket."""

    TYPE = "setup.policy-retired.v1"

    policy: str


class RequestTypeVersioned(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a request type: its form as JSON Schema (2020-12), and what it sets on a ticket.

    A property with ``"x-acta-personal": false`` is stored readable; any other free text is sealed. ``signatures`` as of
    a department, whose rule for the same command gives way.
    """

    TYPE = "setup.request-type-versioned.v1"

    request_type: str
    request_type_version: int
    department: str
    name: str
    form: dict[str, Json] = {}
    category: str = ""
    group: str = ""
    signatures: dict[str, tuple[str, ...]] = {}


class RequestTypeRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody can ask for this any more."""

    TYPE = "setup.request-type-retired.v1"

    request_type: str


class RetentionVersioned(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a rule, whole: how long tickets of a department, or of a type of request, are kept after closing.

    ``years`` and ``days`` after closing, to the end of that day (UTC), what the ticket holds of persons is erased;
    neither: never. ``persons``: whoever has nothing left then is forgotten as well. It counts from a day after it was
    recorded.
    """

    TYPE = "setup.retention-versioned.v1"

    department: str = ""
    request_type: str = ""
    retention_version: int
    years: int = 0
    days: int = 0
    persons: bool = False


class RetentionRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The rule applies to nothing any more."""

    TYPE = "setup.retention-retired.v1"

    department: str = ""
    request_type: str = ""


class PriorityMatrixVersioned(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Priority by impact and urgency: ``matrix[impact - 1][urgency - 1]``, 1 the highest."""

    TYPE = "setup.priority-matrix-versioned.v1"

    matrix: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


class LegalHoldPlaced(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing that this covers may be erased before the hold is lifted, or ends at ``until``.

    It covers tickets, all that is known of persons (by pseudonym), and all tickets that are or ever were in departments
    ("*": everything). Name and ground may tell of a person.
    """

    TYPE = "setup.legal-hold-placed.v1"

    hold: str
    tickets: tuple[UUID, ...] = ()
    persons: tuple[UUID, ...] = ()
    departments: tuple[str, ...] = ()
    until: datetime | None = None
    name: Personal[str] = ""
    ground: Personal[str] = ""


class LegalHoldLifted(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The hold forbids nothing any more."""

    TYPE = "setup.legal-hold-lifted.v1"

    hold: str
    reason: Personal[str] = ""


class KeyEncryptionKeyRotated(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Every person's key is wrapped by another key-encryption key than before.

    Ids are digests and tell nothing of the keys. ``keys``: how many persons' keys there were.
    """

    TYPE = "setup.key-encryption-key-rotated.v1"

    new: str
    old: tuple[str, ...]
    keys: int


class ApiKeyIssued(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody may authenticate with a key, of which only the digest is known here."""

    TYPE = "setup.api-key-issued.v1"

    key: str
    digest: str
    holder: str
    kind: Literal["requester", "agent", "service", "system"]
    expires_at: datetime | None = None


class ApiKeyRevoked(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The key opens nothing any more."""

    TYPE = "setup.api-key-revoked.v1"

    key: str


class SignatureMeaningsListed(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What a signature can mean on this desk."""

    TYPE = "setup.signature-meanings-listed.v1"

    meanings: tuple[str, ...]


class PinCodeIssued(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A holder of API keys may set a signing PIN with a code, once, until it expires; only its digest is known here."""

    TYPE = "setup.pin-code-issued.v1"

    holder: str
    digest: str
    expires_at: datetime


class PinSet(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A holder of API keys has a new signing PIN; how ``digest`` is made of it, ``domain.access.pins`` says."""

    TYPE = "setup.pin-set.v1"

    holder: str
    digest: str


class PinRefused(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A wrong PIN was given for a holder; so many in a row lock it, wherever they were given."""

    TYPE = "setup.pin-refused.v1"

    holder: str


class PinProved(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The right PIN was given after wrong ones, which count no longer."""

    TYPE = "setup.pin-proved.v1"

    holder: str


class WebhookRegistered(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A department's software is told over HTTP, at this address, what was recorded of its matters from here on.

    The secret that signs what is sent follows from the desk's own secret and ``salt``, and stands nowhere.
    """

    TYPE = "setup.webhook-registered.v1"

    webhook: str
    department: str
    url: str
    tells: tuple[Tells, ...]
    salt: str
    description: str = ""


class WebhookChanged(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The webhook has another address, tells something else, or is described otherwise."""

    TYPE = "setup.webhook-changed.v1"

    webhook: str
    url: str
    tells: tuple[Tells, ...]
    description: str = ""


class WebhookSecretRotated(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What the webhook sends is signed with another secret; with those before as well, until ``old_until`` at most."""

    TYPE = "setup.webhook-secret-rotated.v1"

    webhook: str
    salt: str
    old_until: datetime


class WebhookPaused(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing is sent until the webhook is resumed; then it goes on where it stopped.

    Somebody ``asked`` for it, the receiver answered that it is ``gone``, or all attempts at a message, by its id, are
    ``exhausted``.
    """

    TYPE = "setup.webhook-paused.v1"

    webhook: str
    cause: Literal["asked", "gone", "exhausted"]
    message: str = ""


class WebhookResumed(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The webhook goes on where it stopped; every message that waits is tried as if for the first time."""

    TYPE = "setup.webhook-resumed.v1"

    webhook: str


class WebhookReplayed(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The webhook sends again everything from a position on, under the same ids as before."""

    TYPE = "setup.webhook-replayed.v1"

    webhook: str
    from_position: int


class WebhookPinged(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The webhook sends a message that means nothing, so that somebody can see whether it arrives."""

    TYPE = "setup.webhook-pinged.v1"

    webhook: str


class WebhookRetired(SetupEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing is sent any more, nor what still waited; the secret opens nothing."""

    TYPE = "setup.webhook-retired.v1"

    webhook: str
