"""What a ticket is about and how much it matters."""

from domain.errors import FormNotValid, NothingChanges, NotUnderstood
from domain.setup import state as setup_state
from domain.setup.events import RequestTypeVersioned
from domain.ticket.commands.classifying import Classify, Prioritise, SetField, Tag, Untag
from domain.ticket.commands.opening import Open
from domain.ticket.events import (
    CategoryChanged,
    FieldCleared,
    FieldSet,
    ImpactUrgencyAssessed,
    PriorityOverridden,
    TicketOpened,
    TicketTagged,
    TicketUntagged,
    TitleChanged,
)
from given_when_then import DESK, Given, given, opened

ACCESS = RequestTypeVersioned(
    request_type="access",
    request_type_version=1,
    department="it",
    name="Access",
    category="access",
    form={
        "type": "object",
        "required": ["system"],
        "additionalProperties": False,
        "properties": {
            "system": {"enum": ["vpn", "crm"]},
            "reason": {"type": "string", "maxLength": 20},
            "site": {"type": "string", "x-acta-personal": False},
        },
    },
)


def asking() -> Given:
    """A desk that has a request type."""
    given_form = given()
    given_form.setup = setup_state.evolve(DESK, ACCESS)
    return given_form


def test_priority_follows_from_impact_and_urgency():
    given(opened()).when(Prioritise(impact=1, urgency=1)).then(
        ImpactUrgencyAssessed(old_impact=3, old_urgency=3, impact=1, urgency=1, old_priority=5, priority=1)
    )


def test_overriding_the_priority_needs_a_reason():
    given(opened()).when(Prioritise(priority=1)).then_refused(NotUnderstood, field="reason")
    given(opened()).when(Prioritise(priority=1, reason="Court date.")).then(
        PriorityOverridden(old=5, new=1, reason="Court date.")
    )


def test_a_priority_is_not_both_assessed_and_overridden():
    given(opened()).when(Prioritise(priority=1, impact=1, reason="x")).then_refused(NotUnderstood)


def test_assessing_the_same_again_is_a_refusal_unless_it_ends_an_override():
    given(opened()).when(Prioritise(impact=3)).then_refused(NothingChanges)
    overridden = given(opened(), PriorityOverridden(old=5, new=1, reason="x")).when(Prioritise(impact=3))
    assert not overridden.becomes().priority_overridden
    assert overridden.becomes().priority == 5


def test_each_change_of_class_is_its_own_event():
    given(opened(category="net")).when(Classify(category="vpn", title="VPN")).then(
        CategoryChanged(old="net", new="vpn"), TitleChanged(title="VPN")
    )
    given(opened(category="net")).when(Classify(category="net")).then_refused(NothingChanges)


def test_only_new_tags_are_events():
    tagged = given(opened(tags=("vpn",)))
    tagged.when(Tag(tags=("vpn", "home"))).then(TicketTagged(tag="home"))
    tagged.when(Tag(tags=("vpn",))).then_refused(NothingChanges)
    tagged.when(Untag(tags=("vpn", "gone"))).then(TicketUntagged(tag="vpn"))


def test_a_tag_is_a_handle_and_not_prose():
    given(opened()).when(Tag(tags=("Petra is ill",))).then_refused(NotUnderstood)
    given().when(Open(department="it", title="x", tags=("vpn", "Petra is ill"))).then_refused(NotUnderstood)


def test_free_text_in_a_field_is_personal_unless_the_form_says_otherwise():
    asked = Open(department="it", title="x", request_type="access", form={"system": "vpn", "reason": "ill"})
    (fact,) = asking().when(asked)._decided()
    assert isinstance(fact, TicketOpened)
    assert (fact.fields, fact.personal_fields, fact.personal_names) == (
        {"system": "vpn"},
        {"reason": "ill"},
        ("reason",),
    )
    assert (fact.category, fact.request_type_version) == ("access", 1)


def test_answers_that_do_not_fit_the_form_are_refused_without_repeating_them():
    wrong = Open(department="it", title="x", request_type="access", form={"system": "crm", "reason": "y" * 21})
    asking().when(wrong).then_refused(
        FormNotValid, faults=[{"field": "reason", "rule": "is longer than the form takes", "code": "maxLength"}]
    )


def test_a_field_of_the_form_keeps_to_the_form_and_other_fields_are_free():
    asked = Open(department="it", title="x", request_type="access", form={"system": "vpn"})
    (fact,) = asking().when(asked)._decided()
    ticket = given(fact)
    ticket.setup = asking().setup
    rule = "must be one of those that the form offers"
    ticket.when(SetField(fields={"system": "the moon", "floor": 3})).then_refused(
        FormNotValid, faults=[{"field": "system", "rule": rule, "code": "enum", "known": ["vpn", "crm"]}]
    )
    ticket.when(SetField(fields={"reason": "y" * 21})).then_refused(FormNotValid)
    ticket.when(SetField(fields={"system": "crm"})).then(FieldSet(field="system", old="vpn", new="crm"))
    ticket.when(SetField(fields={"system": None})).then(FieldCleared(field="system", old="vpn"))
    ticket.when(SetField(fields={"floor": 4})).then(FieldSet(field="floor", new=4))


def test_a_plain_field_says_old_and_new_a_personal_one_only_that_it_was_set():
    given(opened(fields={"floor": 3})).when(SetField(fields={"floor": 4})).then(FieldSet(field="floor", old=3, new=4))
    given(opened()).when(SetField(fields={"diagnosis": "flu"})).then(
        FieldSet(field="diagnosis", personal=True, personal_new="flu")
    )


def test_a_personal_field_can_be_cleared_and_its_old_value_is_not_told():
    given(opened(personal_names=("diagnosis",))).when(SetField(fields={"diagnosis": None})).then(
        FieldCleared(field="diagnosis")
    )


def test_setting_a_field_to_what_it_is_or_clearing_nothing_is_a_refusal():
    given(opened(fields={"floor": 3})).when(SetField(fields={"floor": 3, "room": None})).then_refused(NothingChanges)
