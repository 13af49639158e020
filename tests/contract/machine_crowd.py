"""The steps of the state machine that deal with many messages, or with people."""

from dataclasses import replace

from tests.contract.messages import draft
from tests.contract.model import Model
from trio_wa.core.content import File, Image
from trio_wa.core.message import LANES, Message
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Draft, Store, Suppressed, Suppression

CHATS = ("0@c.us", "1@c.us", "2@c.us")
NAMES = (*CHATS, "0@lid", "1@lid")
BATCHES = ("b0", "b1")


class Crowd:
    """Accepts, releases, cancels and suppresses, in the store and in the model."""

    def __init__(self, store: Store, model: Model, messages: dict[str, Message]) -> None:
        self.store = store
        self.model = model
        self.messages = messages
        self._drafted = 0

    async def step(self, name: str, number: int, at: float) -> bool:
        """Do what `name` says; False if that is no step of these."""
        store, model = self.store, self.model
        if name in ("accept", "schedule"):
            wanted = self._draft(number, at, scheduled=name == "schedule")
            self._learn(wanted, await store.accept(wanted))
        elif name == "accept_all":
            drafts = [
                self._draft(number + 7 * n, at, scheduled=(number + n) % 3 == 0) for n in range(4)
            ]
            answers = await store.accept_all(drafts)
            for wanted, answer in zip(drafts, answers, strict=True):
                self._learn(wanted, answer)
        elif name == "release":
            await self._release(at + 10 - number, 1 + number % 4)
        elif name == "cancel_batch":
            await self._cancel_batch(BATCHES[number % 2], at, 1 + number % 4)
        elif name == "suppress":
            await self._suppress(Suppression(NAMES[number % 5], at, "STOP"))
        elif name == "allow":
            chat_id = NAMES[number % 5]
            assert await store.allow(chat_id) == model.people.allow(chat_id)
        elif name == "contact":
            chat_id = NAMES[number % 5]
            known_as = NAMES[3 + number % 2] if chat_id in CHATS else CHATS[number % 3]
            await store.remember_contact(chat_id, known_as)
            model.people.known_as[chat_id] = known_as
        elif name == "forget_data":
            await self.forget_data(number)
        else:
            return False
        return True

    async def forget_data(self, limit: int) -> None:
        """Forget what is spent, in one chunk."""
        spent = await self.store.spent_data(limit)
        await self.store.forget_data(spent)
        for message_id in spent:
            self.model.entries[message_id].data_kept = False

    def known_to(self, chat_id: str) -> tuple[str, ...]:
        return ("default",) if chat_id in self.model.known else ()

    def _draft(self, number: int, at: float, *, scheduled: bool) -> Draft:
        self._drafted += 1
        wanted = draft(
            f"m{self._drafted}",
            at=at,
            expires_at=at + number,
            chat_id=CHATS[number % 3],
            priority=LANES[number // 3 % 3],
            batch=BATCHES[number % 2] if number % 5 else None,
            send_at=at + number // 4 if scheduled else None,
            ignore_suppression=number % 4 == 0,
        )
        return replace(wanted, content=Image(File("image/png"))) if number % 7 == 0 else wanted

    def _learn(self, wanted: Draft, answer: object) -> None:
        """Take note of what came of a draft."""
        assert isinstance(answer, Suppressed) == self.model.people.refuse(wanted)
        if isinstance(answer, Suppressed):
            assert answer.suppression in self.model.people.entries(wanted.chat_id)
            return
        assert isinstance(answer, Accepted)
        message = answer.message
        assert message.known_to == self.known_to(message.chat_id)
        assert (message.content, message.priority) == (wanted.content, wanted.priority)
        self.messages[message.id] = message
        self.model.accept(wanted, message.seq)

    async def _release(self, at: float, limit: int) -> None:
        released = await self.store.release_due(at, limit)
        assert [message.id for message in released] == self.model.due(at)[:limit]
        for message in released:
            before = self.messages[message.id]
            known_to = self.known_to(message.chat_id)
            assert message == replace(before, seq=message.seq, known_to=known_to)
            assert all(entry.seq < message.seq for entry in self.model.entries.values())
            self.messages[message.id] = message
            entry = self.model.entries[message.id]
            entry.seq, entry.scheduled = message.seq, False

    async def _cancel_batch(self, batch: str, at: float, limit: int) -> None:
        entries = self.model.of_batch(batch).items()
        queued = [key for key, entry in entries if entry.status is Status.QUEUED]
        expected = {key: self.model.end(key, Status.CANCELLED, at) for key in queued[:limit]}
        assert await self.store.cancel_batch(batch, at, limit) == expected

    async def _suppress(self, suppression: Suppression) -> None:
        people = self.model.people
        people.listed.setdefault(suppression.chat_id, suppression)
        unwanted = [
            key
            for key, entry in self.model.entries.items()
            if entry.status is Status.QUEUED
            and people.same(entry.draft.chat_id, suppression.chat_id)
            and not entry.draft.ignore_suppression
        ]
        at = suppression.at
        expected = {key: self.model.end(key, Status.CANCELLED, at) for key in unwanted}
        assert await self.store.suppress(suppression) == expected
