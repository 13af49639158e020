"""A bar chart of throughputs as plain SVG, for the README."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 800
LABELS = 300
"""Where the bars begin."""
BARS = 400
"""How long the longest bar is."""
TOP = 84
STEP = 38
THICK = 22
BELOW = 40

STYLE = """
text { font: 13.5px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
.card { fill: #ffffff; stroke: #d1d9e0; }
.title { font-size: 17px; font-weight: 600; fill: #1f2328; }
.note { font-size: 12px; fill: #59636e; }
.label, .value { fill: #1f2328; }
.value { font-variant-numeric: tabular-nums; }
.ours { font-weight: 600; }
.bar { fill: #afb8c1; }
.bar.ours { fill: #1f883d; }
.range { stroke: #1f2328; stroke-opacity: 0.55; stroke-width: 1.5; }
.axis { stroke: #d1d9e0; }
@media (prefers-color-scheme: dark) {
  .card { fill: #0d1117; stroke: #3d444d; }
  .title, .label, .value { fill: #f0f6fc; }
  .note { fill: #9198a1; }
  .bar { fill: #59636e; }
  .bar.ours { fill: #2ea043; }
  .range { stroke: #f0f6fc; }
  .axis { stroke: #3d444d; }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One service: its median, the least and the most of all rounds."""

    label: str
    value: float
    least: float
    most: float
    ours: bool


def chart(title: str, note: str, bars: Sequence[Bar]) -> str:
    """An SVG with a horizontal bar for each service, in the order given.

    It brings its own background for light and dark pages, and holds no scripts. The thin line on
    a bar goes from the least to the most.
    """
    most = max((bar.most for bar in bars), default=1.0) or 1.0
    height = TOP + STEP * len(bars) + BELOW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(_told(title, bars))}</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="24" y="36">{escape(title)}</text>',
        f'<text class="note" x="24" y="58">{escape(note)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _drawn(bar, TOP + STEP * number, BARS / most)
    bottom = TOP + STEP * len(bars) - (STEP - THICK) + 6
    lines += [
        f'<line class="axis" x1="{LABELS}" y1="{TOP - 6}" x2="{LABELS}" y2="{bottom}"/>',
        f'<text class="note" x="24" y="{height - 18}">Bar: median of all rounds. '
        "Line: from the least to the most.</text>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(bar: Bar, top: float, scale: float) -> list[str]:
    ours = " ours" if bar.ours else ""
    middle = top + THICK / 2
    ends = LABELS + bar.value * scale
    least, most = LABELS + bar.least * scale, LABELS + bar.most * scale
    return [
        f'<text class="label{ours}" x="{LABELS - 12}" y="{middle + 5:.0f}" '
        f'text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="bar{ours}" x="{LABELS}" y="{top}" width="{ends - LABELS:.1f}" '
        f'height="{THICK}" rx="2"/>',
        f'<line class="range" x1="{least:.1f}" y1="{middle:.0f}" x2="{most:.1f}" '
        f'y2="{middle:.0f}"/>',
        f'<text class="value{ours}" x="{max(ends, most) + 10:.1f}" y="{middle + 5:.0f}">'
        f"{bar.value:,.0f}</text>",
    ]


def _told(title: str, bars: Sequence[Bar]) -> str:
    return f"{title}: " + "; ".join(f"{bar.label} {bar.value:,.0f}" for bar in bars)
