"""The one loop of everything that follows something: step, wait, back off, stop.

A consumer is a *session*: connections opened together, stepped, and thrown away together at the first trouble. The next
session begins from what is durable (a mark, the tail of a topic), so no consumer has to repair one in the middle.

Trouble that passes (a server restarts, somebody else took over) is waited out; all other errors leave ``run``, so that
the process ends and whoever keeps it sees so.
"""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Event as Flag
from types import FrameType
from typing import Protocol

import psycopg
from kafka import errors

from consumers.unreached import NotTrusted, cause
from domain.errors import Unreachable

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

_HOPELESS = (
    errors.AuthorizationError,
    errors.InvalidConfigurationError,
    errors.InvalidTopicError,
    errors.KafkaConfigurationError,
    errors.MessageSizeTooLargeError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedCodecError,
    errors.UnsupportedSaslMechanismError,
    errors.UnsupportedVersionError,
    NotTrusted,
)


class Halted(Exception):
    """Going on could lose or mix up events: a person must look. The message holds no content of an event."""


class NotYet(Exception):
    """Something this consumer needs is not there yet; it is asked for again."""


class Session(Protocol):
    """One life of a consumer."""

    def step(self) -> float:
        """Do what waits to be done; return the seconds that may pass before the next step (0: there is more)."""

    def close(self) -> None:
        """Let go of everything, whatever state it is in; must not raise."""


def passes(error: BaseException) -> bool:
    """Whether an error may be gone after a while."""
    if isinstance(error, psycopg.Error):
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if isinstance(error, errors.KafkaError):
        return not isinstance(error, _HOPELESS)
    return isinstance(error, NotYet | Unreachable | ConnectionError)


def reason(error: BaseException) -> str:
    """What a log may say of an error: its kind, and its text only where we wrote that ourselves.

    The texts of drivers may quote rows and parameters.
    """
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, psycopg.Error):
        return f"{kind} {error.sqlstate or ''}".rstrip()
    if isinstance(error, Halted | NotYet | Unreachable):
        return f"{type(error).__qualname__}: {error}"
    return kind


def run(name: str, begin: Callable[[], Session], stop: Flag) -> None:
    """Step sessions until ``stop`` is set. Raises what does not pass by waiting."""
    log = logging.getLogger(f"acta.{name}")
    _keep_bodies_out_of_logs()
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        session: Session | None = None
        try:
            session = begin()
            log.info("consumer=%s state=begun", name)
            while not stop.is_set():
                rest = session.step()
                pause = FIRST_PAUSE_S
                if rest > 0:
                    stop.wait(rest)
        except Exception as error:
            behind = cause(error)
            if not passes(behind):
                log.critical("consumer=%s state=halted reason=%r", name, reason(behind))
                raise
            log.warning("consumer=%s state=interrupted retry_in_s=%.1f reason=%r", name, pause, reason(behind))
            # What cannot be let go of in the middle of trouble is closed before the pause, not after it.
            _close(session)
            session = None
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            _close(session)
    log.info("consumer=%s state=stopped", name)


def _keep_bodies_out_of_logs() -> None:
    """kafka-python writes keys and values into its debug log."""
    client_log = logging.getLogger("kafka")
    if client_log.getEffectiveLevel() < logging.WARNING:
        client_log.setLevel(logging.WARNING)


def _close(session: Session | None) -> None:
    if session is not None:
        with suppress(Exception):
            session.close()


def stop_on_signals(stop: Flag) -> None:
    """Let SIGTERM and SIGINT set ``stop``; a second one ends the process at once."""

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
