"""The simulated WAHA: its sessions, its faults, and what it delivered."""

import random
from collections.abc import Callable

import trio

from trio_wa.clock import Clock
from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.answers import version
from trio_wa.simulator.fault_board import FaultBoard, FaultRule
from trio_wa.simulator.faults import Faults, Latency, Status
from trio_wa.simulator.flap import Flap
from trio_wa.simulator.flaps import Flaps
from trio_wa.simulator.in_flight import InFlight
from trio_wa.simulator.journal import Attempt, Delivered, Journal
from trio_wa.simulator.network import Network
from trio_wa.simulator.observer import Pace, observe
from trio_wa.simulator.options import Ack, SimulatorOptions, WebhookTarget
from trio_wa.simulator.sessions import Sessions
from trio_wa.simulator.trouble import BrokenEngine, Ghost, Timelock, Trouble, Until
from trio_wa.simulator.webhook_faults import WebhookFaults
from trio_wa.simulator.webhooks import Webhooks


class Simulator:
    """A WAHA in memory; make it inside a Trio run, and serve it with `serve_simulator`.

    `now` gives the time in seconds since the epoch; by default it follows Trio's clock, so that a
    simulator under a virtual clock is as virtual as the rest. Every choice by chance comes
    from `options.seed`.
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        *,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.options = options or SimulatorOptions()
        self.now = now or Clock().now
        self.environment = version(self.options.engine, self.options.version, self.options.tier)
        self.agenda = Agenda()
        self.journal = Journal(self.options.keep)
        self.in_flight = InFlight()
        rng = random.Random(self.options.seed)  # noqa: S311  # repeatable, not secret
        self.faults = FaultBoard(self.options.faults, rng)
        self.webhooks = Webhooks(
            self.options.webhooks,
            self.environment,
            faults=self.options.webhook_faults,
            agenda=self.agenda,
            rng=rng,
            now=self.now,
        )
        self.sessions = Sessions(
            self.options.sessions,
            start_seconds=self.options.start_seconds,
            agenda=self.agenda,
            webhooks=self.webhooks,
            now=self.now,
        )
        self.network = Network(
            self.options,
            journal=self.journal,
            agenda=self.agenda,
            webhooks=self.webhooks,
            rng=rng,
            now=self.now,
        )
        self.flaps = Flaps(self.sessions, self.agenda, self.options.seed)
        for flap in self.options.flaps:
            self.flaps.begin(flap)
        for trouble in self.options.troubles:
            self.befall(trouble)

    async def run(self) -> None:
        """Do what happens by itself (a session's start, webhooks), until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.agenda.run, name="simulator-agenda")
            nursery.start_soon(self.webhooks.run, name="simulator-webhooks")

    @property
    def delivered(self) -> list[Delivered]:
        """The messages delivered, in order."""
        return self.journal.delivered

    @property
    def requests(self) -> list[Attempt]:
        """The sends received, delivered or not, in order."""
        return self.journal.attempts

    def sends_while_not_working(self, grace: float) -> list[Attempt]:
        """The sends into a session that had not been WORKING for more than `grace` seconds.

        So long a client may take to learn of it; what comes later it should have known.
        """
        return [
            attempt
            for attempt in self.requests
            if attempt.status not in (None, "WORKING")
            and attempt.status_since is not None
            and attempt.at - attempt.status_since > grace
        ]

    def pace(self, session: str) -> Pace:
        """How fast a session sent, as a strict observer counts; KeyError for an unknown name."""
        name = self.sessions[session].name
        return observe(attempt for attempt in self.requests if attempt.session == name)

    @property
    def max_concurrency(self) -> int:
        """The most sends that were in progress at once."""
        return self.in_flight.most

    @property
    def max_concurrency_by_session(self) -> dict[str, int]:
        """The most sends that were in progress at once, for each session."""
        return self.in_flight.most_by_session

    def on_delivery(self, listener: Callable[[Delivered], None]) -> None:
        """Call `listener` with each message at its delivery; it must not block."""
        self.journal.listeners.append(listener)

    async def wait_delivered(self, count: int) -> list[Delivered]:
        """The messages delivered, once there are `count` of them in all."""
        await self.journal.wait_count(count)
        return self.delivered

    async def wait_for(
        self,
        predicate: Callable[[Delivered], bool] | None = None,
        *,
        chat_id: str | None = None,
        session: str | None = None,
    ) -> Delivered:
        """The first delivery, past or to come, that meets all of the conditions given."""

        def matches(message: Delivered) -> bool:
            return (
                chat_id in (None, message.chat_id)
                and session in (None, message.session)
                and (predicate is None or predicate(message))
            )

        return await self.journal.wait_for(matches)

    def reset(self) -> None:
        """Forget deliveries, attempts, concurrency and faults; the sessions stay as they are.

        Except those that were down because they flapped: they work.
        """
        self.journal.clear()
        self.network.forget()
        self.in_flight.reset()
        self.clear_faults()

    def set_faults(
        self,
        faults: Faults,
        *,
        session: str | None = None,
        chat_id: str | None = None,
        times: int | None = None,
    ) -> None:
        """Set what befalls sends: all of them, or those of a session, to a recipient, or both.

        With `times` the rule ends after it has struck so often.
        """
        self.faults.put(FaultRule(faults, session, chat_id, times))

    def clear_faults(self) -> None:
        """From now on everything goes well, with webhooks and sessions too."""
        self.faults.clear()
        self.set_webhook_faults(WebhookFaults())
        self.flaps.end()
        self.heal()

    def tell(self, target: WebhookTarget) -> None:
        """Tell `target` from now on of what happens over every session there is."""
        for session in self.sessions.all():
            session.webhooks = (*session.webhooks, target)

    def set_webhook_faults(self, faults: WebhookFaults) -> None:
        """Set what befalls webhooks from now on."""
        self.webhooks.faults = faults

    def flap(self, session: str, *, every: Latency, down: Latency, to: Status = "FAILED") -> None:
        """Let a session work for `every` seconds, be `to` for `down` seconds, and so on.

        It goes on until `stop_flapping` or `clear_faults`. Raises KeyError for an unknown name.
        """
        self.flaps.begin(Flap(session, every, down, to))

    def stop_flapping(self, session: str | None = None) -> None:
        """Let this session, or all, flap no more; one that is down because of it works again."""
        self.flaps.end(session)

    def befall(self, trouble: Trouble) -> None:
        """Let a session be in trouble; raises KeyError for an unknown name."""
        self.sessions[trouble.session].health.befall(trouble, self.now())

    def ghost(self, session: str, *, until: Until = "restart") -> None:
        """Let a session take every send and deliver none, until its next start or `heal`.

        With `until="told"` only `heal` ends it. What it took meanwhile never arrives.
        """
        self.befall(Ghost(session, until))

    def break_engine(self, session: str, *, until: Until = "restart") -> None:
        """Let every send over a session fail with 500, until its next start or `heal`.

        With `until="told"` only `heal` ends it.
        """
        self.befall(BrokenEngine(session, until))

    def timelock(self, session: str, seconds: float) -> None:
        """Let WhatsApp refuse, for so long, what a session sends to new contacts: error 463."""
        self.befall(Timelock(session, seconds))

    def heal(self, session: str | None = None) -> None:
        """End the troubles of a session, or of all; raises KeyError for an unknown name."""
        for each in self.sessions.all() if session is None else [self.sessions[session]]:
            each.health.heal()

    def set_status(self, session: str, status: Status) -> None:
        """Give a session another status at once; raises KeyError for an unknown name."""
        self.sessions.set_status(session, status)

    def ack(self, message_id: str, level: Ack) -> None:
        """Acknowledge an accepted message by its raw id; raises KeyError for an unknown one."""
        kept = self.network.last(message_id)
        if kept is None:
            raise KeyError(message_id)
        self.network.ack(self.sessions[kept.session], kept, level)

    def receive(
        self, chat_id: str, text: str, *, session: str | None = None, lid: str | None = None
    ) -> str:
        """Let a message come in from `chat_id` (over the first session by default); its raw id.

        With a `lid` (its digits, or with @lid) WhatsApp hides the number behind that, and only
        `GET /api/{session}/lids/{lid}` tells it.
        """
        name = session or self.options.sessions[0]
        hidden = None if lid is None else f"{lid.removesuffix('@lid')}@lid"
        return self.network.receive(self.sessions[name], chat_id, text, hidden)
