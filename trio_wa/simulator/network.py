"""WhatsApp itself: messages arrive, are acknowledged, and come in."""

import random
from collections.abc import Callable
from typing import Any

from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.event import new_message_id
from trio_wa.simulator.journal import Attempt, Delivered, Journal
from trio_wa.simulator.message import (
    Message,
    ack_payload,
    answer_body,
    event_payload,
    incoming_data,
)
from trio_wa.simulator.options import Ack, SimulatorOptions
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
        self._agenda = agenda
        self._webhooks = webhooks
        self._rng = rng
        self._now = now
        self._acks: dict[str, int] = {}  # set by hand
        self._fates: dict[str, int] = {}  # 0: no ack will come, -1: an error will
        self._epoch = 0

    def new_id(self) -> str:
        """A raw message id that no message bears yet."""
        return new_message_id(self._rng)

    def has(self, chat_id: str) -> bool:
        """Whether the number of `chat_id` is on WhatsApp."""
        return chat_id.split("@", 1)[0] not in self._options.not_on_whatsapp

    def deliver(self, attempt: Attempt, session: SimulatedSession, message: Message) -> None:
        """Bring `message` to its recipient."""
        session.activity = message.at
        self._journal.deliver(attempt, message.at, message.id, message.text)
        if self._webhooks.wanted(session):
            data = answer_body(self._options.engine, message)
            self._webhooks.emit(("message.any",), session, event_payload(message, 0, data))
        self._plan_acks(session, message)

    def ack(self, session: SimulatedSession, message: Message, level: Ack) -> None:
        """Acknowledge a message that was sent over `session`."""
        self._acks[message.id] = level
        self._tell_ack(session, message, level)

    def receive(
        self, session: SimulatedSession, chat_id: str, text: str, push_name: str = "Alice"
    ) -> str:
        """Let a message from `chat_id` come in over `session`; its raw id."""
        message = Message(
            id=new_message_id(self._rng),
            chat_id=chat_id,
            kind="incoming",
            text=text,
            at=self._now(),
            me=session.account,
            from_me=False,
        )
        payload = event_payload(message, 2, incoming_data(message, push_name))
        self._webhooks.emit(("message", "message.any"), session, payload)
        return message.id

    def look_up(self, session: SimulatedSession, chat_id: str, given: str) -> dict[str, Any] | None:
        """The message `given` (its raw id, or one with direction and chat) as WAHA shows it.

        `chat_id` is the message's own, or `all`.
        """
        parts = given.split("_")
        found = self._journal.find(parts[2] if len(parts) > 2 else given)
        if found is None or found.session != session.name or chat_id not in ("all", found.chat_id):
            return None
        message = message_of(found, session)
        level = self._level(found)
        return event_payload(message, level, answer_body(self._options.engine, message))

    def forget(self) -> None:
        """Forget every ack, and those to come."""
        self._epoch += 1
        self._acks.clear()
        self._fates.clear()

    def _plan_acks(self, session: SimulatedSession, message: Message) -> None:
        plan = self._options.acks
        levels: tuple[Ack, ...] = (1, 2, 3)
        if plan.drop or plan.error:
            chance = self._rng.random()
            if chance < plan.drop + plan.error:
                fate = 0 if chance < plan.drop else -1
                self._fates[message.id] = fate
                levels = () if fate == 0 else (-1,)
        if self._webhooks.wanted(session):
            for level, delay in zip(levels, plan.delays, strict=False):
                if level <= plan.hold_at:
                    self._plan_ack(session, message, delay, level)

    def _plan_ack(
        self, session: SimulatedSession, message: Message, delay: float, level: Ack
    ) -> None:
        epoch = self._epoch

        def tell() -> None:
            if epoch == self._epoch:
                self._tell_ack(session, message, level)

        self._agenda.call_later(delay, tell)

    def _tell_ack(self, session: SimulatedSession, message: Message, level: Ack) -> None:
        self._webhooks.emit(("message.ack",), session, ack_payload(message, level))

    def _level(self, delivered: Delivered) -> int:
        plan = self._options.acks
        if delivered.id in self._acks:
            return self._acks[delivered.id]
        elapsed = self._now() - delivered.at + 1e-6
        reached = sum(elapsed >= delay for delay in plan.delays[: plan.hold_at])
        fate = self._fates.get(delivered.id)
        if fate is None:
            return reached
        return fate if elapsed >= plan.delays[0] else 0


def message_of(delivered: Delivered, session: SimulatedSession) -> Message:
    """The message that was delivered."""
    return Message(
        id=delivered.id,
        chat_id=delivered.chat_id,
        kind=delivered.kind,
        text=delivered.text,
        at=delivered.at,
        me=session.account,
    )
