"""Who is answerable, and in whose queue a ticket stands."""

from domain.errors import (
    AgentNotFound,
    AlreadyAssigned,
    DepartmentNotFound,
    GroupNotFound,
    NobodyToEscalateTo,
    NotAssigned,
    NothingChanges,
    NotInGroup,
)
from domain.ticket.commands.assigning import Assign, Claim, Release, Route, Transfer
from domain.ticket.commands.escalating import Deescalate, Escalate
from domain.ticket.events import (
    TicketAssigned,
    TicketClaimed,
    TicketDeescalated,
    TicketEscalated,
    TicketReleased,
    TicketRouted,
    TicketTransferred,
)
from given_when_then import agent, given, opened

BOBS = TicketAssigned(assignee="bob")


def test_naming_the_same_agent_twice_is_a_refusal():
    given(opened(), BOBS).when(Assign(assignee="bob")).then_refused(NothingChanges)


def test_reassigning_says_from_whom():
    given(opened(), BOBS).when(Assign(assignee="alice", reason="Holiday.")).then(
        TicketAssigned(old="bob", assignee="alice", reason="Holiday.")
    )


def test_only_an_agent_of_the_group_can_be_assigned():
    given(opened(group="network")).when(Assign(assignee="bob")).then_refused(NotInGroup, agent="bob")
    given(opened()).when(Assign(assignee="nobody")).then_refused(AgentNotFound)


def test_nobody_is_robbed_of_a_ticket_by_claiming():
    given(opened()).when(Claim()).then(TicketClaimed(assignee="alice"))
    given(opened(), BOBS).when(Claim()).then_refused(AlreadyAssigned, assignee="bob")
    given(opened(), BOBS).by(agent("bob")).when(Claim()).then_refused(NothingChanges)


def test_releasing_needs_an_assignee():
    given(opened()).when(Release()).then_refused(NotAssigned)
    given(opened(), BOBS).when(Release()).then(TicketReleased(old="bob"))


def test_an_assignee_outside_the_new_group_lets_the_ticket_go():
    given(opened(), BOBS).when(Route(group="network")).then(
        TicketReleased(old="bob"), TicketRouted(old="service-desk", new="network")
    )


def test_an_assignee_who_works_there_too_keeps_the_ticket():
    given(opened(), TicketAssigned(assignee="alice")).when(Route(group="network")).then(
        TicketRouted(old="service-desk", new="network")
    )


def test_a_ticket_is_not_routed_to_another_departments_group():
    given(opened()).when(Route(group="people")).then_refused(GroupNotFound)


def test_a_transfer_goes_to_the_departments_default_group():
    given(opened(), BOBS).when(Transfer(department="hr", reason="A contract.")).then(
        TicketTransferred(old="it", new="hr", reason="A contract."),
        TicketReleased(old="bob", reason="A contract."),
        TicketRouted(old="service-desk", new="people", reason="A contract."),
    )


def test_a_transfer_needs_a_department():
    given(opened()).when(Transfer(department="legal")).then_refused(DepartmentNotFound)


def test_functional_escalation_finds_a_group_by_skill():
    given(opened()).when(Escalate(kind="functional", skill="vpn", reason="VPN.")).then(
        TicketEscalated(kind="functional", group="network", skill="vpn", reason="VPN."),
        TicketRouted(old="service-desk", new="network", reason="VPN."),
    )


def test_functional_escalation_names_somebody():
    given(opened()).when(Escalate(kind="functional", reason="Help.")).then_refused(NobodyToEscalateTo)


def test_hierarchical_escalation_goes_up_one_level_at_a_time_unless_told():
    given(opened()).when(Escalate(kind="hierarchical", reason="Now.")).then(
        TicketEscalated(kind="hierarchical", level=1, reason="Now.")
    )


def test_de_escalation_goes_down():
    raised = TicketEscalated(kind="hierarchical", level=2, reason="Now.")
    given(opened(), raised).when(Deescalate(level=2)).then_refused(NothingChanges)
    given(opened(), raised).when(Deescalate()).then(TicketDeescalated(old_level=2, level=0))
