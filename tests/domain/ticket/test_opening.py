"""Opening: the answers to a form fit it, and what does not is named without repeating what was sent."""

import msgspec
import pytest

from domain.errors import FormNotValid
from domain.setup.events import RequestTypeVersioned
from domain.ticket.commands.opening import Open
from given_when_then import DESK, given

SECRET = "mother's maiden name"
FORM = {
    "properties": {"stay": {"properties": {"nights": {"type": "integer"}}}},
    "additionalProperties": {"type": "integer"},
}


@pytest.mark.parametrize(
    ("answers", "field"),
    [({"stay": {"nights": SECRET}}, "stay/nights"), ({SECRET: SECRET}, "(form)"), ({"stay": 1, SECRET: ""}, "(form)")],
)
def test_an_answer_that_does_not_fit_is_named_by_the_form_alone(answers, field):
    form = RequestTypeVersioned(request_type="trip", request_type_version=1, department="it", name="Trip", form=FORM)
    ask = given().when(Open(department="it", title="Rome", request_type="trip", form=answers))
    ask.setup = msgspec.structs.replace(DESK, request_types_in_force={"trip": form})
    ask.then_refused(
        FormNotValid, faults=[{"field": field, "rule": "is not of the kind that the form takes", "code": "type"}]
    )


def test_a_form_may_say_of_a_field_no_more_than_that_it_is_there():
    form = RequestTypeVersioned(
        request_type="trip", request_type_version=1, department="it", name="Trip", form={"properties": {"to": True}}
    )
    ask = given().when(Open(department="it", title="Rome", request_type="trip", form={"to": "Rome"}))
    ask.setup = msgspec.structs.replace(DESK, request_types_in_force={"trip": form})
    assert ask.becomes().personal == {"to"}


@pytest.mark.parametrize(
    ("pattern", "answer", "fits"),
    [
        ("^(a+)+$", "aaa", True),
        ("^(a+)+$", "a" * 50_000 + "!", False),
        ("^[A-Z]{2}[0-9]+$", "RO12", True),
        ("ü", "für", True),
        # Configured before patterns had to be linear.
        ("^(?=a)", "a", False),
    ],
)
def test_a_pattern_is_matched_in_linear_time_whatever_it_is(pattern, answer, fits):
    rule = {"properties": {"to": {"pattern": pattern}}}
    form = RequestTypeVersioned(request_type="trip", request_type_version=1, department="it", name="Trip", form=rule)
    ask = given().when(Open(department="it", title="Rome", request_type="trip", form={"to": answer}))
    ask.setup = msgspec.structs.replace(DESK, request_types_in_force={"trip": form})
    if fits:
        assert ask.becomes().personal == {"to"}
    else:
        ask.then_refused(
            FormNotValid, faults=[{"field": "to", "rule": "is not written as the form takes it", "code": "pattern"}]
        )


@pytest.mark.parametrize(
    ("name", "fitting", "others"),
    [
        ("date", ["2026-02-28"], ["2026-02-30"]),
        ("date-time", ["2026-02-28T10:00:00Z"], ["2026-02-28"]),
        ("duration", ["P3D"], ["3 days"]),
        ("email", ["petra@example.org"], ["petra"]),
        ("hostname", ["example.org"], ["-.org"]),
        ("idn-hostname", ["bücher.example"], ["-.org"]),
        ("ipv4", ["10.0.0.1"], ["10.0.0.256"]),
        ("ipv6", ["::1"], ["::g"]),
        (
            "iri",
            ["http://bücher.example/\U0001f4d6?\ue000", "urn:ü"],
            ["ü", "urn:\ue000", "urn: a", "urn:a\nb", "urn:\x80"],
        ),
        ("iri-reference", ["ü", "#ü", ""], ["\ue000", "a b", "a\nb", "\ufdd0"]),
        ("json-pointer", ["/a/0"], ["a"]),
        ("regex", ["^a+$"], ["("]),
        ("relative-json-pointer", ["1/a"], ["a"]),
        ("time", ["10:00:00Z"], ["25:00:00Z"]),
        ("uri", ["urn:a"], ["a", "urn:ü"]),
        ("uri-reference", ["a"], ["ü"]),
        ("uri-template", ["/a/{b}"], ["/a/{b"]),
        ("uuid", ["6f9619ff-8b86-d011-b42d-00cf4fc964ff"], ["6f9619ff"]),
    ],
)
def test_the_formats_of_json_schema_are_checked(name, fitting, others):
    rule = {"properties": {"to": {"format": name}}}
    form = RequestTypeVersioned(request_type="trip", request_type_version=1, department="it", name="Trip", form=rule)
    for answer in fitting + others:
        ask = given().when(Open(department="it", title="Rome", request_type="trip", form={"to": answer}))
        ask.setup = msgspec.structs.replace(DESK, request_types_in_force={"trip": form})
        if answer in fitting:
            assert ask.becomes().personal == {"to"}, answer
        else:
            ask.then_refused(
                FormNotValid, faults=[{"field": "to", "rule": "is not written as the form takes it", "code": "format"}]
            )


def test_an_iri_is_checked_at_once_however_long_it_is():
    rule = {"properties": {"to": {"format": "iri"}}}
    form = RequestTypeVersioned(request_type="trip", request_type_version=1, department="it", name="Trip", form=rule)
    ask = given().when(Open(department="it", title="Rome", request_type="trip", form={"to": "urn:" + "ü" * 50_000}))
    ask.setup = msgspec.structs.replace(DESK, request_types_in_force={"trip": form})
    assert ask.becomes().personal == {"to"}
