"""Medians, spread and ratios of what was measured, as a table and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.rounds import Figure, Taken


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure of one entrant over all rounds.

    `ratio` is the median of its ratios to the reference in the same round; None where the
    reference was not measured beside it.
    """

    measure: str
    case: str
    entrant: str
    figure: str
    unit: str
    detail: bool
    rounds: tuple[float, ...]
    median: float
    least: float
    most: float
    ratio: float | None


def summed_up(taken: Sequence[Taken], reference: str) -> list[Summary]:
    """Each figure of each entrant in the order in which it was first measured."""
    values: dict[tuple[str, str, str, str], dict[int, float]] = {}
    figures: dict[tuple[str, str, str, str], Figure] = {}
    for one in taken:
        for name, figure in one.figures.items():
            place = (one.measure, one.case, one.entrant, name)
            values.setdefault(place, {})[one.round] = figure.value
            figures[place] = figure
    summaries = []
    for place, by_round in values.items():
        measure, case, entrant, name = place
        compared = values.get((measure, case, reference, name), {})
        all_values = tuple(by_round.values())
        summaries.append(
            Summary(
                measure=measure,
                case=case,
                entrant=entrant,
                figure=name,
                unit=figures[place].unit,
                detail=figures[place].detail,
                rounds=all_values,
                median=median(all_values),
                least=min(all_values),
                most=max(all_values),
                ratio=_ratio(by_round, compared),
            )
        )
    return summaries


def _ratio(values: dict[int, float], compared: dict[int, float]) -> float | None:
    ratios = [value / compared[n] for n, value in values.items() if compared.get(n)]
    return median(ratios) if ratios else None


def shown(value: float) -> str:
    """A number with as many digits as it is worth: 12,345; 123; 12.3; 1.23; 0.012."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3f}"


def table(measure: str, title: str, summaries: Iterable[Summary], against: str) -> str:
    """The measure as text: a block a case, a line an entrant, a column a figure.

    A cell is a median with the least and the most in brackets. The second column compares the
    first figure with that of `against`, the reference. Where one entrant is alone, each figure
    has a line.
    """
    cases: dict[str, list[Summary]] = {}
    for summary in summaries:
        if summary.measure == measure and not summary.detail:
            cases.setdefault(summary.case, []).append(summary)
    blocks = [f"{measure}: {title}"]
    for case, found in cases.items():
        blocks.append(_block(case, found, against))
    return "\n\n".join(blocks)


def _block(case: str, summaries: list[Summary], against: str) -> str:
    columns = list(dict.fromkeys((one.figure, one.unit) for one in summaries))
    cells = {(one.entrant, one.figure): one for one in summaries}
    heads = [case, *(f"{figure}, {unit}" if unit else figure for figure, unit in columns)]
    lines = [heads]
    for entrant in dict.fromkeys(one.entrant for one in summaries):
        found = (cells.get((entrant, figure)) for figure, _ in columns)
        lines.append([entrant, *("" if one is None else _cell(one) for one in found)])
    chief = columns[0][0]
    if any(one.ratio is not None for one in summaries if one.figure == chief):
        heads.insert(2, f"times {against}")
        for line in lines[1:]:
            one = cells.get((line[0], chief))
            line.insert(2, "" if one is None or one.ratio is None else f"{one.ratio:.2f}")
    elif len(lines) == 2:
        lines = [list(line) for line in zip(*lines, strict=True)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join("  " + _aligned(line, widths).rstrip() for line in lines)


def _aligned(line: list[str], widths: list[int]) -> str:
    first, *rest = zip(line, widths, strict=True)
    return "   ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])


def _cell(one: Summary) -> str:
    if one.least == one.most:
        return shown(one.median)
    return f"{shown(one.median)} ({shown(one.least)} to {shown(one.most)})"


def document(
    machine: dict[str, object],
    reference: str,
    taken: Sequence[Taken],
    skipped: dict[str, str],
) -> dict[str, object]:
    """Everything that was measured, for a file of JSON."""
    return {
        "machine": machine,
        "reference": reference,
        "skipped": skipped,
        "summaries": [asdict(summary) for summary in summed_up(taken, reference)],
        "rounds": [asdict(one) for one in taken],
    }
