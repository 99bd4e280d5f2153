"""What a ticket's events tell its clocks."""

from berlin import Desk, wall
from domain.clock.asking import explanations_of
from domain.ticket import events as e


def test_a_correction_of_when_the_ticket_was_opened_is_heard_by_its_clocks_and_explained() -> None:
    desk = Desk()
    desk.opened("2026-03-30 11:00", desk.policy("p", first_response=240, resolution=480))
    new = {"opened_at": wall("2026-03-30 10:00").isoformat()}
    desk.then(e.TicketCorrected, "2026-03-30 12:00", old={"opened_at": ""}, new=new, why="phoned")
    for explained in explanations_of(desk.events, wall("2026-03-30 13:00"), desk.policies):
        assert explained.started_at == wall("2026-03-30 10:00")
        assert explained.elapsed == explained.actual == explained.parts[0].counted
