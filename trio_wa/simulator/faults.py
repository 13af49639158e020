"""What goes wrong, how often, and for whom."""

import math
import random
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ConfigDict

from trio_wa.simulator.ack_plan import AckPlan

Status = Literal[
    "STOPPED",
    "STARTING",
    "SCAN_QR_CODE",
    "WORKING",
    "FAILED",
    "PASSKEY_REQUIRED",
    "PASSKEY_CONFIRMATION_REQUIRED",
]
Kind = Literal[
    "proxy_503",
    "proxy_502",
    "throttle_429",
    "unauthorized",
    "reject_400",
    "not_working",
    "plan_required",
    "engine_error",
    "time_lock",
    "flip_session",
    "cut_before",
    "hang",
    "deliver_after_hang",
    "cut_after",
    "error_after",
    "gateway_timeout_after",
    "lose",
]


@dataclass(frozen=True, slots=True)
class Uniform:
    """A latency between `low` and `high` seconds, each as likely as the other."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < math.inf:
            raise ValueError("a uniform latency needs 0 <= low <= high")


@dataclass(frozen=True, slots=True)
class Exponential:
    """A latency with a long tail, `mean` seconds on average."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    mean: float

    def __post_init__(self) -> None:
        if not 0 < self.mean < math.inf:
            raise ValueError("an exponential latency needs a mean above 0")


Latency = float | Uniform | Exponential


def seconds_of(latency: Latency, rng: random.Random) -> float:
    """How many seconds it is this time."""
    match latency:
        case Uniform(low, high):
            return rng.uniform(low, high)
        case Exponential(mean):
            return rng.expovariate(1 / mean)
        case _:
            return latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Rates (0 to 1, together at most 1) of what befalls a send, and how it looks.

    Not delivered: `proxy_503`, `proxy_502` (HTML, as nginx), `throttle_429` (with `retry_after`),
    `unauthorized`, `reject_400`, `not_working` (422, after WAHA's wait for the session),
    `plan_required` (422), `engine_error` (500 with `error_message`), `time_lock` (500, error 463),
    `flip_session` (500, and the session becomes `flip_to`), `cut_before`, `hang` (no
    answer until the client goes or `hang_seconds` pass, then a cut) and `lose` (201 all the same).
    Delivered: `cut_after`, `error_after` (500), `gateway_timeout_after` (504 HTML) and
    `deliver_after_hang` (after `hang_seconds`, although the client gave up).

    `latency` is the engine's time for each send, `acks` says what acks follow a delivery; None
    takes either from a more general rule. With `everywhere`, the faults of a proxy and of the key
    befall every other endpoint as well.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    latency: Latency | None = None
    acks: AckPlan | None = None
    proxy_503: float = 0.0
    proxy_502: float = 0.0
    throttle_429: float = 0.0
    unauthorized: float = 0.0
    reject_400: float = 0.0
    not_working: float = 0.0
    plan_required: float = 0.0
    engine_error: float = 0.0
    time_lock: float = 0.0
    flip_session: float = 0.0
    cut_before: float = 0.0
    hang: float = 0.0
    deliver_after_hang: float = 0.0
    cut_after: float = 0.0
    error_after: float = 0.0
    gateway_timeout_after: float = 0.0
    lose: float = 0.0
    hang_seconds: float | None = None
    retry_after: float = 1.0
    error_message: str = "Timed Out"
    flip_to: Status = "FAILED"
    everywhere: bool = False

    def __post_init__(self) -> None:
        rates = [getattr(self, kind) for kind in KINDS]
        if any(not 0 <= rate <= 1 for rate in rates) or sum(rates) > 1 + 1e-9:
            raise ValueError("rates lie between 0 and 1 and add up to 1 at most")
        if isinstance(self.latency, (int, float)) and not 0 <= self.latency < math.inf:
            raise ValueError("a latency is 0 or more seconds")
        if self.deliver_after_hang and self.hang_seconds is None:
            raise ValueError("deliver_after_hang needs hang_seconds")
        if self.hang_seconds is not None and self.hang_seconds < 0:
            raise ValueError("hang_seconds is 0 or more")


KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls one request: `latency` seconds, a fault (with its settings) or none, and acks.

    Where `acks` is None they follow the simulator's own plan.
    """

    latency: float = 0.0
    kind: Kind | None = None
    faults: Faults = Faults()
    acks: AckPlan | None = None
