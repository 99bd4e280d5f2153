"""The service level policies that tickets name, made ready for reckoning; a version never changes, so each once."""

from collections.abc import Iterator, Mapping

from domain.clock.policy import Policy, PolicyRef
from domain.clock.reading import calendar_from, policy_from
from domain.setup.state import Setup


class ConfiguredPolicies(Mapping[PolicyRef, Policy]):
    """Every version there is, read when first asked for."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._read: dict[PolicyRef, Policy] = {}

    def renewed(self, setup: Setup) -> "ConfiguredPolicies":
        """The policies of a newer configuration."""
        if setup.version == self._setup.version:
            return self
        newer = ConfiguredPolicies(setup)
        newer._read.update(self._read)
        return newer

    def __getitem__(self, ref: PolicyRef) -> Policy:
        if ref not in self._read:
            policy = self._setup.policies[ref.policy, ref.version]
            found = self._setup.calendars[ref.calendar, ref.calendar_version]
            calendar = calendar_from(
                found.calendar,
                found.calendar_version,
                found.zone,
                found.openings,
                found.holidays,
                found.special,
            )
            self._read[ref] = policy_from(policy.policy, policy.policy_version, calendar, policy.terms)
        return self._read[ref]

    def __iter__(self) -> Iterator[PolicyRef]:
        for policy in self._setup.policies.values():
            yield PolicyRef(policy.policy, policy.policy_version, policy.calendar, policy.calendar_version)

    def __len__(self) -> int:
        return len(self._setup.policies)
