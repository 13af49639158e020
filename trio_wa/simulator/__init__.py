"""A WAHA stand-in with faults, for the demo, the tests and integrators."""

from trio_wa.simulator.faults import Exponential, Faults, Uniform
from trio_wa.simulator.journal import Attempt, Delivered
from trio_wa.simulator.options import AckPlan, SimulatorOptions, WebhookTarget
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator

__all__ = [
    "AckPlan",
    "Attempt",
    "Delivered",
    "Exponential",
    "Faults",
    "Simulator",
    "SimulatorOptions",
    "Uniform",
    "WebhookTarget",
    "serve_simulator",
]
