"""What a desk does over Kafka: events out, requests in, what was decided of them out. Each is the work of a process, or
of a thread of a whole desk."""

from api.problems import told
from consumers.intake import intake
from consumers.outcomes import outcomes
from consumers.relay import relay
from deploy import wiring
from deploy.keeping import Work, announce_log
from deploy.settings import Settings, SettingsError
from domain.desk import Desk


def relaying(settings: Settings, desk: Desk) -> Work:
    """The store to the topic of the events."""
    lease, client = _lease(settings), wiring.kafka(settings)
    return lambda stop: relay(desk.store, lease, client, settings.topic, stop, source=settings.source)


def taking(settings: Settings, desk: Desk) -> Work:
    """Requests of departments' software from its topics."""
    lease, client, doors = _lease(settings), wiring.kafka(settings), wiring.doors(settings)
    return lambda stop: intake(desk, lease, client, doors.requests(), stop)


def telling(settings: Settings, desk: Desk) -> Work:
    """To its topics what was decided, and what happens later."""
    lease, client, doors = _lease(settings), wiring.kafka(settings), wiring.doors(settings)
    return lambda stop: outcomes(desk, lease, client, doors, told, stop, source=settings.source)


def must_have_brokers(settings: Settings) -> None:
    """Refuse doors without Kafka, behind which requests would wait for ever."""
    if settings.doors and not settings.kafka:
        raise SettingsError(
            "ACTA_DOORS: a door is a topic. Name the brokers in ACTA_KAFKA (`acta broker` runs one here), or leave the"
            " doors away: POST /requests takes the same requests without."
        )


def everything(settings: Settings, desk: Desk) -> list[Work]:
    """All of it, and the topics made; nothing without Kafka."""
    if not settings.kafka:
        return []
    wiring.make_topics(settings)
    doors = [taking(settings, desk), telling(settings, desk)] if settings.doors else []
    return [relaying(settings, desk), *announce_log(settings), *doors]


def _lease(settings: Settings) -> str:
    return wiring.url(settings.database_url, "ACTA_DATABASE_URL")
