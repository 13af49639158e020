"""`trio-wa demo`: the service and a simulated WAHA in one process, with nothing to set up."""

from functools import partial

import click
import trio

from trio_wa import service
from trio_wa.cli.failure import settings_errors_end_with_2
from trio_wa.cli.signals import stop_on_signals
from trio_wa.config import load_settings
from trio_wa.core.session import Session
from trio_wa.simulator.faults import Faults, Uniform
from trio_wa.simulator.journal import Delivered
from trio_wa.simulator.options import SimulatorOptions, WebhookTarget
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator
from trio_wa.telemetry import configure_logging
from trio_wa.web.front import HttpFront
from trio_wa.web.hypercorn_config import load_hypercorn_config, open_sockets

SESSIONS = ("default", "marketing", "support")
SECRET = "the-secret-of-the-demo"  # noqa: S105 - nothing but the demo bears it


@click.command
@click.option("--port", default=8080, show_default=True, help="TCP port; 0 for any free one.")
@settings_errors_end_with_2
def demo(port: int) -> None:
    """Start trio-wa and a simulated WAHA, and show each delivery as it happens.

    Nothing leaves this machine. Ctrl-C drains and ends it.
    """
    configure_logging("warning", None)
    trio.run(_run, port)


async def _run(port: int) -> None:
    stop = trio.Event()
    drain = trio.CancelScope()
    unplug = trio.Event()
    config = load_hypercorn_config(None, bind=f"127.0.0.1:{port}")
    simulator = Simulator(
        SimulatorOptions(sessions=SESSIONS, faults=Faults(latency=Uniform(0.05, 0.4)))
    )
    simulator.on_delivery(_show)
    async with trio.open_nursery() as nursery:
        await nursery.start(stop_on_signals, stop, drain)
        url = await nursery.start(partial(serve_simulator, simulator, stop=unplug))
        settings = load_settings(
            None,
            waha_url=url,
            waha_api_key="demo",
            sessions=tuple(Session(name, url) for name in SESSIONS),
            journal_path=":memory:",
            waha_webhook_secret=SECRET,
            pace="gentle",
        )

        def listening(address: str) -> None:
            simulator.tell(WebhookTarget(f"{address}/webhooks/waha", SECRET))
            _greet(address)

        front = HttpFront(config, open_sockets(config), stop, settings.max_body_bytes, listening)
        ended = await service.run(settings, front, drain=drain)
        nursery.cancel_scope.cancel()
    if ended.left:
        click.echo(f"{ended.left} not sent, and gone: the demo keeps messages in memory.")
    click.echo("Drained, and stopped.")


def _greet(address: str) -> None:
    click.echo(
        f"trio-wa listens on {address}, and a simulated WAHA delivers.\n"
        "Send a message from another terminal:\n\n"
        f"    curl {address}/send -d "
        """'{"to": "6281234567890", "message": "Hello from trio-wa"}'\n\n"""
        f"What became of it: curl {address}/messages/ID, with the id of the answer.\n"
        "Ctrl-C drains and ends it. Deliveries:"
    )


def _show(delivered: Delivered) -> None:
    kind = None if delivered.kind == "sendText" else f"({delivered.kind})"
    shown = " ".join(filter(None, (kind, delivered.text)))
    click.echo(f"  {delivered.session:>10} → {delivered.chat_id}: {shown}")
