"""`acta intake`, `acta outcomes`: requests of departments' software in, what was decided of them out."""

import os

from api.problems import told
from consumers.intake import intake as keep_taking
from consumers.outcomes import outcomes as keep_telling
from deploy import running, wiring
from deploy.settings import Settings, SettingsError, read


def intake() -> None:
    """Take in requests from the topics of ACTA_DOORS; several processes share the partitions."""
    with wiring.database(_with_doors()) as found, wiring.desk(found) as desk:
        lease = wiring.url(found.database_url, "ACTA_DATABASE_URL")
        topics = wiring.doors(found).requests()
        running.until_stopped(lambda stop: keep_taking(desk, lease, wiring.kafka(found), topics, stop))


def outcomes() -> None:
    """Tell departments what was decided of their requests and what happens to them; a second process stands by."""
    with wiring.database(_with_doors()) as found, wiring.desk(found) as desk:
        lease = wiring.url(found.database_url, "ACTA_DATABASE_URL")
        doors = wiring.doors(found)
        running.until_stopped(
            lambda stop: keep_telling(desk, lease, wiring.kafka(found), doors, told, stop, source=found.source)
        )


def _with_doors() -> Settings:
    settings = read(os.environ)
    if not settings.doors:
        raise SettingsError("ACTA_DOORS: name the departments whose software hands in requests.")
    return settings
