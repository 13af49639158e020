"""WhatsApp itself: messages arrive, are acknowledged, and come in."""

import random
from collections.abc import Callable
from typing import Any

from trio_wa.core.waha_id import raw_id
from trio_wa.simulator.ack_plan import Ack, AckPlan
from trio_wa.simulator.acks import Acks
from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.chat_store import ChatStore, Kept
from trio_wa.simulator.contacts import Contacts
from trio_wa.simulator.event import new_message_id
from trio_wa.simulator.journal import Attempt, Journal
from trio_wa.simulator.magic_numbers import is_absent
from trio_wa.simulator.message import Message, answer_body, event_payload, incoming_data
from trio_wa.simulator.options import SimulatorOptions
from trio_wa.simulator.session import SimulatedSession
from trio_wa.simulator.webhooks import Webhooks


class Network:
    """Delivers messages, and tells the webhooks of them and of their acks."""

    def __init__(
        self,
        options: SimulatorOptions,
        *,
        journal: Journal,
        agenda: Agenda,
        webhooks: Webhooks,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self._options = options
        self._journal = journal
        self._webhooks = webhooks
        self._rng = rng
        self._now = now
        self._store = ChatStore(options.keep)
        self._acks = Acks(agenda=agenda, webhooks=webhooks, rng=rng, now=now)
        self._contacts = Contacts()
        self._lids: dict[str, str] = {}

    def new_id(self) -> str:
        """A raw message id that no message bears yet."""
        return new_message_id(self._rng)

    def number_of(self, chat_id: str) -> str | None:
        """The number under which WhatsApp knows that of `chat_id`; None if it is not there."""
        digits = chat_id.split("@", 1)[0]
        if digits in self._options.not_on_whatsapp or is_absent(digits):
            return None
        return self._options.known_as.get(digits, digits)

    def take(self, attempt: Attempt, session: SimulatedSession) -> None:
        """Note that WAHA took this send."""
        attempt.taken = True
        attempt.new_contact = self._contacts.write(session.name, attempt.chat_id or "")

    def locks(self, session: SimulatedSession, chat_id: str) -> bool:
        """Whether a time-lock keeps `session` from writing to `chat_id`."""
        locked = session.health.is_locked(self._now())
        return locked and self._contacts.is_stranger(session.name, chat_id)

    def deliver(
        self, attempt: Attempt, session: SimulatedSession, message: Message, acks: AckPlan | None
    ) -> None:
        """Bring `message` to its recipient, who does not see one twice unless `dedupe` is off."""
        before = self._store.find(session.name, message.id)
        if before is not None and before.delivered and self._options.dedupe:
            return
        session.activity = message.at
        self._contacts.reach(session.name, message.chat_id)
        self._journal.deliver(attempt, message.at, message.id, message.text)
        kept = Kept(message, session.name, delivered=True)
        self._store.put(kept)
        self._tell(session, message)
        self._acks.plan(session, kept, acks or self._options.acks)

    def lose(self, session: SimulatedSession, message: Message) -> None:
        """Accept `message` and never deliver it: no webhook, no ack, and PENDING in a look-up."""
        if self._options.keeps_lost and self._store.find(session.name, message.id) is None:
            self._store.put(Kept(message, session.name, delivered=False))

    def swallow(self, session: SimulatedSession, message: Message) -> None:
        """Accept `message` as a ghost does: all is as at a delivery, but nothing arrives."""
        if self._store.find(session.name, message.id) is None:
            session.activity = message.at
            self._store.put(Kept(message, session.name, delivered=False))
            self._tell(session, message)

    def last(self, given: str) -> Kept | None:
        """The last message with this id that was sent over any session."""
        return self._store.last(raw_id(given))

    def ack(self, session: SimulatedSession, kept: Kept, level: Ack) -> None:
        """Acknowledge a message that was sent over `session`."""
        self._acks.give(session, kept, level)

    def behind(self, lid: str) -> str | None:
        """The chat id of the number behind a hidden one; None where no message told it."""
        return self._lids.get(lid)

    def receive(
        self, session: SimulatedSession, chat_id: str, text: str, lid: str | None = None
    ) -> str:
        """Let a message from `chat_id` come in over `session`; its raw id.

        With `lid` WAHA tells of that in its place, and knows whose it is when it is asked.
        """
        if lid is not None:
            self._lids[lid] = chat_id
            self._contacts.reach(session.name, chat_id)
            chat_id = lid
        message = Message(
            id=new_message_id(self._rng),
            chat_id=chat_id,
            kind="incoming",
            text=text,
            at=self._now(),
            me=session.account,
            from_me=False,
        )
        self._contacts.reach(session.name, chat_id)
        payload = event_payload(message, 2, incoming_data(message, "Alice"))
        self._webhooks.emit(("message", "message.any"), session, payload)
        return message.id

    def look_up(self, session: SimulatedSession, chat_id: str, given: str) -> dict[str, Any] | None:
        """The message `given` (its raw id, or one with direction and chat) as WAHA shows it.

        `chat_id` is the message's own, or `all`.
        """
        found = self._store.find(session.name, raw_id(given))
        if found is None or chat_id not in ("all", found.message.chat_id):
            return None
        data = answer_body(self._options.engine, found.message)
        return event_payload(found.message, found.level(self._now()), data)

    def forget(self) -> None:
        """Forget every message and contact, and the acks to come."""
        self._store.clear()
        self._contacts.clear()
        self._lids.clear()
        self._acks.forget()

    def _tell(self, session: SimulatedSession, message: Message) -> None:
        if self._webhooks.wanted(session):
            data = answer_body(self._options.engine, message)
            self._webhooks.emit(("message.any",), session, event_payload(message, 0, data))
