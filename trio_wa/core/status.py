"""The states of a message, and the edges between them."""

from enum import StrEnum
from typing import Final

ERROR: Final = -1
SERVER: Final = 1
DEVICE: Final = 2
READ: Final = 3
"""Acks of WhatsApp (WAHA's page "Receive messages"): 0 is PENDING, 4 is PLAYED."""


class Status(StrEnum):
    """Where a message is: in exactly one of these at every instant."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


REACHED: Final = frozenset({Status.SENT, Status.DELIVERED, Status.READ})
"""The states of a message that was sent: its recipient is known to its session."""

EDGES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENDING, Status.EXPIRED, Status.CANCELLED}) | REACHED,
    Status.SENDING: frozenset({Status.QUEUED, Status.FAILED, Status.UNKNOWN, Status.CANCELLED})
    | REACHED,
    Status.SENT: frozenset({Status.DELIVERED, Status.READ, Status.FAILED, Status.QUEUED}),
    Status.DELIVERED: frozenset({Status.READ}),
    Status.READ: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.UNKNOWN: frozenset({Status.QUEUED, Status.FAILED, Status.CANCELLED}) | REACHED,
    Status.EXPIRED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset(),
}
"""From each state, the states that may follow.

An operator's retry leads back to `queued`. What would be queued again after an attempt or a look-up
is `cancelled` if its recipient came to want no messages meanwhile. A message that waits to be sent
again can turn out to have been sent before: then its ack leads on from `queued`.
"""


def may_follow(before: Status, after: Status) -> bool:
    """Whether a message in state `before` may go over to state `after`."""
    return after in EDGES[before]


def acknowledged(before: Status, ack: int) -> Status:
    """The state of a message in state `before` once WhatsApp acknowledged it with `ack`.

    An ack of 0 says no more than that WAHA has the message; acks that come late or twice change
    nothing. While the message is being sent it stays so: the end of its attempt joins the ack.
    """
    if before is Status.SENDING:
        return before
    if ack <= ERROR:
        after = Status.FAILED
        return after if before in (Status.SENT, Status.UNKNOWN) else before
    after = Status.READ if ack >= READ else Status.DELIVERED if ack == DEVICE else Status.SENT
    return after if may_follow(before, after) else before


def joined(after: Status, ack: int | None) -> Status:
    """The state after an attempt that would lead to `after`, if `ack` came before its end.

    Whatever WAHA answered, or did not: what was acknowledged has been sent.
    """
    if ack is None:
        return after
    return acknowledged(after if after is Status.SENT else Status.UNKNOWN, ack)
