"""An accepted message, as the dispatcher and the workers carry it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from trio_wa.core.content import Content

OnUnknown: TypeAlias = Literal["hold", "resend"]
"""What to do when it is unknown whether a message was sent, and nothing can tell."""

Priority: TypeAlias = Literal["urgent", "normal", "bulk"]
"""The lane of a message."""

LANES: Final[tuple[Priority, ...]] = ("urgent", "normal", "bulk")
"""The lanes, in the order in which they go."""


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message. Times are seconds since the epoch.

    `seq` is its place in the order of acceptance, `sessions` the names that may send it (empty:
    any), `due_at` the time before which it is not tried again. `attempts` counts the answers that
    WAHA gave about it, `deferrals` the attempts that certainly sent nothing. `on_unknown` is its
    own choice; None takes the service's.

    Those to one recipient keep their order within a lane, which is its `priority`.

    `waha_id` is the raw WhatsApp id under which it goes out. One that waits with an id may have
    gone out under it before, over the session `prefer`: it is sent again with the same id, and over
    the same session while that works, so that WhatsApp can recognize it.
    """

    id: str
    seq: int
    chat_id: str
    content: Content
    accepted_at: float
    expires_at: float
    sessions: tuple[str, ...] = ()
    due_at: float = 0.0
    attempts: int = 0
    deferrals: int = 0
    on_unknown: OnUnknown | None = None
    waha_id: str | None = None
    prefer: str | None = None
    known_to: tuple[str, ...] = ()
    priority: Priority = "normal"
