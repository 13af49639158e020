"""What goes wrong with webhooks on their way."""

from dataclasses import dataclass

from pydantic import ConfigDict

from trio_wa.simulator.faults import Latency


@dataclass(frozen=True, slots=True)
class WebhookFaults:
    """Of all calls the share `lose` is lost for good, and the share `duplicate` is made twice.

    A call made twice bears the same event id, as one that WAHA repeats although it arrived. Each is
    made `delay` seconds late; a range of them brings disorder.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    lose: float = 0.0
    duplicate: float = 0.0
    delay: Latency = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.lose <= 1 and 0 <= self.duplicate <= 1):
            raise ValueError("shares of webhooks lie between 0 and 1")
        if isinstance(self.delay, (int, float)) and self.delay < 0:
            raise ValueError("a webhook is 0 or more seconds late")
