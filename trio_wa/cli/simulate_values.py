"""What the options of `trio-wa simulate` hold: text from the command line, as values."""

from dataclasses import fields
from typing import Any

import click

from trio_wa.simulator import (
    AckPlan,
    BrokenEngine,
    Exponential,
    Flap,
    Ghost,
    Timelock,
    Trouble,
    Uniform,
    WebhookFaults,
)
from trio_wa.simulator.faults import KINDS, STATUSES, Latency

ACKS = tuple(each.name for each in fields(AckPlan) if each.type is float)
WEBHOOK_FAULTS = tuple(each.name for each in fields(WebhookFaults))


def names(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """`a,b` as a tuple."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


def latency(_ctx: click.Context, _param: click.Parameter, value: str) -> Latency:
    """`0.2`, `0.1-0.5` or `exp:0.3`."""
    return _latency(value)


def rates(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> dict[str, float]:
    """`NAME=RATE` for faults; a name alone always strikes."""
    return {kind: _number(kind, rate) for kind, rate in _pairs(value, "fault", KINDS)}


def ack_plan(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> dict[str, float]:
    """`NAME=VALUE` for the shares of an `AckPlan`, and how late acks come."""
    return {name: _number(name, given) for name, given in _pairs(value, "ack", ACKS)}


def webhook_faults(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> dict[str, Any]:
    """`NAME=VALUE` for `WebhookFaults`."""
    return {
        name: _latency(given) if name == "delay" else _number(name, given)
        for name, given in _pairs(value, "webhook fault", WEBHOOK_FAULTS)
    }


def flaps(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[Flap, ...]:
    """`SESSION=EVERY/DOWN`, with `/STATUS` behind it for another than FAILED."""
    return tuple(_flap(each) for each in value)


def _flap(given: str) -> Flap:
    session, _, rest = given.partition("=")
    every, slash, rest = rest.partition("/")
    down, _, to = rest.partition("/")
    if not (every and slash and down):
        raise click.BadParameter("give SESSION=EVERY/DOWN, both in seconds, such as default=30/5")
    if to and to not in STATUSES:
        raise click.BadParameter(f"no status {to!r}; there are {', '.join(STATUSES)}")
    try:
        return Flap(session, _latency(every), _latency(down), to or "FAILED")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def troubles(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[Trouble, ...]:
    """`SESSION=ghost` or `=broken-engine`, with `/told` behind it, or `=timelock/SECONDS`."""
    return tuple(_trouble(each) for each in value)


def _trouble(given: str) -> Trouble:
    session, _, rest = given.partition("=")
    try:
        match rest.split("/"):
            case ["ghost", *until] if until in ([], ["told"]):
                return Ghost(session, "told" if until else "restart")
            case ["broken-engine", *until] if until in ([], ["told"]):
                return BrokenEngine(session, "told" if until else "restart")
            case ["timelock", seconds]:
                return Timelock(session, float(seconds))
            case _:
                raise click.BadParameter(
                    f"no trouble {rest!r}; there are ghost, broken-engine and timelock/SECONDS"
                )
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _latency(value: str) -> Latency:
    try:
        if value.startswith("exp:"):
            return Exponential(float(value[4:]))
        low, dash, high = value.partition("-")
        return Uniform(float(low), float(high)) if dash else float(low)
    except ValueError:
        raise click.BadParameter(
            "give seconds (0.2), a range (0.1-0.5) or a mean (exp:0.3)"
        ) from None


def _pairs(value: tuple[str, ...], what: str, known: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for each in value:
        name, _, given = each.partition("=")
        if name not in known:
            raise click.BadParameter(f"no {what} {name!r}; there are {', '.join(known)}")
        pairs.append((name, given or "1"))
    return pairs


def _number(name: str, given: str) -> float:
    try:
        return float(given)
    except ValueError:
        raise click.BadParameter(f"the rate of {name} is a number") from None
