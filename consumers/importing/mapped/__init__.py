"""Importing another desk's log by a map: CSV and XES."""

from consumers.importing.mapped.csv_rows import NoSuchColumn
from consumers.importing.mapped.document import LogMap
from consumers.importing.mapped.log import MappedLog

__all__ = ["LogMap", "MappedLog", "NoSuchColumn"]
