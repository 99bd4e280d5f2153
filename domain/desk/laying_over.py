"""A desk as it would be configured: a document's calendars and policies laid over the configuration of today."""

from collections.abc import Sequence

import msgspec

from domain.desk.configuring import plan
from domain.desk.document import DeskDocument
from domain.setup.events import CalendarVersioned, PolicyVersioned, SetupEvent
from domain.setup.state import Setup, fold


def laid_over(document: DeskDocument, setup: Setup) -> tuple[Sequence[SetupEvent], Setup]:
    """What would be recorded, and the configuration after it; raises ``SetupConflict``.

    Only calendars and policies are looked at. A policy that the document does not mention but that counts by a
    calendar which it changes would count by the changed one.
    """
    levels = DeskDocument(calendars=document.calendars, policies=document.policies)
    planned = _placed(plan(levels, {})(setup), setup)
    after = fold(planned, setup)
    changed = {event.calendar for event in planned if isinstance(event, CalendarVersioned)}
    recounted = _placed([_recounted(policy, after) for policy in _by(changed, after)], after)
    return [*planned, *recounted], fold(recounted, after)


def _by(calendars: set[str], setup: Setup) -> list[PolicyVersioned]:
    """The policies that count by an older version of one of these calendars."""
    return [
        policy
        for policy in setup.policies_in_force.values()
        if policy.calendar in calendars
        and policy.calendar_version < setup.latest_calendars[policy.calendar].calendar_version
    ]


def _recounted(policy: PolicyVersioned, setup: Setup) -> PolicyVersioned:
    return msgspec.structs.replace(
        policy,
        policy_version=max(version for name, version in setup.policies if name == policy.policy) + 1,
        calendar_version=setup.latest_calendars[policy.calendar].calendar_version,
    )


def _placed(events: Sequence[SetupEvent], setup: Setup) -> list[SetupEvent]:
    return [
        msgspec.structs.replace(event, version=version) for version, event in enumerate(events, start=setup.version + 1)
    ]
