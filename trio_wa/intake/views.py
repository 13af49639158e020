"""A message as its caller sees it."""

import json
from collections.abc import Iterator
from typing import Any

from trio_wa.core.status import Status
from trio_wa.core.turn import Waiting
from trio_wa.ports import Event, Ledger, Record
from trio_wa.telemetry import timestamp

_OUTCOMES = {Status.QUEUED: "retried"}


def message_view(record: Record, waiting: Waiting | None, *, whole: bool) -> dict[str, Any]:
    """What `GET /messages/{id}` shows of a message, or a list where it is not shown `whole`.

    `waiting` is what a queued message waits for. The text is not shown.
    """
    view: dict[str, Any] = {
        "id": record.id,
        "to": record.to,
        "chat_id": record.chat_id,
        "type": record.kind,
        "priority": record.priority,
        "status": record.status.value,
    }
    if record.unconfirmed:
        view["unconfirmed"] = True
    if waiting is not None:
        view["waiting_for"] = waiting.reason
        view["next_attempt_at"] = None if waiting.until is None else timestamp(waiting.until)
    elif looked_up(record):
        view |= {"waiting_for": "evidence", "next_attempt_at": None}
    view |= {
        "session": record.session,
        **({} if record.on_unknown is None else {"on_unknown": record.on_unknown}),
        "waha_message_id": record.waha_id,
        "accepted_at": timestamp(record.accepted_at),
        **({} if record.send_at is None else {"send_at": timestamp(record.send_at)}),
        "expires_at": timestamp(record.expires_at),
        "settled_at": None if record.settled_at is None else timestamp(record.settled_at),
        "error": None if record.code is None else {"code": record.code, "detail": record.detail},
        **({} if record.batch is None else {"batch": record.batch}),
        **({} if record.metadata is None else {"metadata": json.loads(record.metadata)}),
    }
    if whole:
        view["attempts"] = list(_attempts(record))
        view["timeline"] = [_event_view(event) for event in record.events]
    return view


def looked_up(record: Record) -> bool:
    """Whether it is being found out if a message was sent."""
    return record.status is Status.UNKNOWN and record.settled_at is None


def waits(record: Record, waiting: Waiting | None, now: float) -> Waiting | None:
    """What a message waits for: as the dispatcher says, or else by its record; None if not queued.

    The dispatcher does not know what lies only in the store, nor what it has just handed out.
    """
    if record.status is not Status.QUEUED:
        return None
    if waiting is not None:
        return waiting
    if record.scheduled:
        return Waiting("schedule", record.send_at)
    return Waiting("retry", record.due_at) if record.due_at > now else Waiting("turn")


def ledger_view(ledger: Ledger) -> dict[str, Any]:
    """Both sides of invariant 1: what was accepted, and where it is now."""
    states = {status.value: ledger.counts.get(status, 0) for status in Status}
    return {
        "accepted": ledger.accepted,
        "sum": ledger.purged + sum(ledger.counts.values()),
        "balanced": ledger.balanced,
        "states": states,
        "purged": ledger.purged,
    }


def _attempts(record: Record) -> Iterator[dict[str, Any]]:
    """The attempts that ended, and behind them the one that goes on."""
    number = 0
    for number, event in enumerate((e for e in record.events if e.began_at is not None), start=1):
        began_at = event.at if event.began_at is None else event.began_at
        yield {
            "n": number,
            "at": timestamp(began_at),
            "session": event.session,
            "outcome": _OUTCOMES.get(event.status, event.status.value),
            "code": event.code,
            "seconds": round(max(0.0, event.at - began_at), 3),
        }
    if record.status is Status.SENDING and record.events:
        yield {
            "n": number + 1,
            "at": timestamp(record.events[-1].at),
            "session": record.session,
            "outcome": None,
            "code": None,
            "seconds": None,
        }


def _event_view(event: Event) -> dict[str, Any]:
    details = {"session": event.session, "code": event.code, "detail": event.detail}
    shown = {name: value for name, value in details.items() if value is not None}
    return {"at": timestamp(event.at), "status": event.status.value, **shown}
