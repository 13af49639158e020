"""WhatsApp's acknowledgements, as they were planned and as they are told."""

import random
from collections.abc import Callable

from trio_wa.simulator.ack_plan import Ack, AckPlan
from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.chat_store import Kept
from trio_wa.simulator.message import ack_payload
from trio_wa.simulator.session import SimulatedSession
from trio_wa.simulator.webhooks import Webhooks

_LEVELS: tuple[Ack, Ack, Ack] = (1, 2, 3)


class Acks:
    """Gives acks by plan or by hand, and tells the webhooks of each."""

    def __init__(
        self,
        *,
        agenda: Agenda,
        webhooks: Webhooks,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self._agenda = agenda
        self._webhooks = webhooks
        self._rng = rng
        self._now = now
        self._epoch = 0

    def plan(self, session: SimulatedSession, kept: Kept, plan: AckPlan) -> None:
        """Decide which acks a message that was just delivered will get, and tell them in time."""
        coming = self._coming(plan)
        start = kept.message.at
        kept.acks = tuple((start + delay, level) for delay, level in coming)
        if not coming or not self._webhooks.wanted(session) or self._chance(plan.lose):
            return
        times = 2 if self._chance(plan.twice) else 1
        levels = [level for _, level in coming]
        if self._chance(plan.shuffle):
            levels.reverse()
        for (delay, _), level in zip(coming, levels, strict=True):
            self._tell_later(session, kept, delay, level, times)

    def give(self, session: SimulatedSession, kept: Kept, level: Ack) -> None:
        """Give a message this ack, now and from now on."""
        kept.by_hand = level
        self._tell(session, kept, level)

    def forget(self) -> None:
        """Tell none of those that are still to come."""
        self._epoch += 1

    def _coming(self, plan: AckPlan) -> list[tuple[float, Ack]]:
        """The acks that come, each with its delay."""
        delays = [delay + plan.late for delay in plan.delays]
        if plan.drop or plan.error:
            chance = self._rng.random()
            if chance < plan.drop:
                return []
            if chance < plan.drop + plan.error:
                return [(delays[0], -1)]
        return list(zip(delays, _LEVELS, strict=True))[: plan.hold_at]

    def _chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share

    def _tell_later(
        self, session: SimulatedSession, kept: Kept, delay: float, level: Ack, times: int
    ) -> None:
        epoch = self._epoch

        def tell() -> None:
            if epoch == self._epoch:
                for _ in range(times):
                    self._tell(session, kept, level)

        self._agenda.call_later(delay, tell)

    def _tell(self, session: SimulatedSession, kept: Kept, level: Ack) -> None:
        self._webhooks.emit(("message.ack",), session, ack_payload(kept.message, level))
