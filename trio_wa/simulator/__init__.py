"""A WAHA stand-in with faults, for the demo, the tests and integrators."""

from trio_wa.simulator.ack_plan import AckPlan
from trio_wa.simulator.faults import Exponential, Faults, Uniform
from trio_wa.simulator.flap import Flap
from trio_wa.simulator.journal import Attempt, Delivered
from trio_wa.simulator.observer import Pace, PaceLimit
from trio_wa.simulator.options import SimulatorOptions, WebhookTarget
from trio_wa.simulator.received_file import ReceivedFile
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator
from trio_wa.simulator.trouble import BrokenEngine, Ghost, Timelock, Trouble
from trio_wa.simulator.webhook_faults import WebhookFaults

__all__ = [
    "AckPlan",
    "Attempt",
    "BrokenEngine",
    "Delivered",
    "Exponential",
    "Faults",
    "Flap",
    "Ghost",
    "Pace",
    "PaceLimit",
    "ReceivedFile",
    "Simulator",
    "SimulatorOptions",
    "Timelock",
    "Trouble",
    "Uniform",
    "WebhookFaults",
    "WebhookTarget",
    "serve_simulator",
]
