"""Messages for the tests of the core."""

from trio_wa.core.content import Text
from trio_wa.core.message import Message, Priority


def message(
    seq: int,
    *,
    to: str = "6281234567890@c.us",
    sessions: tuple[str, ...] = (),
    due_at: float = 0.0,
    expires_at: float = 86_400.0,
    attempts: int = 0,
    deferrals: int = 0,
    prefer: str | None = None,
    known_to: tuple[str, ...] = (),
    priority: Priority = "normal",
) -> Message:
    """The message with the place `seq`, and an id of that number."""
    return Message(
        id=f"m{seq}",
        seq=seq,
        chat_id=to,
        content=Text("Hello"),
        accepted_at=0.0,
        expires_at=expires_at,
        sessions=sessions,
        due_at=due_at,
        attempts=attempts,
        deferrals=deferrals,
        prefer=prefer,
        known_to=known_to,
        priority=priority,
    )
