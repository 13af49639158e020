"""What the store in memory knows of one message."""

from dataclasses import dataclass, field, replace
from typing import Self

from trio_wa.adapters.acknowledgement import FLAGS, OVERDUE
from trio_wa.core.content import Content, Kind, Text, holds_data
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Draft, Event, Filter, OpenAttempt, Place, Record

MAX_EVENTS = 100
"""How much of its timeline a message keeps."""

_ERASED = Text("")


@dataclass(slots=True)
class Row:
    """A message and its state; the store alone changes it.

    What is erased of its `draft` is no longer in there either. `later` are the newest entries of
    its timeline behind the first, which its draft tells.
    """

    draft: Draft
    number: int
    seq: int
    expires_at: float
    content: Content | None
    kind: Kind
    has_data: bool
    scheduled: bool
    status: Status = Status.QUEUED
    due_at: float = 0.0
    attempts: int = 0
    deferrals: int = 0
    session: str | None = None
    waha_id: str | None = None
    code: str | None = None
    detail: str | None = None
    settled_at: float | None = None
    ack: int | None = None
    confirmation: str | None = None
    resent: bool = False
    later: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, draft: Draft, number: int) -> Self:
        """A message that was just accepted."""
        content = draft.content
        kind = content.kind
        return cls(
            draft,
            number,
            number,
            draft.expires_at,
            content,
            kind,
            kind != "text" and holds_data(content),
            draft.send_at is not None and draft.place == "scheduled",
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """Its timeline: the newest `MAX_EVENTS` entries."""
        accepted = Event(self.draft.accepted_at, Status.QUEUED)
        return (accepted, *self.later)[-MAX_EVENTS:]

    @property
    def held(self) -> Place:
        """Whose place it holds until it is settled."""
        return "scheduled" if self.scheduled else self.draft.priority

    @property
    def place(self) -> tuple[float, int]:
        """Its place in the list of messages, by which that is sorted."""
        return self.draft.accepted_at, self.number

    @property
    def open(self) -> bool:
        """Whether an attempt began of which it is not settled how it ended."""
        asked = self.status is Status.UNKNOWN and self.settled_at is None
        return asked or self.status is Status.SENDING

    @property
    def unconfirmed(self) -> bool:
        """Whether no ack came in time."""
        return self.status is Status.SENT and self.confirmation in FLAGS

    @property
    def awaits_ack(self) -> bool:
        """Whether a first ack of SERVER or more may come, and was not looked up in vain."""
        awaited = self.confirmation in (None, OVERDUE)
        return self.status is Status.SENT and self.waha_id is not None and awaited

    def enter(self, event: Event) -> None:
        """Go over to the state that `event` tells of."""
        self.status = event.status
        self.later.append(event)
        if len(self.later) > MAX_EVENTS:
            del self.later[0]

    def erase(self) -> None:
        """Erase what the message says."""
        self.content = None
        self.draft = replace(self.draft, content=_ERASED)

    def matches(self, wanted: Filter) -> bool:
        """Whether the message belongs in the list that `wanted` asks for."""
        draft, cursor = self.draft, wanted.cursor
        return (
            wanted.status in (None, self.status)
            and wanted.chat_id in (None, draft.chat_id)
            and wanted.session in (None, self.session)
            and wanted.owner in (None, draft.owner)
            and wanted.batch in (None, draft.batch)
            and (self.unconfirmed or not wanted.unconfirmed)
            and (wanted.after is None or draft.accepted_at > wanted.after)
            and (wanted.before is None or draft.accepted_at < wanted.before)
            and (cursor is None or self.place < (cursor.accepted_at, cursor.number))
        )

    def message(self, known_to: tuple[str, ...]) -> Message:
        """The message, as the dispatcher carries it, with the sessions that know its recipient."""
        draft = self.draft
        return Message(
            id=draft.id,
            seq=self.seq,
            chat_id=draft.chat_id,
            content=self.content or _ERASED,
            accepted_at=draft.accepted_at,
            expires_at=self.expires_at,
            sessions=draft.sessions,
            due_at=self.due_at,
            attempts=self.attempts,
            deferrals=self.deferrals,
            on_unknown=draft.on_unknown,
            waha_id=self.waha_id,
            prefer=None if self.waha_id is None else self.session,
            known_to=known_to,
            priority=draft.priority,
        )

    def open_attempt(self, known_to: tuple[str, ...]) -> OpenAttempt:
        """The attempt that is not settled, of a message that is being sent or looked up."""
        asked = self.status is Status.UNKNOWN
        newest = self.later[-1]
        begins = (event.began_at if asked else event.at for event in reversed(self.later))
        began_at = next((time for time in begins if time is not None), newest.at)
        return OpenAttempt(self.message(known_to), self.session or "", began_at, asked)

    def record(self, *, events: bool) -> Record:
        """All that is known of the message, with or without its timeline."""
        draft = self.draft
        return Record(
            number=self.number,
            id=draft.id,
            to=draft.to,
            chat_id=draft.chat_id,
            content=self.content,
            status=self.status,
            accepted_at=draft.accepted_at,
            expires_at=self.expires_at,
            due_at=self.due_at,
            sessions=draft.sessions,
            owner=draft.owner,
            session=self.session,
            waha_id=self.waha_id,
            code=self.code,
            detail=self.detail,
            settled_at=self.settled_at,
            on_unknown=draft.on_unknown,
            ack=self.ack,
            unconfirmed=self.unconfirmed,
            seq=self.seq,
            events=self.events if events else (),
            kind=self.kind,
            priority=draft.priority,
            send_at=draft.send_at,
            scheduled=self.scheduled,
            batch=draft.batch,
            metadata=draft.metadata,
            has_data=self.has_data,
        )
