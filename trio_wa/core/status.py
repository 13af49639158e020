"""The states of a message, and the edges between them."""

from enum import StrEnum


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


EDGES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENDING, Status.EXPIRED, Status.CANCELLED}),
    Status.SENDING: frozenset({Status.QUEUED, Status.SENT, Status.FAILED, Status.UNKNOWN}),
    Status.SENT: frozenset({Status.DELIVERED, Status.READ, Status.FAILED, Status.QUEUED}),
    Status.DELIVERED: frozenset({Status.READ}),
    Status.READ: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.UNKNOWN: frozenset({Status.SENT, Status.DELIVERED, Status.READ, Status.QUEUED}),
    Status.EXPIRED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset(),
}
"""From each state, the states that may follow; an operator's retry leads back to `queued`."""


def may_follow(before: Status, after: Status) -> bool:
    """Whether a message in state `before` may go over to state `after`."""
    return after in EDGES[before]
