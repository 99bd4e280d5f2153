"""Files under way: how many one caller sends and fetches at once, since each is some mebibytes in memory meanwhile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import TooManyAtOnce
from domain.envelope import Actor


class UnderWay:
    """Counts the files of each caller that are under way in this process; ``most`` is how many may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._files: Counter[Actor] = Counter()

    def must_be_few(self, caller: Actor) -> None:
        """Refuse another one to a caller who has enough."""
        if self._files[caller] >= self._most:
            raise TooManyAtOnce(limit=self._most)

    @contextmanager
    def one_more(self, caller: Actor) -> Iterator[None]:
        """Count one while it is under way."""
        self._files[caller] += 1
        try:
            yield
        finally:
            self._files[caller] -= 1
            if not self._files[caller]:
                del self._files[caller]
