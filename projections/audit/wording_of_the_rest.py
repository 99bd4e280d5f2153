"""What was done to the configuration, to persons' records, and by requests and refusals, in words."""

from domain.access import events as a
from domain.erasure import events as d
from domain.person import events as p
from domain.request import events as r
from domain.setup import events as s
from projections.audit.wording import Speech, listed, quoted, says, several


@says(p.PersonRegistered)
def registered(event: p.PersonRegistered, speech: Speech) -> str:
    return f"registered {speech.person(event.stream)}{speech.text(event, 'name')}"


@says(p.ContactChanged)
def contact_changed(event: p.ContactChanged, speech: Speech) -> str:
    return f"recorded new particulars of {speech.person(event.stream)}{speech.text(event, 'name')}"


@says(p.PersonErasureOrdered)
def erasure_ordered(event: p.PersonErasureOrdered, speech: Speech) -> str:
    return f"ordered that {speech.person(event.stream)} be forgotten, on the ground {quoted(event.ground)}"


@says(d.ErasureCompleted)
def erasure_completed(event: d.ErasureCompleted, speech: Speech) -> str:
    orders = listed([str(order) for order in event.orders])
    cleaned = "and cleaned every view of it"
    if event.files:
        cleaned = f"cleaned every view of it, and removed {event.files} {'file' if event.files == 1 else 'files'}"
    return f"destroyed the keys that were ordered to be destroyed at position {orders}, {cleaned}"


@says(r.RequestDecided)
def decided(event: r.RequestDecided, speech: Speech) -> str:
    door = f" through the door of {speech.department(event.department)}" if event.department else ""
    if event.refusal is not None:
        return f"had a keyed request{door} refused for good ({event.refusal.get('code', 'refused')})"
    number = (event.receipt or {}).get("number")
    about = f" on ticket #{number}" if number else ""
    return f"had a keyed request{door} carried out{about}; the same request again gets the same answer"


@says(r.LetterKept)
def letter_kept(event: r.LetterKept, speech: Speech) -> str:
    place = f"{quoted(event.topic)}, partition {event.partition}, offset {event.offset}"
    door = speech.department(event.department)
    return f"could not take a message through the door of {door} ({event.code}) and kept it as a dead letter: {place}"


@says(r.LetterCorrected)
def letter_corrected(event: r.LetterCorrected, speech: Speech) -> str:
    return "put another text in place of a dead letter's"


@says(r.LetterRedriven)
def letter_redriven(event: r.LetterRedriven, speech: Speech) -> str:
    why = f" ({event.code})" if event.code else ""
    if event.outcome == "kept":
        return f"handed a dead letter in again, which could still not be taken{why}"
    return f"handed a dead letter in again, which was {'refused' if why else 'carried out'} as a request{why}"


@says(r.LetterDiscarded)
def letter_discarded(event: r.LetterDiscarded, speech: Speech) -> str:
    if event.expired:
        return "destroyed a dead letter of which nobody had taken care in time"
    return f"gave up a dead letter and destroyed what it held{speech.because(event)}"


@says(a.AccessRefused)
def refused(event: a.AccessRefused, speech: Speech) -> str:
    often = "" if event.count == 1 else f" {event.count} times"
    where = f" in {speech.department(event.department)}" if event.department else ""
    ticket = f" on the ticket {event.ticket}" if event.ticket else ""
    origin = f", coming from {event.origin}" if event.origin else ""
    return f"was refused{often} the right {quoted(event.permission)}{ticket}{where} ({event.code}){origin}"


@says(a.AccessRead)
def read(event: a.AccessRead, speech: Speech) -> str:
    count = len(event.tickets) + event.more
    tickets = f"the ticket {event.tickets[0]}" if count == 1 else several(count, "ticket")
    of_whom = f", with what is known of {several(len(event.persons), 'person')}" if event.persons else ""
    what = f"{tickets if count else 'an answer that names no ticket'}{of_whom}"
    places = listed([speech.department(one) for one in event.departments])
    where = f" in {places}" if event.departments else ""
    asked = f"{quoted(event.operation)}" + (f" with {quoted(event.question)}" if event.question else "")
    return f"was shown {what}, having the right {quoted(event.permission)}{where}, by asking for {asked}{_from(event)}"


@says(a.GlassBroken)
def glass_broken(event: a.GlassBroken, speech: Speech) -> str:
    where = speech.department(event.department)
    return (
        f"broke the glass and was shown the ticket {event.ticket} of {where}, which is not theirs,"
        f" by asking for {quoted(event.operation)}{_from(event)}{speech.because(event)}"
    )


def _from(event: a.AccessRead | a.GlassBroken) -> str:
    return f", coming from {event.origin}" if event.origin else ""


@says(s.DepartmentDefined)
def department_defined(event: s.DepartmentDefined, speech: Speech) -> str:
    days = several(event.close_after_days, "day")
    close = f"close after {days}" if event.close_after_days else "never close by themselves"
    queue = f", new ones go to {speech.group(event.default_group)}" if event.default_group else ""
    rules = f"its resolved tickets {close} and can be reopened for {several(event.reopen_days, 'day')}{queue}"
    back = several(event.backdate_minutes, "minute")
    backdate = f", its services may date back {back}" if event.backdate_minutes else ""
    return f"defined the department {quoted(event.department)} ({event.name}): {rules}{backdate}"


@says(s.DepartmentRetired)
def department_retired(event: s.DepartmentRetired, speech: Speech) -> str:
    return f"retired {speech.department(event.department)}, which takes no requests any more"


@says(s.GroupDefined)
def group_defined(event: s.GroupDefined, speech: Speech) -> str:
    skills = f", with the skills {listed(event.skills)}" if event.skills else ""
    where = f"in {speech.department(event.department)} at level {event.level}"
    return f"defined the group {quoted(event.group)} ({event.name}) {where}{skills}"


@says(s.GroupRetired)
def group_retired(event: s.GroupRetired, speech: Speech) -> str:
    return f"retired {speech.group(event.group)}, which works no queue any more"


@says(s.AgentDefined)
def agent_defined(event: s.AgentDefined, speech: Speech) -> str:
    groups = f"in {listed([speech.group(one) for one in event.groups])}" if event.groups else "in no group"
    skills = f", with the skills {listed(event.skills)}" if event.skills else ""
    away = "" if event.available else ", not available now"
    return f"defined the agent {quoted(event.agent)} {groups}{skills}{away}{speech.text(event, 'name')}"


@says(s.AgentRetired)
def agent_retired(event: s.AgentRetired, speech: Speech) -> str:
    return f"retired the agent {speech.agent(event.agent)}"


@says(s.RoleGranted)
def role_granted(event: s.RoleGranted, speech: Speech) -> str:
    return f"gave {speech.agent(event.grantee)} the role {quoted(event.role)} {_places(event.departments, speech)}"


@says(s.RoleRevoked)
def role_revoked(event: s.RoleRevoked, speech: Speech) -> str:
    return f"took the role {quoted(event.role)} from {speech.agent(event.grantee)}"


@says(s.CalendarVersioned)
def calendar_versioned(event: s.CalendarVersioned, speech: Speech) -> str:
    days = f"open on {listed([day.title() for day in event.openings])}" if event.openings else "never open"
    apart = f"{several(len(event.holidays), 'holiday')} and {several(len(event.special), 'special day')}"
    name = f"version {event.calendar_version} of the calendar {quoted(event.calendar)}"
    return f"set down {name}: {days} by the clocks of {event.zone}, with {apart}"


@says(s.PolicyVersioned)
def policy_versioned(event: s.PolicyVersioned, speech: Speech) -> str:
    name = f"version {event.policy_version} of the service level {quoted(event.policy)}"
    asks = listed([f"{about.replace('_', ' ')} {_choice(value)}" for about, value in event.condition.items()])
    where = f"for tickets with {asks}" if event.condition else "for every ticket that no other one applies to"
    calendar = f"calendar {quoted(event.calendar)} (version {event.calendar_version})"
    return f"set down {name} {where}, counted by the {calendar}"


@says(s.PolicyRetired)
def policy_retired(event: s.PolicyRetired, speech: Speech) -> str:
    return f"retired the service level {quoted(event.policy)}, which applies to no further ticket"


@says(s.RequestTypeVersioned)
def request_type_versioned(event: s.RequestTypeVersioned, speech: Speech) -> str:
    name = f"version {event.request_type_version} of the type of request {quoted(event.request_type)} ({event.name})"
    return f"set down {name} in {speech.department(event.department)}"


@says(s.RequestTypeRetired)
def request_type_retired(event: s.RequestTypeRetired, speech: Speech) -> str:
    return f"retired the type of request {quoted(event.request_type)}"


@says(s.RetentionVersioned)
def retention_versioned(event: s.RetentionVersioned, speech: Speech) -> str:
    kept = [several(event.years, "year")] if event.years else []
    kept += [several(event.days, "day")] if event.days else []
    long = f"for {listed(kept)} after they closed" if kept else "for ever"
    then = ", and lets those be forgotten who have nothing left then" if event.persons else ""
    return f"set down version {event.retention_version} of a rule that keeps {_kept(event, speech)} {long}{then}"


@says(s.RetentionRetired)
def retention_retired(event: s.RetentionRetired, speech: Speech) -> str:
    return f"retired the rule of how long {_kept(event, speech)} are kept"


@says(s.PriorityMatrixVersioned)
def matrix_versioned(event: s.PriorityMatrixVersioned, speech: Speech) -> str:
    pairs = zip(_IMPACTS, event.matrix, strict=True)
    rows = listed([f"{impact} impact {', '.join(map(str, row))}" for impact, row in pairs])
    return f"set down the priorities by urgency (high, medium, low): {rows}"


@says(s.LegalHoldPlaced)
def legal_hold_placed(event: s.LegalHoldPlaced, speech: Speech) -> str:
    over = [several(len(event.tickets), "ticket")] if event.tickets else []
    over += [several(len(event.persons), "person")] if event.persons else []
    over += ["everything" if one == s.EVERYWHERE else speech.department(one) for one in event.departments]
    until = f" until {speech.moment(event.until)}" if event.until else ""
    return f"placed the legal hold {quoted(event.hold)} on {listed(over)}{until}{speech.because(event, 'ground')}"


@says(s.LegalHoldLifted)
def legal_hold_lifted(event: s.LegalHoldLifted, speech: Speech) -> str:
    return f"lifted the legal hold {quoted(event.hold)}{speech.because(event)}"


@says(s.KeyEncryptionKeyRotated)
def key_encryption_key_rotated(event: s.KeyEncryptionKeyRotated, speech: Speech) -> str:
    old = listed([quoted(one) for one in event.old])
    return f"had {several(event.keys, 'key')} of persons wrapped by the key {quoted(event.new)} in place of {old}"


@says(s.ApiKeyIssued)
def key_issued(event: s.ApiKeyIssued, speech: Speech) -> str:
    until = f", valid until {speech.moment(event.expires_at)}" if event.expires_at else ""
    return f"issued the API key {quoted(event.key)} to {speech.agent(event.holder)} ({event.kind}){until}"


@says(s.ApiKeyRevoked)
def key_revoked(event: s.ApiKeyRevoked, speech: Speech) -> str:
    return f"revoked the API key {quoted(event.key)}"


@says(s.SignatureMeaningsListed)
def meanings_listed(event: s.SignatureMeaningsListed, speech: Speech) -> str:
    return f"let signatures mean {listed([quoted(meaning) for meaning in event.meanings])}"


@says(s.PinCodeIssued)
def pin_code_issued(event: s.PinCodeIssued, speech: Speech) -> str:
    until = speech.moment(event.expires_at)
    return f"issued a code with which {speech.agent(event.holder)} may set a signing PIN once, until {until}"


@says(s.PinSet)
def pin_set(event: s.PinSet, speech: Speech) -> str:
    return f"set the signing PIN of {speech.agent(event.holder)}"


@says(s.PinRefused)
def pin_refused(event: s.PinRefused, speech: Speech) -> str:
    return f"gave a wrong signing PIN for {speech.agent(event.holder)}"


@says(s.PinProved)
def pin_proved(event: s.PinProved, speech: Speech) -> str:
    return f"gave the right signing PIN for {speech.agent(event.holder)} after wrong ones"


_IMPACTS = ("high", "medium", "low")


def _places(departments: tuple[str, ...], speech: Speech) -> str:
    if s.EVERYWHERE in departments:
        return "everywhere"
    return f"in {listed([speech.department(one) for one in departments])}" if departments else "nowhere"


def _kept(event: s.RetentionVersioned | s.RetentionRetired, speech: Speech) -> str:
    if event.request_type:
        return f"tickets of the type {quoted(event.request_type)}"
    return f"tickets of {speech.department(event.department)}"


def _choice(value: object) -> str:
    return " or ".join(quoted(one) for one in value) if isinstance(value, list | tuple) else quoted(value)
