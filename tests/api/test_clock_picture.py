"""The picture of a ticket's clocks: good XML, true to the figures, safe whatever it says, the same for the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.clocks.axis import CLOSED_SHARE, Axis, overlap
from api.clocks.picture import picture
from berlin import BERLIN, Desk, named, office, wall
from desk_talk import done, opened, refused
from domain.clock.asking import explanations_of
from domain.clock.explain import Explanation
from domain.clock.wording import title
from domain.ticket import events as e
from lives import POLICIES
from lives import Desk as Walk

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\"' ]]> \x07\ud800"


def drawn(desk: Desk, at: str, zone: str | None = None) -> str:
    explanations = explanations_of(desk.events, wall(at), desk.policies)
    return picture(3847, wall(at), explanations, desk.policies, zone)


def paused() -> Desk:
    """Worked example 2, and a reply before the first hold."""
    desk = Desk()
    desk.opened("2026-03-30 10:00", desk.policy("silver", first_response=60, resolution=480))
    desk.then(e.AgentReplied, "2026-03-30 10:30", text="looking")
    desk.then(e.TicketPutOnHold, "2026-03-30 14:00", reason="requester")
    return desk.then(e.TicketResumed, "2026-03-31 11:00")


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def hints(svg: str, kind: str) -> list[str]:
    """What is read of the shapes of a kind."""
    shapes = [shape for shape in ElementTree.fromstring(svg).iter() if shape.get("class") == kind]
    return [said.text or "" for shape in shapes if (said := shape.find(f"{SVG}title")) is not None]


def test_it_says_in_text_what_it_shows() -> None:
    desk = paused()
    svg = drawn(desk, "2026-03-31 12:00")
    explanations = explanations_of(desk.events, wall("2026-03-31 12:00"), desk.policies)
    for one in explanations:
        assert title(one, BERLIN) in texts(svg)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == (
        "Clocks of #3847 as of Tue 2026-03-31 12:00; times in Europe/Berlin, UTC+02:00"
    )
    assert root.findtext(f"{SVG}desc") == "\n".join(title(one, BERLIN) for one in explanations)
    assert {"due Tue 31 Mar 15:00", "on hold: requester", "counted", "on hold, not counted", "closed"} <= set(
        texts(svg)
    )


def test_what_it_draws_as_counted_is_the_figure() -> None:
    svg = drawn(paused(), "2026-03-31 12:00")
    assert hints(svg, "counted") == ["counted: 0:30", "counted: 5:00"]
    assert hints(svg, "paused") == ["on hold: requester; opening hours left out: 5:00"]


def test_beyond_the_target_it_counts_in_another_colour() -> None:
    desk = Desk()
    silver, gold = desk.policy("silver", resolution=480), desk.policy("gold", resolution=240)
    desk.opened("2026-03-30 09:00", silver)
    desk.then(e.SlaRetargeted, "2026-03-30 15:00", **named(gold), cause="prioritise")
    svg = drawn(desk, "2026-03-30 16:00")
    assert (hints(svg, "counted")[-1], hints(svg, "over")) == ("counted: 6:00", ["counted beyond the target: 1:00"])
    assert hints(svg, "breach") == ["breached Mon 30 Mar 15:00"]
    assert "target 4:00 from Mon 30 Mar 15:00" in hints(svg, "mark")


def test_labels_are_what_the_wall_shows_on_either_side_of_a_change_of_clocks() -> None:
    desk = Desk()
    desk.opened("2026-03-27 16:00", desk.policy("silver", first_response=240, resolution=480))
    svg = drawn(desk, "2026-03-30 11:30")
    assert "due Mon 30 Mar 12:00" in texts(svg)
    assert texts(svg)[1].endswith("times in Europe/Berlin, UTC+01:00, UTC+02:00 from Sun 29 Mar")
    assert "due Mon 30 Mar 15:45" in texts(drawn(desk, "2026-03-30 11:30", "Asia/Kathmandu"))


@pytest.mark.parametrize("months", [0, 14, 120])
def test_it_stays_small_however_long_a_ticket_lives(months: int) -> None:
    desk = Desk()
    desk.opened("2010-03-01 10:00", desk.policy("silver", resolution=480))
    at = wall("2010-03-01 10:10") + timedelta(days=months * 30)
    explanations = explanations_of(desk.events, at, desk.policies)
    assert len(picture(1, at, explanations, desk.policies)) < 60_000


def test_before_the_first_clock_it_says_so() -> None:
    assert "no clock had started" in texts(drawn(paused(), "2026-03-30 09:00"))[1]


def test_hostile_text_stays_text() -> None:
    desk = Desk()
    calendar = office(holidays={"2026-03-31": HOSTILE})
    desk.opened("2026-03-30 10:00", desk.policy(HOSTILE, calendar, resolution=4800))
    desk.then(e.TicketPutOnHold, "2026-04-01 10:00", reason=HOSTILE)
    desk.then(e.SlaRetargeted, "2026-04-02 10:00", **named(desk.policy("x", resolution=9)), cause=HOSTILE)
    svg = drawn(desk, "2026-04-03 12:00")
    svg.encode()
    root = ElementTree.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "path", "text"),
    }
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in names)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(10, 80))
def test_every_life_can_be_drawn_and_always_the_same(seed: int, count: int) -> None:
    events = list(Walk(seed, 1).events(count))
    life = [event for event in events if isinstance(event, e.TicketEvent)]
    at = events[-1].recorded_at

    def draw() -> tuple[str, Sequence[Explanation]]:
        explanations = explanations_of(life, at, POLICIES)
        return picture(1, at, explanations, POLICIES), explanations

    svg, explanations = draw()
    assert draw()[0] == svg
    ElementTree.fromstring(svg)
    for kind in ("counted", "held", "over"):
        assert all(said.rpartition(": ")[2] != "0:00" for said in hints(svg, kind))
    figures = [title(one, ZoneInfo(explanations[0].zone)) for one in explanations]
    assert set(figures) <= set(texts(svg))


BEGIN = datetime(2026, 3, 27, tzinfo=UTC)
INSTANTS = st.integers(0, 10 * 1440).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@settings(max_examples=60, deadline=None)
@given(st.lists(INSTANTS, min_size=2, max_size=12, unique=True).map(sorted), st.lists(INSTANTS, min_size=2))
def test_positions_grow_with_time_and_closed_hours_take_their_share_at_most(
    edges: list[datetime], instants: list[datetime]
) -> None:
    closed = list(zip(edges[::2], edges[1::2], strict=False))
    begin, end = BEGIN, BEGIN + timedelta(days=10)
    axis = Axis(begin, end, closed, BERLIN, 24, 936)
    assert axis.x(begin) == pytest.approx(24)
    assert axis.x(end) == pytest.approx(936)
    for before, after in pairwise(sorted(instants)):
        assert axis.x(before) <= axis.x(after)
    taken = sum(axis.x(b) - axis.x(a) for a, b in closed)
    plain = sum((b - a for a, b in closed), timedelta()) / (end - begin) * 912
    assert taken <= max(CLOSED_SHARE * 912, 0) + 0.01 or taken <= plain + 0.01
    times, dates = axis.ticks()
    assert times or dates


def test_only_hours_closed_in_every_lane_are_narrowed() -> None:
    hours = [BEGIN + timedelta(hours=hour) for hour in range(8)]
    one, other = [(hours[0], hours[2]), (hours[4], hours[7])], [(hours[1], hours[5]), (hours[6], hours[7])]
    assert overlap([one, other]) == [(hours[1], hours[2]), (hours[4], hours[5]), (hours[6], hours[7])]
    assert overlap([one, []]) == []


def test_the_picture_comes_over_http_and_may_use_nothing_but_its_own_style(house, alice) -> None:
    number = opened(alice)
    answer = alice.get(f"/tickets/{number}/clocks.svg")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.headers["x-content-type-options"] == "nosniff"
    (policy,) = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "style-src 'sha256-" in policy
    assert texts(answer.text)[0] == f"Clocks of #{number}"


def test_picture_and_clocks_are_as_of_then_and_in_the_zone_asked_for(house, alice) -> None:
    number = opened(alice)
    then = alice.get(f"/tickets/{number}").json()["opened_at"]
    done(alice, number, "resolve", code="fixed")
    for path in ("clocks", "clocks.svg"):
        asked = {"at": then, "timezone": "Asia/Kathmandu"}
        assert "stopped, met" in said_by(alice.get(f"/tickets/{number}/{path}"))
        assert "stopped" not in said_by(alice.get(f"/tickets/{number}/{path}", params=asked))
        for nowhere in ("Moon/Base", "localtime"):
            refused(alice.get(f"/tickets/{number}/{path}", params={"timezone": nowhere}), 422, "not-valid")
        refused(alice.get(f"/tickets/{number}/{path}", params={"at": "8000-01-01T00:00:00Z"}), 422, "not-valid")
    assert "Asia/Kathmandu" in alice.get(f"/tickets/{number}/clocks.svg", params=asked).text


def said_by(answer: httpx.Response) -> str:
    """The words of an answer, without the names of its fields."""
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"] == "application/json":
        return "\n".join(clock["text"] for clock in answer.json()["clocks"])
    return "\n".join(texts(answer.text))


def test_who_may_not_see_the_clocks_may_not_see_their_picture(house, alice, henry, rita, stranger) -> None:
    number = opened(rita)
    for path in ("clocks", "clocks.svg"):
        refused(henry.get(f"/tickets/{number}/{path}"), 404, "ticket-not-found")
        refused(rita.get(f"/tickets/{number}/{path}"), 403, "not-allowed")
        refused(stranger.get(f"/tickets/{number}/{path}"), 401, "not-authenticated")


def test_a_clock_without_a_policy_is_drawn_in_plain_time() -> None:
    desk = Desk()
    desk.then(e.TicketOpened, "2026-03-27 16:00", number=1, department="it", requester=UUID(int=9), priority=3)
    svg = drawn(desk, "2026-03-28 16:00")
    assert hints(svg, "counted") == ["counted: 24:00", "counted: 24:00"]


def test_clocks_that_ended_at_the_instant_they_started_are_drawn_all_the_same() -> None:
    desk = Desk()
    desk.then(e.TicketOpened, "2026-03-27 16:00", number=1, department="it", requester=UUID(int=9), priority=3)
    desk.then(e.TicketCancelled, "2026-03-27 16:00")
    svg = drawn(desk, "2026-03-27 16:00")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert hints(svg, "counted") == []
