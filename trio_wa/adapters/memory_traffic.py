"""What the store in memory remembers of what each session sent: when it began, and to whom."""

from dataclasses import dataclass

from trio_wa.core.contacts import PEOPLE
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.pace import DAY, History
from trio_wa.ports import Attempt


class Recipients:
    """Keeps which sessions have written to whom, for the newest `maximum` recipients."""

    def __init__(self, maximum: int) -> None:
        self._known: dict[str, dict[str, None]] = {}
        self._maximum = maximum

    def known_to(self, chat_id: str) -> tuple[str, ...]:
        """The sessions that have written to a recipient, or that they wrote to."""
        return tuple(sorted(self._known.get(chat_id, ())))

    def learn(self, session: str, chat_id: str) -> None:
        """Record that a session knows a recipient."""
        self._known.setdefault(chat_id, {})[session] = None
        if len(self._known) > self._maximum:
            del self._known[next(iter(self._known))]


@dataclass(slots=True)
class _Minute:
    begun: int = 0
    last_at: float = 0.0
    new_at: float | None = None


class Traffic:
    """Counts, for each session, what began in each minute."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[str, int], _Minute] = {}

    def count(self, message: Message, attempt: Attempt) -> None:
        """Count an attempt if it sent the message, or may have."""
        if not isinstance(attempt.outcome, Sent | Unknown):
            return
        key = attempt.session, int(attempt.began_at // 60)
        minute = self._minutes.setdefault(key, _Minute())
        minute.begun += 1
        minute.last_at = max(minute.last_at, attempt.began_at)
        if opens_contact(message, attempt):
            minute.new_at = max(minute.new_at or 0.0, attempt.began_at)

    def histories(self, now: float) -> dict[str, History]:
        """What each session sent, as its pace asks for it."""
        found: dict[str, History] = {}
        for session in {session for session, _ in self._minutes}:
            minutes = [self._minutes[key] for key in sorted(self._minutes) if key[0] == session]
            found[session] = History(
                tuple((each.last_at, each.begun) for each in minutes if each.last_at > now - DAY),
                minutes[0].last_at,
                max((each.new_at for each in minutes if each.new_at is not None), default=None),
            )
        return found

    def forget(self, before: float, limit: int) -> int:
        """Forget old minutes, but the first of each session; says how many."""
        firsts = {key[0]: key for key in sorted(self._minutes, reverse=True)}
        old = [
            key
            for key, minute in self._minutes.items()
            if minute.last_at < before and key != firsts[key[0]]
        ][:limit]
        for key in old:
            del self._minutes[key]
        return len(old)


def opens_contact(message: Message, attempt: Attempt) -> bool:
    """Whether an attempt sent the first message of its session to a person."""
    if not isinstance(attempt.outcome, Sent) or attempt.session in message.known_to:
        return False
    return message.chat_id.endswith(PEOPLE)
