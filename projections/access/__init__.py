"""The access view: who looked, at what, with what right, and who was refused; for whoever must answer for it.

``looks``            one row each time that somebody was shown something personal, or was refused it
``tickets_looked``   the tickets of each look
``persons_looked``   the persons of each look
``tickets``          what looks are found and scoped by
"""

from projections.access.looks import access
from projections.access.queries import Page, Wanted, looks, positions_of, who_looked

__all__ = ["Page", "Wanted", "access", "looks", "positions_of", "who_looked"]
