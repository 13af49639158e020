"""`python -m benchmarks`: measure trio-wa beside its peers, in interleaved rounds."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import click

from benchmarks import loop
from benchmarks.chart import Bar, chart
from benchmarks.entrants import Entrant
from benchmarks.machine import machine
from benchmarks.measures import MEASURES
from benchmarks.report import Summary, document, summed_up, table
from benchmarks.roster import REFERENCE, ROSTER
from benchmarks.rounds import Measure, Sizes, Taken
from benchmarks.trials import measured

QUICK = Sizes(through=10_000, killed=10_000, backlog=20_000, seconds=1.0, quick=True)
CHARTED = ("end-to-end", "WAHA of 0 ms, 50 workers")
"""The measure and the case that the chart shows, by their first figure."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("measures", nargs=-1, metavar="[MEASURE]...")
@click.option("--list", "listed", is_flag=True, help="Name the measures and the peers, and end.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Rounds of each measure (5).")
@click.option(
    "--messages",
    type=click.IntRange(100, 1_000_000),
    help="Messages a trial (10,000, which is also what a queue holds at most); "
    "above 100,000: that many go through where memory is watched.",
)
@click.option("--peers", metavar="A,B", help="Measure only these.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--svg", "svg_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--quick", is_flag=True, help="One round of 1,000 messages: does it all work?")
def main(
    measures: tuple[str, ...],
    listed: bool,
    rounds: int | None,
    messages: int | None,
    peers: str | None,
    json_file: Path | None,
    svg_file: Path | None,
    quick: bool,
) -> None:
    """Measure trio-wa beside services like it, on this machine, over loopback alone.

    Each peer is started anew for each trial, in an empty directory. Peers take turns within a
    round, so ratios are those of the same round. A peer that cannot run here is skipped.
    """
    # Both end what was started; a shell that runs us in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if listed:
        _list()
        return
    chosen = _chosen_measures(measures)
    entrants, skipped = _present(_chosen_entrants(peers))
    for name, word in skipped.items():
        click.echo(f"skipped: {name}: {word}", err=True)
    if not entrants:
        raise click.ClickException("none of the peers can run here")
    sizes = _sizes(messages, quick=quick)
    asked = rounds or (1 if quick else 5)
    reference = next((one for one in entrants if one.key == REFERENCE), entrants[0]).name
    taken: list[Taken] = []
    for measure in chosen:
        cases = measure.cases(entrants, sizes)
        number = min(asked, measure.rounds or asked)
        taken += loop.run(measured(measure.name, cases, number, sizes, _say))
        click.echo(table(measure.name, measure.title, summed_up(taken, reference), reference))
        for one in taken:
            if one.measure == measure.name and one.failed:
                click.echo(f"  round {one.round}, {one.case}, {one.entrant}: {one.failed}")
        click.echo()
        _write(json_file, document(machine(), reference, taken, skipped))
    if svg_file is not None:
        svg_file.write_text(_chart(summed_up(taken, reference), entrants))
    if any(one.failed for one in taken):
        sys.exit(1)


def _list() -> None:
    for measure in MEASURES:
        click.echo(f"{measure.name:<16} {measure.title}")
    click.echo()
    for entrant in ROSTER:
        word = entrant.peer(0).missing()
        click.echo(f"{entrant.key:<16} {entrant.name}{f' (skipped: {word})' if word else ''}")


def _chosen_measures(names: tuple[str, ...]) -> list[Measure]:
    known = {measure.name: measure for measure in MEASURES}
    for name in names:
        if name not in known:
            raise click.UsageError(f"no measure is called {name}; these are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(MEASURES)


def _chosen_entrants(keys: str | None) -> tuple[Entrant, ...]:
    known = {entrant.key: entrant for entrant in ROSTER}
    if keys is None:
        return ROSTER
    wanted = [key.strip() for key in keys.split(",") if key.strip()]
    for key in wanted:
        if key not in known:
            raise click.UsageError(f"no peer is called {key}; these are: {', '.join(known)}")
    return tuple(known[key] for key in dict.fromkeys(wanted))


def _present(entrants: tuple[Entrant, ...]) -> tuple[tuple[Entrant, ...], dict[str, str]]:
    words = {entrant.name: entrant.peer(0).missing() for entrant in entrants}
    present = tuple(entrant for entrant in entrants if words[entrant.name] is None)
    return present, {name: word for name, word in words.items() if word is not None}


def _sizes(messages: int | None, *, quick: bool) -> Sizes:
    sizes = replace(QUICK, messages=1_000) if quick else Sizes()
    if messages is None:
        return sizes
    return replace(sizes, messages=min(messages, 10_000), through=max(messages, sizes.through))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _write(file: Path | None, found: dict[str, object]) -> None:
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")


def _chart(summaries: list[Summary], entrants: tuple[Entrant, ...]) -> str:
    measure, case = CHARTED
    here = [one for one in summaries if (one.measure, one.case) == (measure, case)]
    ours = tuple(entrant.name for entrant in entrants if entrant.ours)
    bars = [
        Bar(one.entrant, one.median, one.least, one.most, one.entrant.startswith(ours))
        for one in here
        if here and one.figure == here[0].figure
    ]
    bars.sort(key=lambda bar: bar.value, reverse=True)
    note = (
        f"End to end, from the first POST to the last arrival at a {case.replace(', ', ' with ')}."
    )
    return chart("WhatsApp messages a second", note, bars)


if __name__ == "__main__":
    main()
