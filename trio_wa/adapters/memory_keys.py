"""The idempotency keys that the store in memory remembers."""

import itertools
from dataclasses import dataclass

from trio_wa.ports import Draft, KeyReused, Replayed


@dataclass(frozen=True, slots=True)
class _Use:
    fingerprint: str
    message_id: str
    used_at: float


class Keys:
    """Remembers the newest `maximum` keys, each under the owner that used it."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._uses: dict[tuple[str | None, str], _Use] = {}

    def answer(self, draft: Draft) -> Replayed | KeyReused | None:
        """What the key of `draft` was used for before; None if it is new, or there is none."""
        if draft.key is None:
            return None
        use = self._uses.get((draft.owner, draft.key.value))
        if use is None:
            return None
        return Replayed(use.message_id) if use.fingerprint == draft.key.fingerprint else KeyReused()

    def record(self, draft: Draft) -> None:
        """Remember the key of `draft`, if there is one."""
        if draft.key is None:
            return
        self._uses[draft.owner, draft.key.value] = _Use(
            draft.key.fingerprint, draft.id, draft.accepted_at
        )
        if len(self._uses) > self._maximum:
            del self._uses[next(iter(self._uses))]

    def forget(self, used_before: float, limit: int) -> int:
        """Forget up to `limit` keys that were used before that time; says how many."""
        uses = (key for key, use in self._uses.items() if use.used_at < used_before)
        old = list(itertools.islice(uses, limit))
        for key in old:
            del self._uses[key]
        return len(old)
