"""Why no broker could be reached, which kafka-python says in its log alone: who waits for one is told of a timeout.

A wrong password, or a certificate that nobody vouches for, must not be waited out as if a broker were away. The word
that a password is wrong comes together with the end of the connection, and kafka-python 3.0 throws away what it has
read when it finds that end; so what was read is given out first, and the end is found once more.
"""

import logging
from collections.abc import Callable
from typing import Any

from kafka import errors
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

_LOG = logging.getLogger("kafka.net.manager")
_Receive = Callable[[Any], tuple[bytes, Exception | None]]


class NotTrusted(errors.KafkaError):  # type: ignore[misc]
    """The broker's certificate is not vouched for by an authority that is known here."""


class _Listener(logging.Handler):
    """Gives the timeout of a search for brokers its cause: the newest failure of which the log told meanwhile.

    A failure that no waiting mends is not forgotten over others.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for said in record.args if isinstance(record.args, tuple) else ():
            if isinstance(said, errors.KafkaTimeoutError | errors.RequestTimedOutError):
                # The last attempt ends when the patience does, whatever it would have come to.
                if "bootstrap" in str(said):
                    said.__cause__, self._heard = self._heard, None
            elif isinstance(said, Exception) and not isinstance(self._heard, errors.SaslAuthenticationFailedError):
                self._heard = said


_listener = _Listener()


def listen() -> None:
    """Hear what kafka-python says from now on, and what brokers say last."""
    if _listener not in _LOG.handlers:
        _LOG.addHandler(_listener)
        for transport in (KafkaTCPTransport, KafkaSSLTransport):
            transport._sock_recv = _data_first(transport._sock_recv)


def _data_first(receive: _Receive) -> _Receive:
    def receive_data_first(transport: Any) -> tuple[bytes, Exception | None]:
        data, error = receive(transport)
        return (data, None) if data else (data, error)

    return receive_data_first


def cause(error: BaseException) -> BaseException:
    """What lies behind an error: where a client has found no broker, what became of its attempts."""
    found = error.__cause__ if isinstance(error, errors.KafkaTimeoutError) and error.__cause__ else error
    if isinstance(found, errors.KafkaConnectionError) and "CERTIFICATE_VERIFY_FAILED" in str(found):
        return NotTrusted(str(found))
    return found
