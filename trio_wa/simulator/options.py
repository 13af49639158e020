"""How a simulated WAHA behaves from its start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from trio_wa.simulator.ack_plan import Ack, AckPlan
from trio_wa.simulator.faults import Faults
from trio_wa.simulator.flap import Flap
from trio_wa.simulator.trouble import Trouble
from trio_wa.simulator.webhook_faults import WebhookFaults

__all__ = ["Ack", "AckPlan", "Engine", "SimulatorOptions", "WebhookTarget"]

Engine = Literal["NOWEB", "GOWS", "WEBJS"]
Tier = Literal["CORE", "PLUS"]

_VERSION = re.compile(r"[0-9]{4}(\.[0-9]{1,3}){2}")
_URL = re.compile(r"https?://[^/\s]+(/\S*)?")


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """A URL that is told of events; `events` holds names, or `*` for all of them.

    A call that is not answered with 2xx is repeated `attempts` times in all, `retry_seconds`
    apart, as WAHA does by default. With a `secret` the body is signed with HMAC-SHA512.
    """

    url: str
    secret: str | None = None
    events: frozenset[str] = frozenset({"*"})
    attempts: int = 15
    retry_seconds: float = 2.0

    def wants(self, event: str) -> bool:
        """Whether this target is told of `event`."""
        return "*" in self.events or event in self.events


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Everything that is fixed when a simulator starts; times are seconds.

    `message_ids`: the ids of WAHA 2026.4.3 and later can be chosen before the send; otherwise, as
    in 2026.2.1, the endpoint is absent and `id` is silently ignored. With `ignore_ids` it is
    ignored although the endpoint is there. `dedupe`: recipients do not see a second message with
    the id of one that was delivered over the same session. `lookups`: a sent message can be found
    again; otherwise WAHA's own refusal (400, its store is off), or with `blind_lookups` a 404.
    `keeps_lost`: what was accepted and lost (`Faults.lose`) is found, PENDING. `media_needs_plus`:
    a CORE from before 2026.6.1, which answers 422 to media. `tells_timelocks`: how long a time-lock
    lasts can be asked, as of 2026.8; otherwise the endpoint is absent.

    `not_on_whatsapp` holds bare numbers; `known_as` those that WhatsApp knows under others, as
    Brazilian ones. The three waits are what WAHA waits for a session before it answers 422. `keep`
    bounds how many deliveries and attempts are remembered.
    """

    sessions: tuple[str, ...] = ("default",)
    engine: Engine = "NOWEB"
    version: str = "2026.6.1"
    tier: Tier = "CORE"
    api_key: str | None = None
    message_ids: bool = True
    ignore_ids: bool = False
    dedupe: bool = True
    lookups: bool = True
    blind_lookups: bool = False
    keeps_lost: bool = True
    media_needs_plus: bool = False
    tells_timelocks: bool = True
    not_on_whatsapp: frozenset[str] = frozenset()
    known_as: Mapping[str, str] = field(default_factory=dict)
    not_working_wait: float = 10.0
    stopped_wait: float = 5.0
    missing_wait: float = 5.0
    start_seconds: float = 0.35
    max_body_bytes: int = 50 * 1024 * 1024
    webhooks: tuple[WebhookTarget, ...] = ()
    webhook_faults: WebhookFaults = field(default_factory=WebhookFaults)
    acks: AckPlan = field(default_factory=AckPlan)
    flaps: tuple[Flap, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    keep: int = 100_000

    def __post_init__(self) -> None:
        for name, given, known in (
            ("engine", self.engine, get_args(Engine)),
            ("tier", self.tier, get_args(Tier)),
        ):
            if given not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {given!r}")
        if _VERSION.fullmatch(self.version) is None:
            raise ValueError(f"a version of WAHA is such as 2026.6.1, not {self.version!r}")
        for number in sorted(self.not_on_whatsapp):
            if not (number.isascii() and number.isdigit()):
                raise ValueError(
                    f"not_on_whatsapp has numbers such as 6281234567890, not {number!r}"
                )
        for target in self.webhooks:
            if _URL.fullmatch(target.url) is None:
                raise ValueError(
                    "the URL of a webhook is such as http://127.0.0.1:8080/webhooks/waha, not"
                    f" {target.url!r}"
                )
        for flap in self.flaps:
            if flap.session not in self.sessions:
                raise ValueError(f"there is no session {flap.session!r} to flap")
        for trouble in self.troubles:
            if trouble.session not in self.sessions:
                raise ValueError(f"there is no session {trouble.session!r} to be in trouble")
