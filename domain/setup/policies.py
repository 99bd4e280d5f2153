"""Which service level policy applies to a ticket: the most specific one whose condition the ticket meets.

A condition names any of ``department``, ``request_type``, ``priority``, ``tier`` (one value or a list of them) and
``tags`` (all must be there). Each name, and each tag, makes it one more specific. Two policies that could tie for one
ticket are refused when configured. ``terms`` is::

    {"targets":  {"first_response": {"minutes": 240}, "resolution": {"business_days": 2}},
     "pauses":   {"resolution": ["requester"], "next_response": []},
     "warnings": [0.75, 0.9], "on_reopen": "resume" | "restart", "on_retarget": "recompute" | "keep" | "restart"}

where a target is ``minutes`` of business time, ``calendar_minutes`` or ``business_days``; what a ``chain`` of
escalation looks like is shown in ``domain.clock.reading.policy_from``.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from domain.errors import SetupConflict
from domain.setup.events import PolicyVersioned
from domain.setup.state import Setup

CONDITIONS = ("department", "request_type", "priority", "tier")


def choices(condition: Mapping[str, Any], name: str) -> tuple[Any, ...] | None:
    """The values of which a ticket must have one (of tags: all); None when the condition does not ask."""
    if name not in condition:
        return None
    wanted = condition[name]
    return tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)


def applies(policy: PolicyVersioned, facts: Mapping[str, Any]) -> bool:
    """Whether a ticket with these facts (the names of the condition, ``tags`` a collection) meets the condition."""
    for name in CONDITIONS:
        wanted = choices(policy.condition, name)
        if wanted is not None and facts[name] not in wanted:
            return False
    return set(choices(policy.condition, "tags") or ()) <= set(facts["tags"])


def specificity(policy: PolicyVersioned) -> int:
    """How much the condition asks for."""
    return sum(name in policy.condition for name in CONDITIONS) + len(choices(policy.condition, "tags") or ())


def policy_for(setup: Setup, facts: Mapping[str, Any]) -> PolicyVersioned | None:
    """The policy in force for a ticket with these facts, or None."""
    matching = [policy for policy in setup.policies_in_force.values() if applies(policy, facts)]
    return max(matching, key=specificity, default=None)


def _could_meet(a: PolicyVersioned, b: PolicyVersioned) -> bool:
    """Whether some ticket meets both conditions."""
    for name in CONDITIONS:
        left, right = choices(a.condition, name), choices(b.condition, name)
        if left is not None and right is not None and not set(left) & set(right):
            return False
    return True


def must_not_tie(policies: Iterable[PolicyVersioned]) -> None:
    """Raise ``SetupConflict`` for two equally specific policies that one ticket could meet."""
    for a, b in combinations(policies, 2):
        if specificity(a) == specificity(b) and _could_meet(a, b):
            raise SetupConflict(
                f"Policies {a.policy!r} and {b.policy!r} are equally specific and can apply to the same ticket.",
                policies=[a.policy, b.policy],
            )
