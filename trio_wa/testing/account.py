"""What happened, in words: for a test that waited in vain."""

from collections.abc import Sequence
from datetime import UTC, datetime

from trio_wa.core.content import Content, Document, Image, Location, Menu, Poll, Text, Video
from trio_wa.core.status import Status
from trio_wa.ports import Event, Record
from trio_wa.simulator import Attempt, Delivered

SHOWN = 20
"""How many entries of a kind are shown, the newest ones."""

_TEXT = 60


def of_deliveries(delivered: Sequence[Delivered]) -> list[str]:
    """What was sent instead."""
    if not delivered:
        return ["Nothing was sent."]
    lines = [
        f"  {_time(each.at)} over {each.session} to {each.chat_id}: {_delivered(each)}"
        for each in delivered[-SHOWN:]
    ]
    return [f"Sent instead ({len(delivered)}):", *_newest(lines, len(delivered))]


def of_attempts(attempts: Sequence[Attempt], delivered: Sequence[Delivered]) -> list[str]:
    """The requests that WAHA had, and that delivered nothing."""
    fruitful = {each.attempt for each in delivered}
    vain = [each for each in attempts if each.sequence not in fruitful]
    if not vain:
        return []
    lines = [
        f"  {_time(each.at)} over {each.session} to {each.chat_id}: {_answered(each)}"
        for each in vain[-SHOWN:]
    ]
    return [f"Reached WAHA and was not delivered ({len(vain)}):", *_newest(lines, len(vain))]


def of_messages(records: Sequence[Record], now: float) -> list[str]:
    """How each message stands in trio-wa, and its timeline; the newest first in `records`."""
    if not records:
        return ["trio-wa has accepted nothing."]
    lines = ["Accepted by trio-wa (times from the accept):"]
    for record in reversed(records):
        head = f"  {record.id} to {record.to} is {record.status}"
        if record.code is not None:
            head += f" ({record.code})"
        if record.status is Status.UNKNOWN and record.settled_at is None:
            head += ", and is looked up"
        if record.scheduled and record.send_at is not None:
            head += f", to be sent in {record.send_at - now:.2f} s"
        elif record.settled_at is None and record.due_at > now:
            head += f", next attempt in {record.due_at - now:.2f} s"
        lines.append(f"{head}: {_said(record.kind, _text_of(record.content))}")
        lines += [f"    {_step(event, record.accepted_at)}" for event in record.events]
    return lines


def _step(event: Event, start: float) -> str:
    text = f"+{event.at - start:.3f} s {event.status}"
    if event.session is not None:
        text += f" over {event.session}"
    if event.code is not None:
        text += f": {event.code}"
    if event.detail is not None:
        text += f", {event.detail}"
    return text


def _answered(attempt: Attempt) -> str:
    match attempt.outcome:
        case None:
            return "not answered yet"
        case int(status):
            return f"answered {status}"
        case word:
            return f"connection {word}"


def _delivered(message: Delivered) -> str:
    """What a message said, as WAHA's endpoint is named: `image` for `sendImage`."""
    kind = message.kind.removeprefix("send").removesuffix("Message")
    return _said(kind.lower(), message.text)


def _said(kind: str, text: str | None) -> str:
    if kind == "text":
        return _quoted(text)
    return kind if text is None else f"{kind} {_quoted(text)}"


def _text_of(content: Content | None) -> str | None:
    """What its recipient reads; None if there is nothing, or it was erased."""
    match content:
        case Text(text=text):
            return text
        case Image(caption=text) | Document(caption=text) | Video(caption=text):
            return text
        case Poll(name=text):
            return text
        case Location(title=text) | Menu(title=text):
            return text
        case _:
            return None


def _quoted(text: str | None) -> str:
    if text is None:
        return "no text"
    return repr(text if len(text) <= _TEXT else text[: _TEXT - 1] + "…")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _newest(lines: list[str], count: int) -> list[str]:
    return lines if len(lines) == count else [f"  … {count - len(lines)} earlier", *lines]
