"""The acks that came before any message bore their id, for the store in memory."""

import itertools

from trio_wa.adapters.acknowledgement import MAX_ACKS, stronger
from trio_wa.ports import Receipt


class Acks:
    """Keeps the newest `MAX_ACKS` ids, and of each the ack that says most."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[int, float]] = {}

    def keep(self, receipt: Receipt) -> None:
        """Remember an ack of a message that is not known."""
        key = (receipt.session, receipt.waha_id)
        if key not in self._kept:
            self._kept[key] = (receipt.ack, receipt.at)
            if len(self._kept) > MAX_ACKS:
                del self._kept[next(iter(self._kept))]
        elif (ack := stronger(self._kept[key][0], receipt.ack)) != self._kept[key][0]:
            self._kept[key] = (ack, receipt.at)

    def take(self, session: str, waha_id: str) -> int | None:
        """The ack of that id, which is forgotten; None if there is none."""
        ack, _ = self._kept.pop((session, waha_id), (None, 0.0))
        return ack

    def forget(self, before: float, limit: int) -> int:
        """Forget up to `limit` acks that came before that time; says how many."""
        old = (key for key, (_, at) in self._kept.items() if at < before)
        chosen = list(itertools.islice(old, limit))
        for key in chosen:
            del self._kept[key]
        return len(chosen)
