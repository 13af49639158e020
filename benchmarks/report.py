"""Medians, spread and ratios of what was measured, as a table and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.rounds import Taken


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
    rounds: tuple[float, ...]
    median: float
    least: float
    most: float
    ratio: float | None


def summed_up(taken: Sequence[Taken], reference: str) -> list[Summary]:
    """Each figure of each entrant in the order in which it was first measured."""
    values: dict[tuple[str, str, str, str], dict[int, float]] = {}
    units: dict[tuple[str, str, str, str], str] = {}
    for one in taken:
        for name, figure in one.figures.items():
            place = (one.measure, one.case, one.entrant, name)
            values.setdefault(place, {})[one.round] = figure.value
            units[place] = figure.unit
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
                unit=units[place],
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

    A cell is a median with the least and the most in brackets; the last column compares the first
    figure of the case with that of `against`, the reference.
    """
    cases: dict[str, list[Summary]] = {}
    for summary in summaries:
        if summary.measure == measure:
            cases.setdefault(summary.case, []).append(summary)
    blocks = [f"{measure}: {title}"]
    for case, found in cases.items():
        blocks.append(_block(case, found, against))
    return "\n\n".join(blocks)


def _block(case: str, summaries: list[Summary], against: str) -> str:
    columns = list(dict.fromkeys((one.figure, one.unit) for one in summaries))
    cells = {(one.entrant, one.figure): one for one in summaries}
    compared = any(one.ratio is not None for one in summaries if one.figure == columns[0][0])
    lines = [
        [
            case,
            *(figure if not unit else f"{figure}, {unit}" for figure, unit in columns),
            *([f"times {against}"] if compared else []),
        ]
    ]
    for entrant in dict.fromkeys(one.entrant for one in summaries):
        row = [entrant]
        for figure, _ in columns:
            one = cells.get((entrant, figure))
            row.append("" if one is None else _cell(one))
        if compared:
            chief = cells.get((entrant, columns[0][0]))
            row.append("" if chief is None or chief.ratio is None else f"{chief.ratio:.2f}")
        lines.append(row)
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
