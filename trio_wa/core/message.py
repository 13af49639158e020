"""An accepted message, as the dispatcher and the workers carry it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message. Times are seconds since the epoch.

    `seq` is its place in the order of acceptance, `sessions` the names that may send it (empty:
    any), `due_at` the time before which it is not tried again. `attempts` counts the answers that
    WAHA gave about it, `deferrals` the attempts that certainly sent nothing.
    """

    id: str
    seq: int
    chat_id: str
    text: str
    accepted_at: float
    expires_at: float
    sessions: tuple[str, ...] = ()
    due_at: float = 0.0
    attempts: int = 0
    deferrals: int = 0
