"""`trio-wa simulate`: a WAHA to try things with, and to break on purpose."""

import contextlib
import signal
from functools import partial
from typing import Any

import click
import trio

from trio_wa.cli import simulate_values as values
from trio_wa.simulator import (
    AckPlan,
    Delivered,
    Faults,
    Flap,
    Simulator,
    SimulatorOptions,
    Trouble,
    WebhookFaults,
    WebhookTarget,
    serve_simulator,
)
from trio_wa.simulator.faults import KINDS, Latency
from trio_wa.simulator.options import Engine
from trio_wa.telemetry import configure_logging

PORT_IN_USE = 2
"""Exit code when the address cannot be bound, as for every other wrong setting."""

_SHOWN_TEXT = 60
_SWITCHES = ("message_ids", "ignore_ids", "dedupe", "lookups", "blind_lookups", "tells_timelocks")


@click.command
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--api-key", help="Ask for this X-Api-Key; without it none is needed.")
@click.option("--sessions", default="default", show_default=True, callback=values.names)
@click.option(
    "--engine", default="NOWEB", show_default=True, type=click.Choice(["NOWEB", "GOWS", "WEBJS"])
)
@click.option("--waha-version", default="2026.6.1", show_default=True, help="The version to show.")
@click.option(
    "--message-ids/--no-message-ids",
    default=True,
    show_default=True,
    help="Let the client choose a message's id, as WAHA does since 2026.4.3.",
)
@click.option("--ignore-ids", is_flag=True, help="Offer ids, and send under others.")
@click.option(
    "--dedupe/--no-dedupe",
    default=True,
    show_default=True,
    help="Deliver only once what is sent twice under one id.",
)
@click.option(
    "--lookups/--no-lookups",
    default=True,
    show_default=True,
    help="Find sent messages by their id.",
)
@click.option("--blind-lookups", is_flag=True, help="Look, and find nothing.")
@click.option("--media-needs-plus", is_flag=True, help="Refuse media, as Core before 2026.6.1.")
@click.option("--not-on-whatsapp", default="", callback=values.names, metavar="NUMBERS")
@click.option(
    "--session-wait",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds to wait for a session before 422.",
)
@click.option(
    "--latency",
    default="0",
    callback=values.latency,
    metavar="SECONDS",
    help="The engine's time: 0.2, 0.1-0.5 or exp:0.3.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=values.rates,
    metavar="NAME=RATE",
    help=f"How often something goes wrong, may be repeated: {', '.join(KINDS)}.",
)
@click.option("--hang-seconds", type=click.FloatRange(0), help="How long hang takes.")
@click.option("--retry-after", default=1.0, show_default=True, type=click.FloatRange(0))
@click.option("--webhook-url", multiple=True, help="Where to send webhooks; may be repeated.")
@click.option("--webhook-secret", help="Sign webhooks with this key (HMAC-SHA512).")
@click.option(
    "--ack-at",
    default="3",
    show_default=True,
    type=click.Choice(["0", "1", "2", "3"]),
    help="The highest ack that a message reaches.",
)
@click.option(
    "--ack",
    "acks",
    multiple=True,
    callback=values.ack_plan,
    metavar="NAME=VALUE",
    help=f"How acks go astray, may be repeated: {', '.join(values.ACKS)}; late in seconds.",
)
@click.option(
    "--webhook-fault",
    "webhook_faults",
    multiple=True,
    callback=values.webhook_faults,
    metavar="NAME=VALUE",
    help=f"The same for webhooks: {', '.join(values.WEBHOOK_FAULTS)}; delay as a latency.",
)
@click.option(
    "--flap",
    "flaps",
    multiple=True,
    callback=values.flaps,
    metavar="SESSION=EVERY/DOWN",
    help="Let a session fail every so many seconds, for so many; may be repeated.",
)
@click.option(
    "--trouble",
    "troubles",
    multiple=True,
    callback=values.troubles,
    metavar="SESSION=WHAT",
    help="Let a session take all and deliver nothing (ghost), fail every send (broken-engine), "
    "both until its restart, or refuse new contacts (timelock/SECONDS); may be repeated.",
)
@click.option(
    "--tells-timelocks/--no-tells-timelocks",
    default=True,
    show_default=True,
    help="Tell when a time-lock ends, as WAHA does since 2026.8.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed, the same faults.")
@click.option("--quiet", is_flag=True, help="Do not print deliveries.")
def simulate(**given: Any) -> None:
    """Stand in for WAHA, with faults on request.

    Prints its address and each message as it is delivered. While it runs, faults can be changed
    at /_sim/faults, and /_sim/messages lists what it delivered. The numbers +44 7700 900000 to
    900999 have fates of their own, listed in docs/testing.md. Ctrl-C or SIGTERM ends it.
    """
    configure_logging("WARNING")
    try:
        options = _options(**given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    failure = trio.run(_run, options, given["host"], given["port"], given["quiet"])
    if failure is not None:
        address = f"{given['host']}:{given['port']}"
        click.echo(f"trio-wa: cannot listen on {address}: {failure.strerror or failure}", err=True)
        raise SystemExit(PORT_IN_USE)


def _options(
    *,
    sessions: tuple[str, ...],
    engine: Engine,
    api_key: str | None,
    waha_version: str,
    media_needs_plus: bool,
    not_on_whatsapp: tuple[str, ...],
    session_wait: float,
    latency: Latency,
    faults: dict[str, Any],
    hang_seconds: float | None,
    retry_after: float,
    webhook_url: tuple[str, ...],
    webhook_secret: str | None,
    ack_at: str,
    acks: dict[str, Any],
    webhook_faults: dict[str, Any],
    flaps: tuple[Flap, ...],
    troubles: tuple[Trouble, ...],
    seed: int,
    **switches: Any,
) -> SimulatorOptions:
    if not sessions:
        raise ValueError("--sessions names at least one session")
    return SimulatorOptions(
        sessions=sessions,
        engine=engine,
        version=waha_version,
        api_key=api_key,
        media_needs_plus=media_needs_plus,
        not_on_whatsapp=frozenset(not_on_whatsapp),
        not_working_wait=session_wait,
        stopped_wait=session_wait / 2,
        missing_wait=session_wait / 2,
        webhooks=tuple(WebhookTarget(url, webhook_secret) for url in webhook_url),
        webhook_faults=WebhookFaults(**webhook_faults),
        acks=AckPlan(hold_at=int(ack_at), **acks),  # type: ignore[arg-type]  # one of four, by the Choice
        flaps=flaps,
        troubles=troubles,
        faults=Faults(
            latency=latency, hang_seconds=hang_seconds, retry_after=retry_after, **faults
        ),
        seed=seed,
        **{name: switches[name] for name in _SWITCHES},
    )


async def _run(options: SimulatorOptions, host: str, port: int, quiet: bool) -> OSError | None:
    """Serve until a signal; what kept the port from being bound, if anything did."""
    simulator = Simulator(options)
    stop = trio.Event()
    if not quiet:
        simulator.on_delivery(_print)
    async with trio.open_nursery() as nursery:
        await nursery.start(_stop_on_signal, stop)
        server = partial(serve_simulator, simulator, host=host, port=port, stop=stop)
        try:
            address = await nursery.start(server)
        except OSError as error:
            nursery.cancel_scope.cancel()
            return error
        names = ", ".join(options.sessions)
        click.echo(
            f"WAHA {options.version} ({options.engine}), simulated, on {address} "
            f"with the sessions {names}. Ctrl-C ends it."
        )
    return None


async def _stop_on_signal(
    stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
        stop.set()


def _print(message: Delivered) -> None:
    text = message.text or ""
    shown = text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 1] + "…"
    with contextlib.suppress(OSError):  # a reader that went away must not hurt a delivery
        click.echo(
            f"#{message.sequence} {message.session} -> {message.chat_id} {message.kind} {shown!r}"
        )
