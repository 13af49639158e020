"""What follows from the outcome of an attempt: a decision is a value."""

from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from trio_wa.core.message import Message, OnUnknown
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.status import Status


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a message is tried again. `base` and `maximum` are in seconds."""

    max_attempts: int = 5
    base: float = 1.0
    maximum: float = 60.0
    on_unknown: OnUnknown = "hold"


RETRY_AFTER_MAX = 3600.0
"""Seconds: a peer that asks for more quiet than this is asked again after an hour."""


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


@dataclass(frozen=True, slots=True)
class Inquire:
    """What became of the message is looked up; until that is known it is `unknown`, unsettled."""

    code: str
    detail: str


Decision: TypeAlias = Final | Requeue | Inquire


def as_found(message: Message, *, now: float, policy: RetryPolicy) -> Message:
    """A queued message as the store has it; one whose retry lies beyond any wait is due now.

    That is of a clock that ran ahead, as before a restart.
    """
    believed = now + max(policy.maximum, RETRY_AFTER_MAX)
    return message if message.due_at <= believed else replace(message, due_at=now)


def state_after(decision: Decision) -> Status:
    """The state to which `decision` leads, as long as no ack says otherwise."""
    match decision:
        case Final(status):
            return status
        case Requeue():
            return Status.QUEUED
        case Inquire():
            return Status.UNKNOWN
        case _:
            assert_never(decision)


def backoff(failures: int, *, base: float, maximum: float, jitter: float) -> float:
    """Seconds to wait after `failures` (1 or more) in a row: exponential, with full jitter.

    `jitter` is uniform in [0, 1). See "Exponential Backoff And Jitter" of the AWS Architecture
    Blog: full jitter spreads the retries best.
    """
    exponent = min(failures - 1, 32)  # 2**32 seconds is beyond any maximum
    return jitter * min(maximum, base * 2.0**exponent)


def decide(
    message: Message,
    outcome: Outcome,
    *,
    now: float,
    policy: RetryPolicy,
    jitter: float,
    evidence: bool = False,
) -> Decision:
    """What becomes of `message` after an attempt that ended in `outcome` at the time `now`.

    `evidence` says that a look-up may tell what became of an attempt whose outcome is unknown.
    """
    match outcome:
        case Sent(waha_id):
            return Final(Status.SENT, waha_id=waha_id)
        case Rejected(code, detail):
            return Final(Status.FAILED, code, detail)
        case Unavailable():
            return postpone(message, outcome, now=now, policy=policy, jitter=jitter)
        case Unknown(code, detail) if evidence:
            return Inquire(code, detail)
        case Unknown(code, detail):
            return give_up(message, code, detail, now=now, policy=policy, jitter=jitter)
        case _:
            assert_never(outcome)


def postpone(
    message: Message, outcome: Unavailable, *, now: float, policy: RetryPolicy, jitter: float
) -> Requeue:
    """What becomes of `message` where nothing was sent, for a reason that is not its own."""
    deferrals = message.deferrals + 1
    due_at = now + (outcome.retry_after or 0.0)
    if outcome.fault != "session":  # another session takes it at once
        due_at = max(due_at, now + _wait(deferrals, policy, jitter))
    again = replace(message, due_at=due_at, deferrals=deferrals)
    return Requeue(again, outcome.code, outcome.detail)


def give_up(
    message: Message, code: str, detail: str, *, now: float, policy: RetryPolicy, jitter: float
) -> Final | Requeue:
    """What becomes of `message` where nothing can tell whether it was sent: as its caller chose."""
    on_unknown = message.on_unknown or policy.on_unknown
    attempts = message.attempts + 1
    if on_unknown == "hold" or attempts >= policy.max_attempts or now >= message.expires_at:
        return Final(Status.UNKNOWN, code, detail)
    due_at = now + _wait(attempts, policy, jitter)
    return Requeue(replace(message, due_at=due_at, attempts=attempts), code, detail)


def send_again(
    message: Message, session: str, *, now: float, policy: RetryPolicy, jitter: float
) -> Final | Requeue:
    """What becomes of `message` once it is known that its attempt over `session` sent nothing.

    It goes out under the same id, which is its `waha_id`, and over the same session if it can.
    """
    attempts = message.attempts + 1
    if attempts >= policy.max_attempts:
        return Final(Status.FAILED, "not_sent", f"not sent in {attempts} attempts")
    due_at = now + _wait(attempts, policy, jitter)
    again = replace(message, due_at=due_at, attempts=attempts, prefer=session)
    return Requeue(again, "not_sent", "a look-up showed that it was not sent")


def call_off(decision: Requeue) -> Final:
    """What becomes of a message in place of `decision` if its recipient wants none by now."""
    detail = f"the recipient wants no more messages; before that: {decision.code}"
    return Final(Status.CANCELLED, "suppressed", detail)


def _wait(failures: int, policy: RetryPolicy, jitter: float) -> float:
    return backoff(failures, base=policy.base, maximum=policy.maximum, jitter=jitter)
