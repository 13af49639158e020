"""What acks make of a message, by the rules of `core.status`: for every store."""

from typing import Final as Constant

from trio_wa.core.status import ERROR, SERVER, Status, acknowledged

MAX_ACKS: Constant = 10_000
"""How many acks are kept that no message bears."""

MAX_FLAGGED: Constant = 1_000
"""How many messages one call of `flag_unconfirmed` flags at most, so that it stays short."""

OVERDUE: Constant = "overdue"
UNCONFIRMED: Constant = "unconfirmed"
CONFIRMED: Constant = "confirmed"
"""What is known of a first ack of SERVER or more: it is late, was looked up in vain, or came."""

FLAGS: Constant = (OVERDUE, UNCONFIRMED)

_REFUSED = ("ack_error", "WhatsApp refused it after WAHA had taken it")


def reason(after: Status) -> tuple[str | None, str | None]:
    """The code and the detail of a message that an ack brought to the state `after`."""
    return _REFUSED if after is Status.FAILED else (None, None)


def stronger(known: int | None, ack: int) -> int:
    """Which of two acks says more, in whatever order they come: ERROR more than PENDING alone."""
    if known is None:
        return ack
    highest = max(known, ack)
    return highest if highest >= SERVER else min(known, ack)


def received(before: Status, known: int | None, ack: int) -> tuple[Status, int | None]:
    """The state and the ack of a message in state `before`, whose ack is `known`, after `ack`."""
    after = acknowledged(before, ack)
    if ack <= ERROR and after is before and before is not Status.SENDING:
        return before, known
    return after, stronger(known, ack)


def confirmation(ack: int | None) -> str | None:
    """What an ack says of the confirmation; None if one is still awaited."""
    return CONFIRMED if ack is not None and ack >= SERVER else None
