"""What the end of an attempt changes about its session: gates, breaker, time-lock and ghost."""

from collections.abc import Iterator
from typing import Final

from trio_wa.core.notice import (
    BreakerClosed,
    BreakerOpened,
    GateShut,
    GhostProbed,
    Notice,
    Timelocked,
)
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.slot import STOPPED, Slot

ENGINE_FAULTS: Final = frozenset({"engine_error", "server_error", "timeout", "not_waha"})
"""Codes of outcomes that open a breaker: it was asked, and its engine failed or said nothing, or
something else answered in its place."""


def aftermath(
    slot: Slot,
    taken_at: float,
    outcome: Outcome | None,
    *,
    now: float,
    jitter: float,
    hold: float,
) -> Iterator[Notice]:
    """Note how an attempt ended that was taken then; `None`: none was made. Says what changed.

    `hold` is how many seconds a time-lock is believed in.
    """
    if not isinstance(outcome, Sent | Unknown):
        slot.pacer.undo(taken_at)
    yield from _move_gates(slot, outcome, now=now, jitter=jitter)
    yield from _move_breaker(slot, taken_at, outcome, now=now, jitter=jitter)
    if isinstance(outcome, Unavailable) and outcome.fault == "contact" and slot.locked_until <= now:
        slot.locked_until = now + hold
        yield Timelocked(slot.locked_until)
    if slot.ghost == "probing" and taken_at >= slot.probed_at:  # all else is older
        yield from _end_probe(slot, outcome)


def _move_gates(
    slot: Slot, outcome: Outcome | None, *, now: float, jitter: float
) -> Iterator[Notice]:
    match outcome:
        case Unavailable(code, _, "session", retry_after, status):
            if slot.status is not None:
                slot.status = status or STOPPED
            if slot.gate.is_open:
                yield GateShut(code)
            slot.gate.shut(now=now, reason=code, jitter=jitter, retry_after=retry_after)
            slot.origin.open(now=now)
        case Unavailable(code, _, "origin", retry_after):
            if slot.origin.is_open:
                yield GateShut(code)
            slot.origin.shut(now=now, reason=code, jitter=jitter, retry_after=retry_after)
            slot.gate.probe_lost()
        case Unknown(code, _, answered=False):
            for gate in (slot.gate, slot.origin):
                if not gate.is_open:
                    gate.shut(now=now, reason=code, jitter=jitter, retry_after=None)
        case None:
            slot.gate.probe_lost()
            slot.origin.probe_lost()
        case Sent() | Rejected() | Unavailable() | Unknown():
            slot.gate.open(now=now)
            slot.origin.open(now=now)


def _move_breaker(
    slot: Slot, taken_at: float, outcome: Outcome | None, *, now: float, jitter: float
) -> Iterator[Notice]:
    match outcome:
        case Sent():
            if slot.breaker.succeeded():
                yield BreakerClosed()
        case Unknown(code) if code in ENGINE_FAULTS:
            probe = slot.breaker.state != "closed"
            if slot.breaker.failed(taken_at, now, jitter=jitter):
                yield BreakerOpened(slot.breaker.opens_at(), probe)
        case _:
            slot.breaker.lost(taken_at)


def _end_probe(slot: Slot, outcome: Outcome | None) -> Iterator[Notice]:
    match outcome:
        case Sent(waha_id):  # only its ack counts
            yield GhostProbed(waha_id)
        case Unknown():
            slot.ghost = "out"
            yield GhostProbed(None)
        case _:
            slot.ghost = "probe"
