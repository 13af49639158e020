"""What follows from the outcome of an attempt: a decision is a value."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, assert_never

from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.status import Status

OnUnknown = Literal["hold", "resend"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a message is tried again. `base` and `maximum` are in seconds."""

    max_attempts: int = 5
    base: float = 1.0
    maximum: float = 60.0
    on_unknown: OnUnknown = "hold"


@dataclass(frozen=True, slots=True)
class Final:
    """The message is settled; `code` and `detail` say why where it was not sent."""

    status: Status
    code: str | None = None
    detail: str | None = None
    waha_id: str | None = None


@dataclass(frozen=True, slots=True)
class Requeue:
    """The message goes back into the queue, with its counters and `due_at` as it is then."""

    message: Message
    code: str
    detail: str


Decision: TypeAlias = Final | Requeue


def backoff(failures: int, *, base: float, maximum: float, jitter: float) -> float:
    """Seconds to wait after `failures` (1 or more) in a row: exponential, with full jitter.

    `jitter` is uniform in [0, 1). See "Exponential Backoff And Jitter" of the AWS Architecture
    Blog: full jitter spreads the retries best.
    """
    exponent = min(failures - 1, 32)  # 2**32 seconds is beyond any maximum
    return jitter * min(maximum, base * 2.0**exponent)


def decide(
    message: Message, outcome: Outcome, *, now: float, policy: RetryPolicy, jitter: float
) -> Decision:
    """What becomes of `message` after an attempt that ended in `outcome` at the time `now`."""
    match outcome:
        case Sent(waha_id):
            return Final(Status.SENT, waha_id=waha_id)
        case Rejected(code, detail):
            return Final(Status.FAILED, code, detail)
        case Unavailable(code, detail, fault, retry_after):
            deferrals = message.deferrals + 1
            due_at = now + (retry_after or 0.0)
            if fault != "session":  # another session takes it at once
                due_at = max(due_at, now + _wait(deferrals, policy, jitter))
            return Requeue(replace(message, due_at=due_at, deferrals=deferrals), code, detail)
        case Unknown(code, detail):
            attempts = message.attempts + 1
            if policy.on_unknown == "hold" or attempts >= policy.max_attempts:
                return Final(Status.UNKNOWN, code, detail)
            due_at = now + _wait(attempts, policy, jitter)
            return Requeue(replace(message, due_at=due_at, attempts=attempts), code, detail)
        case _:
            assert_never(outcome)


def _wait(failures: int, policy: RetryPolicy, jitter: float) -> float:
    return backoff(failures, base=policy.base, maximum=policy.maximum, jitter=jitter)
