"""A made log of the layout that the import reads, with every oddity of the real one; the same for the same seed.

The real log is never committed. ``Incident`` builds the rows of one incident update by update; ``made_incidents`` makes
many; ``ODDITIES`` are small histories, each with one thing that an importer has to live with.
"""

import csv
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from consumers.importing.servicenow.layout import COLUMNS

START = datetime(2016, 5, 2, 8, 0)  # noqa: DTZ001  the log has local times without a zone
WAITING = ("Awaiting User Info", "Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence")
OPEN = ("New", "Active", *WAITING)
PRIORITY = {("1", "1"): "1 - Critical", ("1", "2"): "2 - High", ("2", "1"): "2 - High", ("2", "2"): "3 - Moderate"}
LABELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}


def text(time: datetime) -> str:
    """A time as the log writes it: day first, the hour with two digits, day and month as they come."""
    return f"{time.day}/{time.month}/{time.year} {time.hour:02}:{time.minute:02}"


class Incident:
    """An incident on its way: its record now, and the rows that were written so far."""

    def __init__(self, number: str, opened: datetime = START, first_after: int = 3, **record: str) -> None:
        self.now = opened + timedelta(minutes=first_after)
        self.rows: list[dict[str, str]] = []
        self.record = dict.fromkeys(COLUMNS, "?") | {
            "number": number,
            "incident_state": "New",
            "active": "true",
            "reassignment_count": "0",
            "reopen_count": "0",
            "sys_mod_count": "0",
            "made_sla": "true",
            "caller_id": "Caller 2403",
            "opened_by": "Opened by  8",
            "opened_at": text(opened),
            "sys_created_by": "Created by 6",
            "sys_created_at": text(self.now),
            "contact_type": "Phone",
            "location": "Location 143",
            "category": "Category 55",
            "subcategory": "Subcategory 170",
            "u_symptom": "Symptom 72",
            "impact": "2 - Medium",
            "urgency": "2 - Medium",
            "priority": "3 - Moderate",
            "assignment_group": "Group 56",
            "knowledge": "true",
            "u_priority_confirmation": "false",
            "notify": "Do Not Notify",
            "closed_code": "code 5",
            "resolved_by": "Resolved by 149",
        }
        self.record |= record
        self.update(0)

    def update(self, minutes: int = 17, by: str = "Updated by 21", **changes: str) -> "Incident":
        """Write the record as it is ``minutes`` later; the counts follow from what changes."""
        self.now += timedelta(minutes=minutes)
        state = changes.get("incident_state", self.record["incident_state"])
        changes.setdefault("active", "false" if state == "Closed" else "true")
        if self.rows:
            changes.setdefault("sys_mod_count", str(int(self.record["sys_mod_count"]) + 1))
            if self.record["incident_state"] in ("Resolved", "Closed") and state in OPEN:
                changes.setdefault("reopen_count", str(int(self.record["reopen_count"]) + 1))
            if changes.get("assignment_group", self.record["assignment_group"]) != self.record["assignment_group"]:
                changes.setdefault("reassignment_count", str(int(self.record["reassignment_count"]) + 1))
        self.record = self.record | changes | {"sys_updated_at": text(self.now), "sys_updated_by": by}
        self.rows.append(self.record)
        return self

    def state(self, state: str, minutes: int = 17, **changes: str) -> "Incident":
        return self.update(minutes, incident_state=state, **changes)

    def finished(self, *, resolved_at: str = "", closed_at: str = "") -> list[dict[str, str]]:
        """The rows, each with the times of resolving and closing that are known in the end."""
        times = {"resolved_at": "?", "closed_at": "?"}
        before = ""
        for row in self.rows:
            if row["incident_state"] == "Resolved" and before != "Resolved":
                times["resolved_at"] = row["sys_updated_at"]
            if row["incident_state"] == "Closed":
                times["closed_at"] = row["sys_updated_at"]
            before = row["incident_state"]
        times |= {name: said for name, said in (("resolved_at", resolved_at), ("closed_at", closed_at)) if said}
        return [row | times for row in self.rows]


def _ordinary(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Active", assigned_to="Resolver 89").state("Awaiting User Info").state("Active")
    return made.state("Resolved").state("Closed", 7_200, by="Updated by 908").finished()


def _begins_in_the_middle(number: str) -> list[dict[str, str]]:
    made = Incident(number, incident_state="Awaiting Vendor", sys_mod_count="4", sys_created_at="?", opened_by="?")
    return made.state("Resolved").state("Closed").finished()


def _new_though_assigned(number: str) -> list[dict[str, str]]:
    made = Incident(number, assigned_to="Resolver 31")
    return made.update(5).state("Active").state("Resolved").state("Closed").finished()


def _reopened(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Resolved").state("Active").state("Resolved").state("Awaiting User Info")
    return made.state("Resolved").state("Closed").finished()


def _reopened_from_closed(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Resolved").state("Closed").state("Active", 600).state("Resolved").state("Closed")
    return made.finished()


def _reopened_after_the_window(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Resolved").state("Closed").state("Active", 60 * 24 * 40)
    return made.state("Resolved").state("Closed").finished()


def _resolved_and_closed_again(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Resolved").update(30).state("Closed").update(9)
    return made.finished(resolved_at=made.rows[2]["sys_updated_at"])


def _closed_at_once(number: str) -> list[dict[str, str]]:
    return Incident(number).state("Closed").finished()


def _a_code_for_a_state(number: str) -> list[dict[str, str]]:
    return Incident(number).state("-100").update().state("Resolved").state("Closed").finished()


def _one_minute(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Active", 0, assigned_to="Resolver 5").state("Awaiting Vendor", 0)
    return made.state("Awaiting Problem", 0, vendor="Vendor 1").state("Resolved").state("Closed", 0).finished()


def _back_in_time(number: str) -> list[dict[str, str]]:
    made = Incident(number, first_after=80).update(-70).state("Resolved").state("Closed")
    return made.finished()


def _updated_before_opened(number: str) -> list[dict[str, str]]:
    return Incident(number, first_after=-134).update(140).state("Resolved").state("Closed").finished()


def _groups(number: str) -> list[dict[str, str]]:
    made = Incident(number, assignment_group="?").update(assignment_group="Group 24", assigned_to="Resolver 31")
    made.update(assignment_group="Group 70", assigned_to="Resolver 31").update(assignment_group="?")
    made.update(assignment_group="Group 20").update(assigned_to="?").update(assigned_to="Resolver 2")
    made.update(assignment_group="Group 21").state("Resolved").update(assignment_group="Group 22")
    return made.update(assigned_to="Resolver 7").state("Closed").finished()


def _priorities(number: str) -> list[dict[str, str]]:
    made = Incident(number, impact="3 - Low", urgency="3 - Low", priority="4 - Low")
    made.update(impact="1 - High", urgency="1 - High", priority="1 - Critical").update(priority="3 - Moderate")
    made.update(priority="1 - Critical").update(impact="?", priority="?").update(
        impact="2 - Medium", priority="2 - High"
    )
    return made.state("Resolved").state("Closed").finished()


def _assessed_when_closed_without_a_priority(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Closed").update(urgency="3 - Low", priority="?").update(priority="4 - Low")
    return made.finished()


def _every_other_column(number: str) -> list[dict[str, str]]:
    made = Incident(number, u_symptom="?", category="?", caller_id="?").update(
        u_symptom="Symptom 1", category="Category 1"
    )
    made.update(caller_id="Caller 17", contact_type="Email", location="?", subcategory="?")
    made.update(cmdb_ci="cmdb_ci 3", problem_id="Problem ID  14", rfc="CHG0000132", caused_by="CHG0000097", vendor="8s")
    made.update(notify="Send Email", made_sla="false", knowledge="false", u_priority_confirmation="true")
    return made.update(rfc="?", active="false").state("Resolved").state("Closed").finished()


def _changed_when_closed(number: str) -> list[dict[str, str]]:
    made = Incident(number).state("Resolved").state("Closed").update(category="Category 9", rfc="CHG0000009")
    made.update(caller_id="Caller 1", assignment_group="Group 9", assigned_to="Resolver 9", priority="1 - Critical")
    made.state("Resolved", reopen_count="0").update(reopen_count="3").state("Active", reopen_count="3")
    return made.state("Resolved").state("Closed").finished()


def _ends_open(number: str) -> list[dict[str, str]]:
    return Incident(number).state("Resolved").state("Closed").state("Awaiting Vendor").finished()


def _resolved_without_a_row(number: str) -> list[dict[str, str]]:
    made = Incident(number).update().state("Closed", 60)
    return made.finished(resolved_at=made.rows[1]["sys_updated_at"])


def _never_told_when_resolved(number: str) -> list[dict[str, str]]:
    return (
        Incident(number, closed_code="?", resolved_by="?").state("Resolved").state("Closed").finished(resolved_at="?")
    )


ODDITIES: tuple[Callable[[str], list[dict[str, str]]], ...] = (
    _ordinary,
    _begins_in_the_middle,
    _new_though_assigned,
    _reopened,
    _reopened_from_closed,
    _reopened_after_the_window,
    _resolved_and_closed_again,
    _closed_at_once,
    _a_code_for_a_state,
    _one_minute,
    _back_in_time,
    _updated_before_opened,
    _groups,
    _priorities,
    _assessed_when_closed_without_a_priority,
    _every_other_column,
    _changed_when_closed,
    _ends_open,
    _resolved_without_a_row,
    _never_told_when_resolved,
)


def random_incident(number: str, dice: random.Random) -> list[dict[str, str]]:
    """A history as it may come: any state after any other, anything changed at any time."""
    levels = ("1 - High", "2 - Medium", "3 - Low")
    choices: dict[str, tuple[str, ...]] = {
        "incident_state": (*OPEN, "Resolved", "Closed", "-100"),
        "assignment_group": ("?", "Group 1", "Group 2", "Group 3"),
        "assigned_to": ("?", "Resolver 1", "Resolver 2"),
        "category": ("?", "Category 1", "Category 2"),
        "impact": (*levels, "?"),
        "urgency": levels,
        "priority": ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low", "?"),
        "caller_id": ("?", "Caller 1", "Caller 2"),
        "rfc": ("?", "CHG0000001", "CHG0000002"),
        "made_sla": ("true", "false"),
    }
    columns = sorted(choices)
    first = {column: dice.choice(choices[column]) for column in columns if dice.randint(0, 2) == 0}
    made = Incident(number, START + timedelta(minutes=dice.randint(0, 500_000)), dice.randint(-60, 600), **first)
    for _ in range(dice.randint(0, 9)):
        changed = {dice.choice(columns) for _ in range(dice.randint(0, 3))}
        made.update(dice.choice((0, 0, 1, 30, 5_000, -20)), **{name: dice.choice(choices[name]) for name in changed})
    return made.finished()


def made_incidents(count: int = 300, seed: int = 498) -> Iterator[list[dict[str, str]]]:
    """Every oddity, then random histories that end closed."""
    dice = random.Random(seed)
    for n in range(count):
        number = f"INC{n:07}"
        if n < len(ODDITIES):
            yield ODDITIES[n](number)
            continue
        made = Incident(number, START + timedelta(minutes=dice.randint(0, 200_000)), dice.choice((0, 0, 1, 6)))
        for _ in range(dice.randint(0, 6)):
            changes = {"incident_state": dice.choice(("Active", "Active", *WAITING, "Resolved"))}
            if dice.random() < 0.3:
                changes |= {"assignment_group": f"Group {dice.randint(1, 9)}", "assigned_to": "?"}
            if dice.random() < 0.4:
                changes["assigned_to"] = f"Resolver {dice.randint(1, 20)}"
            made.update(dice.choice((0, 1, 45, 2_000)), **changes)
        yield made.state("Resolved", 3).state("Closed", 7_200).finished()


def interleaved(incidents: Iterable[list[dict[str, str]]], seed: int = 1) -> list[dict[str, str]]:
    """Rows of many incidents mixed, those of one in their order."""
    waiting, dice = [list(rows) for rows in incidents], random.Random(seed)
    mixed: list[dict[str, str]] = []
    while waiting:
        chosen = dice.choice(waiting)
        mixed.append(chosen.pop(0))
        waiting = [rows for rows in waiting if rows]
    return mixed


def written(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    """The log as a file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
