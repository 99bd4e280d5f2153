"""Calendars and policies that cannot be meant: `acta configure` refuses each with the line that is at fault."""

from pathlib import Path

import pytest

from deploy.desk_file import DeskFileError, located, read_desk_file
from domain.desk.configuring import plan
from domain.errors import SetupConflict
from domain.setup.events import PolicyVersioned
from domain.setup.state import Setup

HERE = "# HERE"
CALENDAR = """\
departments:
  it: {name: IT}
calendars:
  office:
    zone: Europe/Berlin
    openings:
      monday-friday: "09:00-17:00"
"""
POLICY = f"""\
{CALENDAR}
policies:
  usual:
    calendar: office
    when: {{department: it}}
"""


def refused(folder: Path, text: str) -> str:
    """What `acta configure` says of a file: a line for each fault."""
    file = folder / "desk.yaml"
    file.write_text(text)
    planned = plan(read_desk_file(file), {})
    try:
        planned(Setup())
    except SetupConflict as conflict:
        return located(file, conflict)
    raise AssertionError("it was accepted")


def must_be_refused(folder: Path, text: str, word: str) -> None:
    """Refused for the line marked HERE and for no other, saying the word."""
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if HERE in line)
    try:
        said = refused(folder, text)
    except DeskFileError as why:
        said = str(why)
    assert {part.split(":")[0] for part in said.splitlines()} == {f"line {line}"}, said
    assert word in said


@pytest.mark.parametrize(
    ("calendar", "word"),
    [
        ("zone: Europe/Brelin # HERE\n    openings: {monday: 09:00-12:00}", "'Europe/Brelin' is not a known IANA"),
        ("zone: localtime # HERE\n    openings: {monday: 09:00-12:00}", "'localtime' is not a known IANA"),
        ("zone: CET+1 # HERE\n    openings: {monday: 09:00-12:00}", "'CET+1' is not a known IANA"),
        ("zone: UTC\n    openings:\n      monday: [09:00-12:00, 11:00-13:00] # HERE", "11:00–13:00 overlaps"),
        ("zone: UTC\n    openings:\n      monday-friday: [09:00-12:00, 09:00-12:00] # HERE", "overlaps"),
        ("zone: UTC\n    openings:\n      monday: 17:00-09:00 # HERE", "17:00–09:00 does not start before it ends"),
        ("zone: UTC\n    openings:\n      monday: 09:00-09:00 # HERE", "does not start before it ends"),
        ("zone: UTC\n    openings:\n      monday: 09:00-25:00 # HERE", "'25:00' is not a time between 00:00 and 24:00"),
        ("zone: UTC\n    openings:\n      monday: 09:00-24:30 # HERE", "'24:30' is not a time between"),
        ("zone: UTC\n    openings:\n      monday: 9-17 # HERE", "'9' is not a time between"),
        ("zone: UTC\n    openings: # HERE\n      monday: 9", "of the form 09:00-17:00"),
        ("zone: UTC\n    openings: # HERE\n      moonday: 09:00-12:00", "'moonday' is no weekday"),
        ("zone: UTC\n    openings: # HERE\n      friday-monday: 09:00-12:00", "'friday-monday' goes backwards"),
        (
            "zone: UTC\n    openings: # HERE\n      monday-friday: 09:00-12:00\n      friday: 09:00-11:00",
            "friday is given",
        ),
        ("zone: UTC\n    openings: {} # HERE", "must open at least once a week"),
        ("zone: UTC\n    openings: {monday: []} # HERE", "must open at least once a week"),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    holiday: {country: DE} # HERE", "holiday"),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    holidays: {contry: DE} # HERE", "contry"),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    holidays: {country: ZZ, years: [2026]} # HERE", "'ZZ'"),
        (
            "zone: UTC\n    openings: {monday: 09:00-12:00}\n    holidays:\n      country: DE\n"
            "      region: QQ # HERE\n      years: [2026]",
            "'QQ' is not a region of DE",
        ),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    holidays: {country: DE} # HERE", "years: none given"),
        (
            "zone: UTC\n    openings: {monday: 09:00-12:00}\n    holidays:\n      dates:\n        2026-13-24: X # HERE",
            "month",
        ),
        (
            "zone: UTC\n    openings: {monday: 09:00-12:00}\n    special:\n      2026-12-24: [09:00-12:00]\n"
            "      2026-12-31: 12:00-09:00 # HERE",
            "12:00–09:00 does not start before it ends",
        ),
        (
            "zone: UTC\n    openings: {monday: 09:00-12:00}\n    special:\n      2026-02-30: [] # HERE",
            "day is out of range",
        ),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    ? [a] # HERE\n    : 1", "a list or mapping is no key"),
        ("zone: UTC\n    openings: {monday: 09:00-12:00}\n    special:\n      christmas: 09:00-12:00 # HERE", "date"),
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_a_calendar_that_cannot_be_meant(tmp_path: Path, calendar: str, word: str) -> None:
    must_be_refused(tmp_path, f"calendars:\n  office:\n    {calendar}\n", word)


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        ("targets:\n      resolution: {minutes: -5} # HERE", "-5 business_minutes is not between 1 and"),
        ("targets:\n      first_response: {minutes: 60}\n      resolution: {minutes: 0} # HERE", "amount: 0"),
        ("targets:\n      resolution: {minutes: 99999999999999999999} # HERE", "is not between 1 and"),
        ("targets:\n      resolution: {business_days: 99999} # HERE", "99999 business_days is not between 1 and"),
        ("targets:\n      resolution: {minutes: 1.5} # HERE", "integer"),
        (
            "targets:\n      resolution: {days: 2} # HERE",
            "name exactly one of minutes, calendar_minutes, business_days",
        ),
        ("targets:\n      resolution: {minutes: 60, business_days: 1} # HERE", "name exactly one of"),
        ("targets:\n      resolution: 60 # HERE", "dictionary"),
        ("targets: # HERE\n      resolve: {minutes: 60}", "'resolve' is not one of first_response, next_response"),
        ("pauses:\n      resolution: [requester, vendro] # HERE", "'vendor'"),
        ("pauses: # HERE\n      resolved: [requester]", "'resolved' is not one of"),
        ("warnings: [0.5, 1] # HERE", "1.0 is not a share between 0 and 1"),
        ("warnings: [0, 0.5] # HERE", "0.0 is not a share between 0 and 1"),
        ("warnings: [-0.5, 0.5] # HERE", "-0.5 is not a share between 0 and 1"),
        ("warnings: [75, 90] # HERE", "75.0 is not a share between 0 and 1"),
        ("warnings: [.nan] # HERE", "nan is not a share"),
        ("warnings: # HERE\n      - 0.9\n      - 0.75", "0.75 comes after 0.9"),
        ("warnings: [0.75, 0.75] # HERE", "0.75 comes after 0.75"),
        ("on_reopen: forget # HERE", "'forget' is not one of resume, restart"),
        ("on_retarget: sometimes # HERE", "'sometimes' is not one of recompute, keep, restart"),
        ("target: {resolution: {minutes: 60}} # HERE", "target"),
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_a_policy_that_cannot_be_meant(tmp_path: Path, terms: str, word: str) -> None:
    must_be_refused(tmp_path, f"{POLICY}    {terms}\n", word)


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ("calendar: ofice # HERE", "'ofice', which is not configured"),
        ("calendar: office\n    when: # HERE\n      departmnt: it", "departmnt"),
        ("calendar: office\n    when:\n      department: ti # HERE", "'ti', which is not configured"),
        ("calendar: office\n    when:\n      priority: 6 # HERE", "less than or equal to 5"),
        ("calendar: office\n    when:\n      priority: high # HERE", "integer"),
    ],
    ids=["calendar", "condition", "department", "priority", "a word for a priority"],
)
def test_a_policy_that_names_what_is_not_there(tmp_path: Path, policy: str, word: str) -> None:
    said_elsewhere = policy.replace("when: # HERE\n      departmnt: it", "when:\n      departmnt: it # HERE")
    must_be_refused(tmp_path, f"{CALENDAR}policies:\n  usual:\n    {said_elsewhere}\n", word)


def test_policies_that_tie_are_refused_with_the_lines_of_both(tmp_path: Path) -> None:
    text = f"""{CALENDAR}policies:
  by-department:
    calendar: office
    when: {{department: it}}
  by-priority:
    calendar: office
    when: {{priority: [1, 2]}}
  low:
    calendar: office
    when: {{department: it, priority: 4}}
"""
    said = refused(tmp_path, text)
    assert said.startswith("line 9, 12: Policies 'by-department' and 'by-priority' are equally specific")


def test_whoever_is_more_specific_or_never_meets_the_other_does_not_tie(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="it was accepted"):
        refused(
            tmp_path,
            f"""{CALENDAR}policies:
  all: {{calendar: office}}
  it: {{calendar: office, when: {{department: it}}}}
  urgent: {{calendar: office, when: {{department: it, priority: [1, 2]}}}}
  usual: {{calendar: office, when: {{department: it, priority: [3, 4, 5]}}}}
""",
        )


CHAIN = f"""\
groups:
  desk: {{name: Desk, department: it}}
{POLICY}\
    targets: {{resolution: {{minutes: 480}}}}
    chain:
"""


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ("{percent: 100, level: 1}", "between 1 and 99"),
        ("{percent: 50, level: 1}", "two steps come 'at 50 %'"),
        ("{percent: 80}", "the step does nothing"),
        ("{level: 1}", "exactly one of"),
        ("{percent: 80, after_minutes: 0, level: 1}", "exactly one of"),
        ("{before_minutes: 480, level: 1}", "before the clock starts"),
        ("{before_minutes: -5, level: 1}", "not a positive number"),
        ("{after_minutes: -5, level: 1}", "a negative number"),
        ("{after_minutes: 0, notify: [nobody]}", "'nobody', which is not configured"),
        ("{after_minutes: 0, group: dsk}", "'dsk', which is not configured"),
        ("{after_minutes: 0, assignee: nobody}", "'nobody', which is not configured"),
        ("{after_minutes: 0, priority: 9}", "priority"),
        ("{after_minutes: 0, levle: 1}", "levle"),
    ],
)
def test_a_step_of_a_chain_that_cannot_be_meant_is_refused(tmp_path: Path, step: str, word: str) -> None:
    chain = f"      resolution:\n        - {{percent: 50, notify: [desk]}}\n        - {step} # HERE\n"
    must_be_refused(tmp_path, CHAIN + chain, word)


@pytest.mark.parametrize("clock", ["first_response", "repsonse"])
def test_a_chain_for_a_clock_without_a_target_or_of_no_kind_is_refused(tmp_path: Path, clock: str) -> None:
    must_be_refused(tmp_path, CHAIN + f"      {clock}: [{{percent: 50, level: 1}}] # HERE\n", clock)


def test_a_chain_that_makes_sense_is_recorded_as_it_was_written(tmp_path: Path) -> None:
    chain = "      resolution: [{percent: 50, notify: [desk]}, {after_minutes: 0, group: desk}]\n"
    file = tmp_path / "desk.yaml"
    file.write_text(CHAIN + chain)
    policy = next(event for event in plan(read_desk_file(file), {})(Setup()) if isinstance(event, PolicyVersioned))
    steps = [{"percent": 50, "notify": ["desk"]}, {"after_minutes": 0, "group": "desk"}]
    assert policy.terms["chain"] == {"resolution": steps}
