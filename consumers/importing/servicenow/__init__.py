"""Importing a ServiceNow-style incident log."""

from pathlib import Path

from consumers.importing.preparing import Destination
from consumers.importing.report import Progressing, Report
from consumers.importing.running import IN_FLIGHT, import_log
from consumers.importing.servicenow.log import ServiceNowLog
from domain.desk import Desk

__all__ = ["ServiceNowLog", "import_servicenow"]


def import_servicenow(
    desk: Desk,
    path: Path,
    zone: str,
    *,
    to: Destination | None = None,
    progress: Progressing | None = None,
    in_flight: int = IN_FLIGHT,
) -> Report:
    """Tell such a log's history to the desk; ``zone`` is that of its local times. Raises as ``import_log`` does."""
    return import_log(desk, ServiceNowLog(path, zone), to=to, progress=progress, in_flight=in_flight)
