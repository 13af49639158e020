"""How deliveries are acknowledged."""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

Ack = Literal[-1, 0, 1, 2, 3, 4]


@dataclass(frozen=True, slots=True)
class AckPlan:
    """Which acks follow a delivery: SERVER, DEVICE and READ, each so many seconds after it.

    `hold_at` is the highest level that is reached (0: none), `late` is added to every delay. Of all
    messages the share `drop` gets no ack, and the share `error` gets -1 in place of every other.
    How acks are told: of the share `twice` each one is told twice under two event ids, of
    `shuffle` the highest first, and of `lose` none, though a look-up shows them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    delays: tuple[float, float, float] = (0.02, 0.1, 0.4)
    hold_at: Literal[0, 1, 2, 3] = 3
    drop: float = 0.0
    error: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    shuffle: float = 0.0
    lose: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.drop, self.error, self.twice, self.shuffle, self.lose)
        if any(not 0 <= share <= 1 for share in shares) or self.drop + self.error > 1:
            raise ValueError("shares of acks lie between 0 and 1, drop and error together too")
        if any(not 0 <= seconds < math.inf for seconds in (*self.delays, self.late)):
            raise ValueError("an ack comes 0 or more seconds late")
