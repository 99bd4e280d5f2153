"""The queue: every ticket as it stands and as it stood, for lists, search and counts.

``entries``      one row per ticket, with its past
``texts``        what may be searched by whoever may see the ticket; ``notes`` what only agents may search
``requesters``   whose request a ticket is or was
``people``, ``departments``, ``groups``, ``agents``   names, for showing
"""

from projections.queue import changes, names, texts
from projections.queue.entries import queue

__all__ = ["changes", "names", "queue", "texts"]
