"""Importing another desk's history: told through the desk's own rules, with its real times and actors."""

from consumers.importing.preparing import Destination
from consumers.importing.records import NotThisLayout
from consumers.importing.report import Progress, Report
from consumers.importing.running import import_log
from consumers.importing.servicenow import ServiceNowLog, import_servicenow
from consumers.importing.sharing import import_in_shares

__all__ = [
    "Destination",
    "NotThisLayout",
    "Progress",
    "Report",
    "ServiceNowLog",
    "import_in_shares",
    "import_log",
    "import_servicenow",
]
