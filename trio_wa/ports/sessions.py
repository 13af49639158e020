"""What is known of a session, as whoever asks for it sees it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trio_wa.core.breaker import State
from trio_wa.ports.records import Activity

Hearing: TypeAlias = Literal["none", "heard", "silent"]
"""Whether webhooks come: never did, do, or did and stopped while sends went out."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session as it is now. `status` is WAHA's since the time `since`; None: it cannot be read.

    `acks_seen` says that WhatsApp ever acknowledged something over it. `message_ids` and `look_ups`
    say whether an id can be chosen before a send, and whether a message can be looked up; None
    where neither was seen yet. `obstacle` is the code of the reason why nothing may go over it now.
    Where it has a pace, `next_send_at` is when it may send next, `next_new_contact_at` when to
    somebody for the first time, and `daily_cap` how many messages it may send in 24 hours. Until
    `locked_until` it may write to no new contact.
    """

    name: str
    status: str | None
    since: float | None
    paused: bool
    in_flight: int
    activity: Activity
    acks_seen: bool
    webhooks: Hearing
    message_ids: bool | None
    look_ups: bool | None
    obstacle: str | None
    ghost: bool = False
    breaker: State = "closed"
    next_send_at: float | None = None
    next_new_contact_at: float | None = None
    daily_cap: int | None = None
    locked_until: float | None = None
