"""The loop: what passes is waited out with a fresh session, all else ends it loudly, and logs quote nothing."""

import logging
from threading import Event as Flag

import psycopg
import pytest
from kafka import errors

from consumers.loop import Halted, NotYet, run


class Sessions:
    """Sessions that go as planned: each is given one error to meet, or None to ask the loop to stop."""

    def __init__(self, *plan: Exception | None) -> None:
        self.stop = Flag()
        self.plan = list(plan)
        self.begun = 0
        self.closed = 0

    def begin(self) -> "Sessions":
        self.begun += 1
        return self

    def step(self) -> float:
        trouble = self.plan.pop(0)
        if trouble is not None:
            raise trouble
        self.stop.set()
        return 0.0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    "trouble",
    [
        psycopg.OperationalError("gone"),
        psycopg.InterfaceError("closed"),
        errors.KafkaTimeoutError("slow"),
        errors.ProducerFencedError("another"),
        errors.KafkaConnectionError("refused"),
        NotYet("no topic"),
    ],
)
def test_what_passes_is_met_with_a_fresh_session(trouble: Exception) -> None:
    sessions = Sessions(trouble, None)
    run("test", sessions.begin, sessions.stop)
    assert (sessions.begun, sessions.closed) == (2, 2)


@pytest.mark.parametrize(
    "trouble",
    [
        Halted("look at this"),
        errors.TopicAuthorizationFailedError("no"),
        errors.SaslAuthenticationFailedError("no"),
        psycopg.errors.InsufficientPrivilege("no"),
        ZeroDivisionError("a mistake of ours"),
    ],
)
def test_what_does_not_pass_ends_the_loop(trouble: Exception) -> None:
    sessions = Sessions(trouble)
    with pytest.raises(type(trouble)):
        run("test", sessions.begin, sessions.stop)
    assert (sessions.begun, sessions.closed) == (1, 1)


def test_a_loop_asked_to_stop_begins_nothing() -> None:
    sessions = Sessions()
    sessions.stop.set()
    run("test", sessions.begin, sessions.stop)
    assert sessions.begun == 0


def test_a_log_quotes_what_we_wrote_and_nothing_that_a_driver_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sessions = Sessions(psycopg.OperationalError("Key (title)=(my salary)"), NotYet("no topic yet"), None)
    run("test", sessions.begin, sessions.stop)
    assert "salary" not in caplog.text
    assert "psycopg.OperationalError" in caplog.text
    assert "no topic yet" in caplog.text
