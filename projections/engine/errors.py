"""Why a view does not go on.

* Stopped
  - ViewStopped     an event cannot be applied; nothing after it is, until it is skipped or the view is rebuilt
  - Fenced          somebody else has read on, or the view was switched: open it again
  - ViewChanged     the code describes other tables than the ones that stand; the view must be rebuilt
  - ViewMissing     the view was never installed
  - OtherFeed       the view is fed from the other feed (topic or store)
  - RebuildUnderWay somebody else is rebuilding the view
* RowMissing, KeyMismatch   what a view's own function did wrong; they make a view stop
"""

from uuid import UUID


class Stopped(Exception):
    """The view does not go on."""


class ViewStopped(Stopped):
    """An event cannot be applied; the view stands before it. The message holds no content of the event."""

    def __init__(
        self,
        view: str,
        partition: int,
        position: int,
        event_type: str,
        error: str,
        place: str = "",
        *,
        stream: UUID | None = None,
        version: int = 0,
    ) -> None:
        self.view = view
        self.partition = partition
        self.position = position
        self.event_type = event_type
        self.error = error
        self.place = place
        self.stream = stream
        self.version = version
        at = f" at {place}" if place else ""
        super().__init__(
            f"{view} stopped before position {position} ({event_type}, partition {partition}): {error}{at}"
        )


class Fenced(Stopped):
    """Somebody else has moved this mark, or the view was switched; what was read here counts for nothing."""


class ViewChanged(Stopped):
    """The tables that stand were made by another description of this view; rebuild it."""


class ViewMissing(Stopped):
    """The view was never installed."""


class OtherFeed(Stopped):
    """The view is fed from the other feed; two feeds would count events twice."""


class RebuildUnderWay(Stopped):
    """Somebody else is rebuilding this view."""


class RowMissing(Exception):
    """A function that needs a row met an event of a stream that has none."""

    def __init__(self, table: str, stream: UUID) -> None:
        super().__init__(f"{table} has no row for stream {stream}")


class KeyMismatch(Exception):
    """A function returned a row under another key than its event's."""

    def __init__(self, table: str) -> None:
        super().__init__(f"a row of {table} does not carry the key of its event")
