"""Notices when nothing can be sent at all: by no session, or because the store cannot write."""

from typing import Protocol

import structlog
import trio

from trio_wa.ports import Alarm, Store

log = structlog.get_logger(__name__)

PAUSED_SECONDS = 10.0
"""How long every session is held up before that is worth an alarm: a probe may open them again."""


class Rules(Protocol):
    """Who decides which session sends: the dispatcher."""

    def obstacles(self) -> dict[str, str]:
        """For each session through which nothing may go now, the code of the reason."""

    async def stands_still(self) -> None:
        """Wait until something stands in the way of every session."""

    async def moves(self) -> None:
        """Wait until nothing stands in the way of one session at least."""


async def watch_dispatch(rules: Rules, alarm: Alarm) -> None:
    """Raise an alarm whenever no session can send, until cancelled."""
    while True:
        await rules.stands_still()
        with trio.move_on_after(PAUSED_SECONDS):
            await rules.moves()
            continue
        reasons = ", ".join(f"{name}: {code}" for name, code in rules.obstacles().items())
        alarm("dispatch.paused", reasons=reasons)
        await rules.moves()
        log.info("dispatch.resumed")


async def watch_store(store: Store, alarm: Alarm) -> None:
    """Raise an alarm whenever the store cannot write any more, until cancelled.

    One as long as that lasts: its reason may change with every megabyte.
    """
    before, problem = None, store.problem()
    while True:
        if problem is None and before is not None:
            log.info("store.available")
        elif problem is not None and before is None:
            alarm("store.unavailable", reason=problem)
        before, problem = problem, await store.problem_changed()
