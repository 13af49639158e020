"""The state machine: it takes one step at a time with a store and with the model."""

import itertools
from dataclasses import replace

from tests.contract.comparison import compare
from tests.contract.machine_crowd import Crowd
from tests.contract.messages import NOW, inquire, receive, requeue, settle
from tests.contract.model import Model
from tests.contract.model_entry import Entry
from trio_wa.core.message import Message
from trio_wa.core.retry import Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Store


class Machine:
    """Compares a store with the model; `messages` are as the store should queue them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.model = Model()
        self.messages: dict[str, Message] = {}
        self.clock = itertools.count()
        self.crowd = Crowd(store, self.model, self.messages)

    @property
    def store(self) -> Store:
        """The store, which is another after a crash."""
        return self._store

    @store.setter
    def store(self, store: Store) -> None:
        self._store = self.crowd.store = store

    async def step(self, name: str, number: int) -> None:
        """Do what `name` says; `number` chooses the message, or how far back in time."""
        at, store, model = NOW + next(self.clock), self.store, self.model
        if await self.crowd.step(name, number, at):
            return
        if name == "later":
            self.clock = itertools.count(next(self.clock) + 60 * number)
        elif name == "forget":
            before = at - 60 * number
            assert await store.forget_histories(before, 1000) == model.forget(before)
        elif name == "erase":
            assert await store.erase_texts(at - number, 1000) == model.erase_texts(at - number)
        elif name == "purge":
            assert await store.purge(at - number, 1000) == model.purge(at - number)
        elif name == "flag":
            flagged = await store.flag_unconfirmed("default", NOW, at - number)
            assert flagged == model.flag(NOW, at - number)
        elif self.messages:
            message = list(self.messages.values())[-1 - number % len(self.messages)]
            if name in ("begin", "requeue", "inquire", "sent", "failed", "unknown"):
                await self._attempt(message, name, number, at)
            elif name.startswith("resolve"):
                await self._resolve(message, name, number, at)
            else:
                await self._change(message, name, number, at)

    async def _attempt(self, message: Message, name: str, number: int, at: float) -> None:
        """Begin an attempt, or end it."""
        store, model, key = self.store, self.model, message.id
        entry = model.entries.get(key)
        if name == "begin":
            if entry is not None and entry.scheduled:
                return  # nobody has it
            fresh = f"3EB0{next(self.clock)}" if number % 2 else None
            begins = replace(message, waha_id=message.waha_id or fresh)
            begun = await store.begin(begins, "default", at)
            assert begun == model.begin(key, message.seq, begins.waha_id)
            return
        sending = entry is not None and entry.status is Status.SENDING
        if name == "requeue":
            later = self._later(message, entry, number, at)
            status = await requeue(store, message, later, at=at)
            expected = model.settle(key, Status.QUEUED, at, later.waha_id)
            if sending and expected is Status.QUEUED:
                self.messages[key] = later
        elif name == "inquire":
            status = await inquire(store, message, at=at)
            expected = model.settle(key, Status.UNKNOWN, at, None, open_=True)
        else:
            named = self._named(message, entry, number)
            status = await settle(store, message, Status(name), at=at, waha_id=named)
            expected = model.settle(key, Status(name), at, named)
        assert expected in (status, None)

    async def _resolve(self, message: Message, name: str, number: int, at: float) -> None:
        """End the look-up of a message."""
        store, model, key = self.store, self.model, message.id
        if name == "resolve_again":
            later = self._later(message, model.entries.get(key), number, at)
            decision = Requeue(later, "not_sent", "?")
            resolved = await store.resolve(message, "default", at, decision)
            if resolved is Status.QUEUED:
                self.messages[key] = later
            assert resolved is model.resolve(key, Status.QUEUED, at, later.waha_id)
        else:
            after = Status(name.removeprefix("resolve_"))
            resolved = await store.resolve(message, "default", at, Final(after))
            assert resolved is model.resolve(key, after, at, None)

    async def _change(self, message: Message, name: str, number: int, at: float) -> None:
        """Any other change of one message, or of those behind it."""
        store, model, key = self.store, self.model, message.id
        entry = model.entries.get(key)
        if name == "expire":
            expired = await store.expire(message, at)
            assert expired == (model.end(key, Status.EXPIRED, at) is not None)
        elif name == "cancel":
            assert await store.cancel(key, at) == model.end(key, Status.CANCELLED, at)
        elif name == "expire_overdue":
            priority, seq = message.priority, message.seq - number
            count = await store.expire_overdue(priority, seq, at, 1000)
            assert count == model.expire_overdue(priority, seq, at)
        elif name == "remember":
            await store.remember_recipient("default", message.chat_id)
            model.known.add(message.chat_id)
        elif name == "mark":
            assert await store.mark_unconfirmed(key, at) == model.mark(key)
        elif name == "retry":
            retried = await store.retry(key, at, at + 20)
            assert retried == model.retry(key, at + 20)
            if retried:
                fresh = replace(message, expires_at=at + 20, attempts=0, waha_id=None, prefer=None)
                await self._learn_place(fresh)
        elif name == "resend":
            resent = await store.resend(key, at)
            assert resent == model.resend(key, at)
            if resent and entry is not None:
                await self._learn_place(replace(message, waha_id=entry.waha_id, prefer="default"))
        else:
            ack, waha_id = int(name.removeprefix("ack")), self._named(message, entry, number)
            moved = await receive(store, waha_id, ack, at=at)
            assert moved == model.receive(waha_id, ack, at)

    def _later(self, message: Message, entry: Entry | None, number: int, at: float) -> Message:
        """The message as it is tried again later, with its id or without."""
        waha_id = entry.waha_id if entry is not None and number % 2 else None
        attempts, prefer = message.attempts + 1, "default" if waha_id else None
        return replace(message, due_at=at + 5, attempts=attempts, waha_id=waha_id, prefer=prefer)

    def _named(self, message: Message, entry: Entry | None, number: int) -> str:
        """The id that the message bears; now and then, or if it has none, the one it may get."""
        borne = entry.waha_id if entry is not None and number % 4 else None
        return borne or f"3EB0-{message.id}-{message.seq}"

    async def _learn_place(self, message: Message) -> None:
        """A message has a place behind all others; which number it is, the store says."""
        last = (await self.store.queued(message.priority, 0, 1000))[-1]
        known_to = self.crowd.known_to(message.chat_id)
        assert last == replace(message, seq=last.seq, due_at=0.0, known_to=known_to)
        self.messages[message.id] = last
        others = (entry.seq for key, entry in self.model.entries.items() if key != message.id)
        assert last.seq > max(others, default=0)
        self.model.entries[message.id].seq = last.seq

    async def check(self) -> None:
        """Compare all that can be seen."""
        await compare(self.store, self.model, self.messages, NOW + next(self.clock))
