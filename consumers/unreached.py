"""Why no broker could be reached, which kafka-python says in its log alone: who waits for one is told of a timeout.

A wrong password, or a certificate that nobody vouches for, must not be waited out as if a broker were away.
"""

import logging

from kafka import errors

_LOG = logging.getLogger("kafka.net.manager")


class NotTrusted(errors.KafkaError):  # type: ignore[misc]  # kafka-python has no types
    """The broker's certificate is not vouched for by an authority that is known here."""


class _Listener(logging.Handler):
    """Keeps the newest failure of which the log tells."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for said in record.args if isinstance(record.args, tuple) else ():
            if isinstance(said, Exception) and not isinstance(said, errors.KafkaTimeoutError):
                self.heard = said


_listener = _Listener()


def listen() -> None:
    """Hear what kafka-python says from now on."""
    _LOG.addHandler(_listener)


def cause(error: BaseException) -> BaseException:
    """What lies behind an error: where a client has found no broker, what became of the newest attempt."""
    found = error
    if isinstance(error, errors.KafkaTimeoutError) and "bootstrap" in str(error):
        found = _listener.heard or error
    if isinstance(found, errors.KafkaConnectionError) and "CERTIFICATE_VERIFY_FAILED" in str(found):
        return NotTrusted(str(found))
    return found
