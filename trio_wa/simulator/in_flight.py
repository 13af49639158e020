"""How many sends were in progress at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class InFlight:
    """Counts sends in progress: the most at once, overall and for each session."""

    def __init__(self) -> None:
        self.most = 0
        self.most_by_session: dict[str, int] = {}
        self._now = 0
        self._now_by_session: Counter[str] = Counter()

    @contextmanager
    def one(self, session: str | None) -> Iterator[None]:
        """Count a send over `session` as in progress."""
        key = session or ""
        self._now += 1
        self._now_by_session[key] += 1
        self.most = max(self.most, self._now)
        self.most_by_session[key] = max(self.most_by_session.get(key, 0), self._now_by_session[key])
        try:
            yield
        finally:
            self._now -= 1
            self._now_by_session[key] -= 1

    def reset(self) -> None:
        """Measure from here on."""
        self.most = self._now
        self.most_by_session = {key: count for key, count in self._now_by_session.items() if count}
