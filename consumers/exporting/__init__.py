"""The log in the formats of process mining, XES and OCEL 2.0: streamed, complete, and without anything personal."""

from consumers.exporting.ocel import ocel
from consumers.exporting.selecting import Selection
from consumers.exporting.xes import Progress, xes

__all__ = ["Progress", "Selection", "ocel", "xes"]
