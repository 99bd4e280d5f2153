"""`acta intake`, `acta outcomes`: requests of departments' software in, what was decided of them out."""

import os

from deploy import over_kafka, running, wiring
from deploy.settings import Settings, SettingsError, read


def intake() -> None:
    """Take in requests from the topics of ACTA_DOORS; several processes share the partitions.

    Part of `acta run` with ACTA_KAFKA and ACTA_DOORS.
    """
    with wiring.database(_with_doors()) as found, wiring.desk(found) as desk:
        running.until_stopped(over_kafka.taking(found, desk))


def outcomes() -> None:
    """Tell departments what was decided of their requests and what happens to them; a second process stands by.

    Part of `acta run` with ACTA_KAFKA and ACTA_DOORS.
    """
    with wiring.database(_with_doors()) as found, wiring.desk(found) as desk:
        running.until_stopped(over_kafka.telling(found, desk))


def _with_doors() -> Settings:
    settings = read(os.environ)
    if not settings.doors:
        raise SettingsError("ACTA_DOORS: name the departments whose software hands in requests.")
    return settings
