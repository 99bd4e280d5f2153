"""`desk.yaml`: a mistake is refused with the line it stands in, and what is the same again is no event."""

from pathlib import Path

import msgspec
import pytest

from deploy.desk_file import DeskFileError, located, read_desk_file
from domain.desk.configuring import plan
from domain.envelope import UNSTAMPED
from domain.errors import SetupConflict
from domain.setup import state
from domain.setup.events import SETUP
from domain.setup.state import Setup
from domain.store import codec

EXAMPLE = Path(__file__).parents[2] / "deploy" / "desk.example.yaml"
BASE = """\
departments:
  it: {name: IT, default_group: desk}
groups:
  desk: {name: Desk, department: it}
calendars:
  office:
    zone: Europe/Berlin
    openings: {monday-friday: "09:00-17:00"}
"""
TYING = "policies:\n  a: {calendar: office, when: {department: it}}\n  b: {calendar: office, when: {priority: 1}}\n"
NOWHERE = """\
  night:
    zone: UTC
    openings: {monday: 09:00-12:00}
    holidays: {country: ZZ, years: [2026]}
"""
KEEPING = "request_types:\n  x:\n    name: X\n    retention: {{{}}}\n    department: it\n"
ASKING = "request_types:\n  x:\n    name: X\n    department: it\n    form:\n      {form}\n"


def read(tmp_path: Path, text: str) -> Setup:
    """The configuration that follows from a file."""
    file = tmp_path / "desk.yaml"
    file.write_text(text)
    planned = plan(read_desk_file(file), {})
    try:
        events = planned(Setup())
    except SetupConflict as conflict:
        raise DeskFileError(located(file, conflict)) from None
    return state.fold(msgspec.structs.replace(event, version=version) for version, event in enumerate(events, start=1))


@pytest.mark.parametrize(
    ("more", "line", "word"),
    [
        ("agents:\n  alice: {groups: [dsk]}\n", 10, "dsk"),
        ("agents:\n  alice: {group: [desk]}\n", 10, "group"),
        ("policies:\n  p:\n    calendar: ofice\n", 10, "ofice"),
        ("policies:\n  p:\n    calendar: office\n    targets: {resolution: {minutes: -5}}\n", 10, "-5"),
        (TYING, 10, "a"),
        ("  night:\n    zone: Europe/Brelin\n    openings: {monday: 22:00-24:00}\n", 9, "Brelin"),
        ("  night:\n    zone: UTC\n    openings: {monday: [09:00-12:00, 11:00-13:00]}\n", 9, "overlap"),
        ("  night:\n    zone: UTC\n    openings: {moonday: 09:00-12:00}\n", 11, "moonday"),
        (NOWHERE, 12, "ZZ"),
        ("groups:\n  desk: {name: Again, department: it}\n", 9, "second time"),
        ("request_types:\n  x: {name: X, department: it, form: {type: nonsense}}\n", 10, "JSON Schema"),
        (ASKING.format(form='$ref: "#/nope"'), 13, "$defs"),
        (ASKING.format(form='$ref: "http://127.0.0.1/form.json"'), 13, "$defs"),
        (ASKING.format(form='{$defs: {a: {$ref: "#/$defs/a"}}, $ref: "#/$defs/a"}'), 13, "circle"),
        (ASKING.format(form="properties: {a: {pattern: '(?=x)'}}"), 13, "linear time"),
        (ASKING.format(form="properties: {a: {items: {pattern: '(x)\\1'}}}"), 13, "linear time"),
        (ASKING.format(form="patternProperties: {'^a': true}"), 13, "patternProperties"),
        ("policies:\n  p: {calendar: office, when: {priority: high}}\n", 10, "priority"),
        ("policies:\n  p: {calendar: office, when: {priority: [[1]]}}\n", 10, "priority"),
        ("policies:\n  p: {calendar: office, when: {department: itt}}\n", 10, "itt"),
        ("policies:\n  p: {calendar: office, when: {request_type: lptop}}\n", 10, "lptop"),
        ("  night:\n    zone: UTC\n    openings: {monday: 9}\n", 11, "09:00-17:00"),
        ("  night:\n    zone: UTC\n    openings: {monday: 09:00-12:00}\n    special: {2026-12-24: 9}\n", 12, "09:00"),
        (NOWHERE.replace("ZZ, years: [2026]", "DE, years: [20260]"), 12, "2200"),
        ("grants:\n  alice: {agnet: [it]}\n", 10, "agnet"),
        (KEEPING.format("years: 7, days: 3"), 12, "one of them"),
        (KEEPING.format("days: 13"), 12, "reopened"),
        (KEEPING.format("persons: true"), 12, "one of them"),
        (KEEPING.format("forever: true, persons: true"), 12, "leave out persons"),
        (KEEPING.format("months: 3"), 12, "months"),
        (KEEPING.format("years: 0"), 12, "years"),
        (KEEPING.format("forever: false"), 12, "forever"),
        ("departments: [\n", 9, ""),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, more: str, line: int, word: str):
    with pytest.raises(DeskFileError) as why:
        read(tmp_path, BASE + more)
    said = str(why.value)
    lines = [int(part.split(":")[0].split(",")[0]) for part in said.split("line ")[1:]]
    assert any(abs(found - line) <= 2 for found in lines), said
    assert word in said


def test_a_default_group_is_a_group_of_its_department(tmp_path: Path):
    with pytest.raises(DeskFileError, match=r"line 3.*another department"):
        read(tmp_path, BASE.replace("groups:", "  hr: {name: HR, default_group: desk}\ngroups:"))


def test_the_example_is_good_and_the_same_again_changes_nothing():
    document = read_desk_file(EXAMPLE)
    contacts = {handle: (agent.name, agent.email) for handle, agent in document.agents.items()}
    events = plan(document, {})(Setup())
    setup = state.fold(msgspec.structs.replace(event, version=version) for version, event in enumerate(events, start=1))
    assert plan(document, contacts)(setup) == []


def test_the_same_again_changes_nothing_once_it_has_been_stored(tmp_path: Path):
    file = tmp_path / "desk.yaml"
    file.write_text(
        BASE + "policies:\n  p:\n    calendar: office\n    when: {priority: [1, 2], tags: [vip]}\n"
        "    targets: {resolution: {minutes: 60}}\n    pauses: {resolution: [vendor]}\n    warnings: [0.5]\n"
        "request_types:\n  x: {name: X, department: it, form: {type: object, required: [a]}}\n"
    )
    planned = plan(read_desk_file(file), {})
    stored = [
        codec.decode(event.TYPE, codec.encode(event), stream=SETUP, version=n, position=n, recorded_at=UNSTAMPED)
        for n, event in enumerate(planned(Setup()), start=1)
    ]
    assert planned(state.fold(stored)) == []


def test_a_changed_calendar_is_a_new_version_and_its_policies_follow(tmp_path: Path):
    policy = "policies:\n  p: {calendar: office, when: {department: it}, targets: {resolution: {minutes: 60}}}\n"
    setup = read(tmp_path, BASE + policy)
    file = tmp_path / "desk.yaml"
    file.write_text((BASE + policy).replace("17:00", "18:00"))
    events = plan(read_desk_file(file), {})(setup)
    assert [event.TYPE for event in events] == ["setup.calendar-versioned.v1", "setup.policy-versioned.v1"]


def test_what_the_file_does_not_mention_stays_unless_it_is_pruned(tmp_path: Path):
    setup = read(tmp_path, BASE)
    file = tmp_path / "desk.yaml"
    file.write_text("departments: {}\n")
    document = read_desk_file(file)
    assert plan(document, {})(setup) == []
    retired = {event.TYPE for event in plan(document, {}, prune=True)(setup)}
    assert retired == {"setup.department-retired.v1", "setup.group-retired.v1"}
