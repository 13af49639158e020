"""The webhook is registered once with a session, however long that takes."""

import pytest
import trio
import trio.testing

from tests.fakes import FakeObserver
from trio_wa.core.session import Session
from trio_wa.ports import Refusal
from trio_wa.registration import AGAIN_SECONDS, Registration

SESSION = Session("a", "http://waha")
REFUSED = Refusal("waha_refused", "no")


@pytest.mark.parametrize("new", [True, False])
async def test_what_waha_has_is_not_registered_again(
    new: bool, autojump_clock: trio.testing.MockClock
) -> None:
    observer = FakeObserver(registered=lambda _session: new)
    await Registration(observer, url="http://me/webhooks/waha", secret=None).register(SESSION)
    assert observer.asked == [("register", "a")]
    assert trio.current_time() == 0


async def test_a_session_that_cannot_be_told_yet_is_told_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answers: list[bool | Refusal] = [REFUSED, REFUSED, REFUSED, True]
    observer = FakeObserver(registered=lambda _session: answers.pop(0))
    with trio.fail_after(1000):
        await Registration(observer, url="http://me/webhooks/waha", secret="s").register(SESSION)
    assert observer.count("register") == 4
    assert trio.current_time() == 3 * AGAIN_SECONDS
