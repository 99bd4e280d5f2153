"""One example of every event type, in its envelope: what golden files, wording and codecs are tested with."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from domain.access.events import AccessRead, AccessRefused, GlassBroken
from domain.envelope import Act, Actor, Event
from domain.erasure.events import ErasureCompleted
from domain.person.events import ContactChanged, PersonErasureOrdered, PersonRegistered
from domain.request import events as r
from domain.setup import events as s
from domain.ticket import events as t
from domain.ticket.sla import Recalculated

TICKET = UUID("7a000000-0000-4000-8000-000000000001")
OTHER = UUID("7a000000-0000-4000-8000-000000000002")
PERSON = UUID("9e000000-0000-4000-8000-000000000001")
SOMEBODY = UUID("9e000000-0000-4000-8000-000000000002")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ALICE = Act(actor=Actor(kind="agent", id="alice"), channel="http")
MATRIX = ((1, 2, 3), (2, 3, 4), (3, 4, 5))
SLA = {"policy": "it-standard", "policy_version": 1, "calendar": "office", "calendar_version": 1}

DUE = {
    "clock": "resolution",
    "instance": 1,
    **SLA,
    "target": timedelta(hours=8),
    "elapsed": timedelta(hours=6),
    "due_at": datetime(2026, 3, 2, 17, tzinfo=UTC),
}

EVENTS: tuple[Event, ...] = (
    t.TicketOpened(
        number=3847,
        department="it",
        requester=PERSON,
        title="VPN drops every hour",
        description="Since Monday, from home only.",
        request_type="access",
        request_type_version=2,
        category="network",
        impact=2,
        urgency=1,
        priority=2,
        group="service-desk",
        tags=("vpn", "home"),
        fields={"system": "vpn"},
        personal_names=("reason",),
        personal_fields={"reason": "I work from my mother's house."},
        tier="gold",
        imported_from="servicenow",
        external_id="INC0000045",
    ),
    t.RequesterChanged(old=PERSON, new=SOMEBODY, reason="Asked on behalf of a colleague."),
    t.ParticipantAdded(participant="bob"),
    t.ParticipantRemoved(participant="bob"),
    t.TicketMarkedSpam(),
    t.TicketUnmarkedSpam(),
    t.TitleChanged(title="VPN drops every hour at home"),
    t.DescriptionAmended(description="Since Monday, from home only, on the blue laptop."),
    t.RequestTypeChanged(old="access", new="incident", new_version=1),
    t.CategoryChanged(old="network", new="hardware"),
    t.ImpactUrgencyAssessed(old_impact=3, old_urgency=3, impact=1, urgency=2, old_priority=5, priority=2),
    t.PriorityOverridden(old=3, new=1, reason="The director is in a meeting with the regulator."),
    t.TicketTagged(tag="vpn"),
    t.TicketUntagged(tag="vpn"),
    t.FieldSet(field="system", old="vpn", new="crm"),
    t.FieldCleared(field="system", old="crm"),
    t.TicketTransferred(old="it", new="hr", reason="It is about a contract."),
    t.TicketRouted(old="service-desk", new="network", reason="Needs a network engineer."),
    t.TicketAssigned(old="carol", assignee="bob", reason="Bob knows the concentrator."),
    t.TicketClaimed(assignee="alice"),
    t.TicketReleased(old="alice", reason="Off for the week."),
    t.RequesterReplied(text="It happened again at noon."),
    t.AgentReplied(text="Please try the new profile."),
    t.TicketNoted(text="Looks like the old certificate.", mentions=("bob",)),
    t.WorkStarted(),
    t.TicketPutOnHold(reason="requester", until=datetime(2026, 3, 9, 9, tzinfo=UTC), comment="Waiting for the log."),
    t.TicketResumed(cause="requester-replied"),
    t.ReminderSet(reminder=1, at=datetime(2026, 3, 9, 9, tzinfo=UTC), agent="alice", text="Has the log come?"),
    t.ReminderCancelled(reminder=1),
    t.ReminderDue(reminder=1, at=datetime(2026, 3, 9, 9, tzinfo=UTC), agent="alice"),
    t.TimeLogged(entry=1, minutes=25, billable=True, comment="Call with the requester."),
    t.TimeCorrected(entry=1, old_minutes=25, minutes=35, reason="Forgot the second call."),
    t.TicketEscalated(kind="hierarchical", old_level=0, level=1, reason="The branch cannot work."),
    t.TicketDeescalated(old_level=1, level=0, reason="A workaround is in place."),
    t.TicketResolved(code="fixed", notes="New certificate installed."),
    t.TicketClosed(manner="confirmed"),
    t.TicketReopened(was="resolved", reason="It is back."),
    t.TicketCancelled(reason="Ordered twice."),
    t.FollowUpOpened(follow_up=OTHER, number=3900),
    t.TicketRated(score=4, comment="Quick, thank you."),
    t.TicketSplitOff(part=OTHER, number=3901),
    t.TicketLinked(kind="caused-by", other=OTHER, number=3800),
    t.TicketUnlinked(kind="caused-by", other=OTHER, number=3800),
    t.TicketMergedInto(target=OTHER, number=3800, reason="The same outage."),
    t.TicketAbsorbed(source=OTHER, number=3846),
    t.MergeReversed(target=OTHER, number=3800, reason="Another outage after all."),
    t.AbsorptionReversed(source=OTHER, number=3846),
    t.SlaAttached(**SLA),
    t.SlaRetargeted(**SLA, cause="prioritise"),
    t.SlaDetached(policy="it-standard", cause="transfer"),
    t.SlaWarned(**DUE, share=0.75),
    t.SlaBreached(**DUE, cause="retarget"),
    t.SlaBreachWithdrawn(**DUE, breached_at=datetime(2026, 3, 3, 9, tzinfo=UTC), claimant="alice", claim_version=9),
    t.SlaChainStepTaken(
        **DUE,
        step="60 min before",
        notify=("alice", "network"),
        level=2,
        group="network",
        assignee="bob",
        priority=1,
        impossible=("assignee",),
    ),
    t.SlaExempted(clocks=("first_response",), reason="The mail server was down on the requester's side.", **SLA),
    t.SlaRecalculated(
        **SLA,
        clocks=(
            Recalculated(
                clock="resolution",
                instance=1,
                old_target=timedelta(hours=8),
                new_target=timedelta(hours=4),
                old_due_at=datetime(2026, 3, 2, 17, tzinfo=UTC),
                new_due_at=datetime(2026, 3, 2, 13, tzinfo=UTC),
                breached=True,
            ),
        ),
        reason="The contract changed.",
    ),
    t.TicketSigned(
        signer="alice",
        name="Alice Archer",
        meaning="approved",
        command="resolve",
        comment="Compared with the order.",
        means="key-and-pin",
        credential="0a1b2c",
        signed_in_at=MONDAY,
        signed_at=MONDAY,
        digest="0" * 64,
        mark="0" * 64,
    ),
    t.TicketCorrected(old={"status": "closed"}, new={"status": "in_progress"}, why="source went back to Active"),
    t.TicketImported(
        source="servicenow",
        external_id="INC0000045",
        rows=2,
        digest="0" * 64,
        updates=(t.SourceUpdate(0, MONDAY, "Updated by 21"), t.SourceUpdate(2, MONDAY, "Updated by 642")),
        fields={"closed_code": "code 5"},
    ),
    t.TicketRetentionExpired(
        department="it",
        retention_version=2,
        closed_at=datetime(2026, 3, 2, 17, tzinfo=UTC),
        kept_until=datetime(2033, 3, 3, tzinfo=UTC),
    ),
    t.TicketRedacted(versions=(3, 4), ground="Written about the wrong person."),
    PersonRegistered(name="Petra Prosser", email="petra@example.org", tier="gold", language="de"),
    ContactChanged(name="Petra Prosser-Weiss", email="petra@example.org", tier="gold"),
    PersonErasureOrdered(subject=PERSON, ground="GDPR Art. 17(1)(b): consent withdrawn"),
    ErasureCompleted(through=812, orders=(790, 812)),
    AccessRefused(permission="ticket.read", code="ticket-not-found", ticket=TICKET, department="it", origin="http"),
    AccessRead(
        operation="list-tickets",
        permission="ticket.read",
        departments=("it",),
        tickets=(TICKET, OTHER),
        persons=(PERSON, SOMEBODY),
        question="state=any&q",
        origin="http:0a1b2c3d4e5f6071",
        key="0a1b2c",
    ),
    GlassBroken(
        operation="get-ticket",
        permission="ticket.break-glass",
        ticket=TICKET,
        department="hr",
        reason="The auditors asked for it on the phone.",
        persons=(PERSON,),
        origin="http:0a1b2c3d4e5f6071",
        key="0a1b2c",
    ),
    r.RequestDecided(digest="0" * 64, ticket=TICKET, receipt={"ticket": str(TICKET), "number": 3847, "version": 2}),
    r.LetterKept(department="it", code="not-a-request", topic="acta.requests.it", partition=2, offset=4711),
    r.LetterCorrected(),
    r.LetterRedriven(outcome="decided", code="not-valid", request=OTHER),
    r.LetterDiscarded(reason="Sent by a test of theirs."),
    s.DepartmentDefined(department="it", name="Information technology", default_group="service-desk"),
    s.DepartmentRetired(department="it"),
    s.GroupDefined(group="network", name="Network", department="it", skills=("vpn",), level=2),
    s.GroupRetired(group="network"),
    s.AgentDefined(agent="alice", groups=("network",), skills=("vpn",), name="Alice Archer", email="a@example.org"),
    s.AgentRetired(agent="alice"),
    s.RoleGranted(grantee="alice", role="agent", departments=("it",)),
    s.RoleRevoked(grantee="alice", role="agent"),
    s.CalendarVersioned(
        calendar="office",
        calendar_version=1,
        zone="Europe/Berlin",
        openings={"monday": (("09:00", "17:00"),)},
        holidays={"2026-12-25": "Christmas Day"},
        special={"2026-12-24": (("09:00", "12:00"),)},
    ),
    s.PolicyVersioned(**SLA, condition={"department": "it"}, terms={"targets": {"first_response": {"minutes": 240}}}),
    s.PolicyRetired(policy="it-standard"),
    s.RequestTypeVersioned(
        request_type="access",
        request_type_version=1,
        department="it",
        name="Access to a system",
        form={"type": "object"},
        category="access",
        group="service-desk",
    ),
    s.RequestTypeRetired(request_type="access"),
    s.RetentionVersioned(department="it", retention_version=2, years=7, persons=True),
    s.RetentionRetired(request_type="access"),
    s.PriorityMatrixVersioned(matrix=MATRIX),
    s.LegalHoldPlaced(
        hold="0a1b2c3d",
        tickets=(TICKET,),
        persons=(PERSON,),
        departments=("it",),
        until=datetime(2027, 3, 2, 9, tzinfo=UTC),
        name="Prosser against Example Ltd",
        ground="The claim of 2 March about the lost laptop.",
    ),
    s.LegalHoldLifted(hold="0a1b2c3d", reason="Petra Prosser and the company have settled."),
    s.KeyEncryptionKeyRotated(new="0123456789abcdef", old=("fedcba9876543210",), keys=1204),
    s.ApiKeyIssued(key="0a1b2c", digest="0" * 64, holder="alice", kind="agent"),
    s.ApiKeyRevoked(key="0a1b2c"),
    s.SignatureMeaningsListed(meanings=("approved", "reviewed")),
    s.PinCodeIssued(holder="alice", digest="0" * 64, expires_at=MONDAY),
    s.PinSet(holder="alice", digest="16384$8$5$00$00"),
    s.PinRefused(holder="alice"),
    s.PinProved(holder="alice"),
)

EXAMPLES: dict[str, Event] = {event.TYPE: event for event in EVENTS}


def placed(event: Event, version: int = 1, position: int = 1, at: datetime = MONDAY, stream: UUID = TICKET) -> Event:
    """An event as a follower gets it: in its place, with its times, done by Alice over HTTP."""
    return msgspec.structs.replace(
        event,
        stream=stream,
        version=version,
        position=position,
        recorded_at=at,
        occurred_at=at,
        effective_at=at,
        act=ALICE,
    )
