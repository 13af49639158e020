"""What a message is given before it goes out, and what keeps it back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.fakes import FailingStore
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.addressing import Addressing
from trio_wa.core.content import (
    NAMELESS,
    Contacts,
    Content,
    Document,
    File,
    Forward,
    Image,
    Location,
    Menu,
    Poll,
    Text,
    Vcard,
    Video,
    Voice,
)
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import (
    Check,
    Contact,
    MessageId,
    NoMessageIds,
    Sender,
    StoreUnavailable,
    Uncheckable,
)

SESSION = Session("a", "http://waha")
BUSY = Unavailable("throttled", "busy", "origin")
TO = "5511987654321@c.us"
HELLO = Text("Hello")
PNG = File("image/png", url="https://example.org/a.png")
KNOWN_AS = "551187654321@c.us"  # Brazil: WhatsApp knows an older form of the number


@dataclass
class FakeSender:
    """A WAHA that knows `check` of every number."""

    check: Check = field(default_factory=lambda: Contact(KNOWN_AS))
    checks: int = 0

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        self.checks += 1
        await trio.lowlevel.checkpoint()
        return self.check

    async def new_message_id(self, session: Session) -> MessageId:
        raise NotImplementedError

    async def send(self, message: Message, session: Session) -> Outcome:
        raise NotImplementedError

    def cut(self) -> Outcome:
        raise NotImplementedError


@dataclass
class FakeIds:
    """Ids of which each is `answer`; `meanwhile` happens while one is fetched."""

    answer: MessageId = "3EB0"
    meanwhile: Callable[[], None] = lambda: None
    taken: int = 0

    async def take(self, session: Session, sender: Sender) -> MessageId:
        self.taken += 1
        await trio.lowlevel.checkpoint()
        self.meanwhile()
        return self.answer


class Bench:
    """Addressing over a session that works."""

    def __init__(self, *, check: bool = True, **failures: int) -> None:
        self.store = MemoryStore(lambda _message: None)
        self.failing: Any = FailingStore(self.store, **failures)
        self.ids = FakeIds()
        self.sender = FakeSender()
        self.working = True
        self._addressing = Addressing(self.failing, self.ids, self, check_contacts=check)

    def works(self, session: str) -> bool:
        return self.working

    async def address(
        self, to: str = TO, waha_id: str | None = None, content: Content = HELLO
    ) -> Any:
        sent = Message("m", 1, to, content, 0.0, 1.0, waha_id=waha_id)
        return await self._addressing.address(sent, SESSION, self.sender)


async def test_a_message_gets_the_known_chat_id_and_an_id_of_its_own() -> None:
    bench = Bench()
    addressed = await bench.address()
    assert (addressed.chat_id, addressed.waha_id) == (KNOWN_AS, "3EB0")
    assert (addressed.id, addressed.content) == ("m", HELLO)


async def test_a_contact_is_asked_for_once() -> None:
    bench = Bench()
    for _ in range(3):
        assert (await bench.address()).chat_id == KNOWN_AS
    assert bench.sender.checks == 1


@pytest.mark.parametrize("to", ["12036302394@g.us", "123@newsletter", "5@lid", "status@broadcast"])
async def test_only_numbers_are_checked(to: str) -> None:
    bench = Bench()
    assert (await bench.address(to)).chat_id == to
    assert bench.sender.checks == 0


async def test_turned_off_nothing_is_checked() -> None:
    bench = Bench(check=False)
    assert (await bench.address()).chat_id == TO
    assert bench.sender.checks == 0


async def test_a_number_that_is_not_on_whatsapp_is_refused_and_asked_for_anew_next_time() -> None:
    bench = Bench()
    bench.sender.check = Contact(None)
    refused = await bench.address()
    assert isinstance(refused, Rejected)
    assert refused.code == "not_on_whatsapp"
    assert bench.ids.taken == 0
    bench.sender.check = Contact(TO)
    assert (await bench.address()).chat_id == TO


async def test_where_waha_cannot_check_the_number_is_taken_as_it_is() -> None:
    bench = Bench()
    bench.sender.check = Uncheckable("this engine does not")
    assert (await bench.address()).chat_id == TO
    bench.sender.check = Contact(KNOWN_AS)
    assert (await bench.address()).chat_id == KNOWN_AS  # nothing wrong was remembered


async def test_what_stands_in_the_way_of_a_check_is_the_answer() -> None:
    bench = Bench()
    bench.sender.check = BUSY
    assert await bench.address() == BUSY
    assert bench.ids.taken == 0


async def test_what_goes_out_again_keeps_its_id() -> None:
    bench = Bench()
    assert (await bench.address(waha_id="3EB0OLD")).waha_id == "3EB0OLD"
    assert bench.ids.taken == 0


NAMED: list[Content] = [
    HELLO,
    Poll("Lunch?", ("yes", "no")),
    Location(1.0, 2.0),
    Contacts((Vcard("BEGIN:VCARD"),)),
    Forward("true_1@c.us_3EB0"),
]
UNNAMED: list[Content] = [Image(PNG), Document(PNG), Voice(PNG), Video(PNG), Menu("a", "b", ())]


def test_the_tests_know_every_kind_without_an_id() -> None:
    assert {each.kind for each in UNNAMED} == NAMELESS
    assert not NAMELESS & {each.kind for each in NAMED}


@pytest.mark.parametrize("content", NAMED, ids=lambda content: content.kind)
async def test_what_waha_sends_under_a_chosen_id_gets_one(content: Content) -> None:
    assert (await Bench().address(content=content)).waha_id == "3EB0"


@pytest.mark.parametrize("content", UNNAMED, ids=lambda content: content.kind)
async def test_no_id_is_fetched_for_what_bears_none(content: Content) -> None:
    bench = Bench()
    addressed = await bench.address(content=content)
    assert (addressed.waha_id, addressed.content, addressed.chat_id) == (None, content, KNOWN_AS)
    assert bench.ids.taken == 0


@pytest.mark.parametrize("content", UNNAMED, ids=lambda content: content.kind)
async def test_what_bears_none_goes_out_again_without_that_of_its_last_send(
    content: Content,
) -> None:
    """WAHA would give it another, which must not look as if it did so with every id."""
    bench = Bench()
    assert (await bench.address(waha_id="3EB0OLD", content=content)).waha_id is None
    assert bench.ids.taken == 0


async def test_what_bears_no_id_stays_back_too_where_its_session_fell() -> None:
    bench = Bench()
    bench.working = False
    kept = await bench.address(content=UNNAMED[0])
    assert isinstance(kept, Unavailable)
    assert (kept.code, kept.fault) == ("session_not_working", "session")


async def test_without_ids_it_goes_out_all_the_same() -> None:
    bench = Bench()
    bench.ids.answer = NoMessageIds()
    assert (await bench.address()).waha_id is None


async def test_what_stands_in_the_way_of_an_id_is_the_answer() -> None:
    bench = Bench()
    bench.ids.answer = BUSY
    assert await bench.address() == BUSY


@pytest.mark.parametrize("answer", ["3EB0", NoMessageIds()])
async def test_into_a_session_that_fell_while_an_id_was_awaited_nothing_goes(
    answer: MessageId,
) -> None:
    bench = Bench()
    bench.ids.answer = answer

    def fall() -> None:
        bench.working = False

    bench.ids.meanwhile = fall
    kept = await bench.address()
    assert isinstance(kept, Unavailable)
    assert (kept.code, kept.fault) == ("session_not_working", "session")


@pytest.mark.parametrize("method", ["contact", "remember_contact"])
async def test_a_store_that_fails_keeps_it_back_and_loses_nothing(method: str) -> None:
    bench = Bench(**{method: 1})
    with pytest.raises(StoreUnavailable):
        await bench.address()
    assert (await bench.address()).chat_id == KNOWN_AS
    assert await bench.store.contact(TO) == KNOWN_AS


async def test_the_message_itself_is_not_changed() -> None:
    before = message(1, to=TO)
    bench = Bench()
    await bench._addressing.address(before, SESSION, bench.sender)
    assert before == message(1, to=TO)
