"""The parts of the benchmarks that measure nothing: order, medians, ratios, table, chart."""

import re
from xml.etree import ElementTree

import pytest

from benchmarks.chart import Bar, chart
from benchmarks.entrants import Entrant
from benchmarks.peer import Peer
from benchmarks.report import document, shown, summed_up, table
from benchmarks.rounds import Case, Figure, Figures, Taken, Trial, interleaved

SVG = "{http://www.w3.org/2000/svg}"


def no_peer(backlog: int) -> Peer:
    raise AssertionError(f"a peer for {backlog} messages was made")


async def no_trial(trial: Trial) -> Figures:
    raise AssertionError(f"{trial} was run")


def entrant(key: str) -> Entrant:
    return Entrant(key, key.upper(), no_peer)


def taken(name: str, number: int, rate: float, seconds: float | None = None) -> Taken:
    figures = {"rate": Figure(rate, "messages/s")}
    if seconds is not None:
        figures["time"] = Figure(seconds, "s")
    return Taken("end-to-end", "0 ms", name, number, figures)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own, not another's


def cells(line: str) -> list[str]:
    return re.split(r"\s{3,}", line.strip())


ROUNDS = [
    taken("trio-wa", 1, 4000.0, 2.5),
    taken("Go", 1, 2000.0, 5.0),
    taken("trio-wa", 2, 3000.0, 3.3),
    taken("Go", 2, 3000.0, 3.3),
    taken("trio-wa", 3, 3500.0, 2.9),
    taken("Go", 3, 1000.0, 10.0),
]


def test_each_round_runs_every_entrant_once_in_each_case() -> None:
    fast, slow = entrant("fast"), entrant("slow")
    cases = (Case("0 ms", (fast, slow), no_trial), Case("50 ms", (fast,), no_trial))
    order = [(number, case.name, one.key) for number, case, one in interleaved(cases, 2)]
    assert order == [
        (1, "0 ms", "fast"),
        (1, "0 ms", "slow"),
        (1, "50 ms", "fast"),
        (2, "0 ms", "fast"),
        (2, "0 ms", "slow"),
        (2, "50 ms", "fast"),
    ]


def test_an_entrant_in_batches_is_another_line_of_the_same_service() -> None:
    batches = entrant("trio-wa").in_batches(1000)
    assert (batches.key, batches.name, batches.batch) == (
        "trio-wa",
        "TRIO-WA, batches of 1,000",
        1000,
    )


def test_medians_and_spread_are_over_all_rounds() -> None:
    summary = summed_up(ROUNDS, "Go")[0]
    assert (summary.entrant, summary.figure, summary.unit) == ("trio-wa", "rate", "messages/s")
    assert (summary.median, summary.least, summary.most) == (3500.0, 3000.0, 4000.0)
    assert summary.rounds == (4000.0, 3000.0, 3500.0)


def test_a_ratio_is_the_median_of_the_ratios_of_the_same_round() -> None:
    ratios = {(one.entrant, one.figure): one.ratio for one in summed_up(ROUNDS, "Go")}
    assert ratios["trio-wa", "rate"] == 2.0  # of 2, 1 and 3.5; of the medians 1.75
    assert ratios["Go", "rate"] == 1.0


def test_a_round_in_which_the_reference_failed_gives_no_ratio() -> None:
    rounds = [*ROUNDS[:2], ROUNDS[2], Taken("end-to-end", "0 ms", "Go", 2, failed="no answer")]
    ratios = {one.entrant: one.ratio for one in summed_up(rounds, "Go") if one.figure == "rate"}
    assert ratios == {"trio-wa": 2.0, "Go": 1.0}
    assert all(one.ratio is None for one in summed_up(rounds, "FastAPI"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.0, "0.00"),
        (0.0123, "0.012"),
    ],
)
def test_numbers_are_shown_with_the_digits_that_they_are_worth(value: float, text: str) -> None:
    assert shown(value) == text


def test_the_table_has_a_line_an_entrant_and_a_column_a_figure() -> None:
    text = table("end-to-end", "from first to last", summed_up(ROUNDS, "Go"), "Go")
    title, _, heads, first, second = text.splitlines()
    assert title == "end-to-end: from first to last"
    assert cells(heads) == ["0 ms", "rate, messages/s", "times Go", "time, s"]
    assert cells(first) == ["trio-wa", "3,500 (3,000 to 4,000)", "2.00", "2.90 (2.50 to 3.30)"]
    assert cells(second) == ["Go", "2,000 (1,000 to 3,000)", "1.00", "5.00 (3.30 to 10.0)"]
    assert len(heads) == len(first) == len(second)


def test_an_entrant_alone_has_a_line_for_each_figure() -> None:
    text = table("end-to-end", "", summed_up(ROUNDS[:1], "Go"), "Go")
    assert [cells(line) for line in text.splitlines()[2:]] == [
        ["0 ms", "trio-wa"],
        ["rate, messages/s", "4,000"],
        ["time, s", "2.50"],
    ]


def test_a_detail_is_in_the_document_alone() -> None:
    figures = {"rate": Figure(4000.0, "messages/s"), "messages": Figure(250.0, "", detail=True)}
    summaries = summed_up([Taken("end-to-end", "0 ms", "trio-wa", 1, figures)], "Go")
    assert [one.figure for one in summaries] == ["rate", "messages"]
    assert "250" not in table("end-to-end", "", summaries, "Go")


def test_a_figure_that_only_some_have_is_empty_for_the_others() -> None:
    rounds = [taken("trio-wa", 1, 4000.0, 2.5), taken("Go", 1, 2000.0)]
    text = table("end-to-end", "", summed_up(rounds, "Go"), "Go")
    heads, _, last = text.splitlines()[2:]
    assert cells(last) == ["Go", "2,000", "1.00"]
    assert len(last) < len(heads)


def test_the_document_holds_each_round_and_what_was_skipped() -> None:
    failed = Taken("end-to-end", "0 ms", "Go", 4, failed="no answer")
    whole = document({"cores": 2}, "Go", [*ROUNDS, failed], {"fastapi": "not installed"})
    rounds, summaries = whole["rounds"], whole["summaries"]
    assert isinstance(rounds, list)
    assert isinstance(summaries, list)
    assert (len(rounds), rounds[-1]["failed"]) == (7, "no answer")
    assert summaries[0]["ratio"] == 2.0
    assert whole["skipped"] == {"fastapi": "not installed"}


def test_the_chart_is_well_formed_and_its_longest_bar_fits() -> None:
    bars = [
        Bar("trio-wa, <in memory>", 9000.0, 8000.0, 9500.0, ours=True),
        Bar("Go & friends", 4500.0, 4000.0, 5000.0, ours=False),
    ]
    root = parsed(chart("Messages a second", "10,000 of them", bars))
    drawn = [box for box in root.iter(f"{SVG}rect") if "bar" in box.get("class", "")]
    assert [box.get("class") for box in drawn] == ["bar ours", "bar"]
    first, second = (float(box.get("width", "0")) for box in drawn)
    assert first == pytest.approx(2 * second, abs=0.2)
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert {"trio-wa, <in memory>", "9,000", "Go & friends", "4,500"} <= set(texts)
    assert not list(root.iter(f"{SVG}script"))


def test_a_chart_of_nothing_is_well_formed() -> None:
    assert parsed(chart("Nothing", "", [])).tag == f"{SVG}svg"
