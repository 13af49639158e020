"""`python -m benchmarks` as one runs it, in its smallest form."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
HIDE_FASTAPI = "import sys; sys.modules['fastapi'] = None; "
MAIN = "from benchmarks.__main__ import main; main()"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as on a machine without FastAPI."""
    return subprocess.run(
        [sys.executable, "-c", HIDE_FASTAPI + MAIN, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_quick_run_measures_who_is_there_and_skips_who_is_not(tmp_path: Path) -> None:
    measured, drawn = tmp_path / "measured.json", tmp_path / "chart.svg"
    done = run(
        *("end-to-end", "--quick", "--messages", "200", "--peers", "trio-wa,fastapi"),
        *("--json", measured, "--svg", drawn),
    )
    assert done.returncode == 0, done.stderr
    assert "trio-wa, durable" in done.stdout
    assert "skipped: FastAPI, uvicorn, httpx: fastapi is not installed" in done.stderr
    found = json.loads(measured.read_text())
    assert found["skipped"] == {"FastAPI, uvicorn, httpx": "fastapi is not installed"}
    entrants = {one["entrant"] for one in found["summaries"] if one["figure"] == "throughput"}
    assert entrants == {"trio-wa, durable", "trio-wa, durable, batches of 100"}
    assert all(one["median"] > 0 for one in found["summaries"])
    svg = ElementTree.fromstring(drawn.read_text())  # noqa: S314 - our own, not another's
    bars = [box for box in svg.iter() if box.get("class") == "bar ours"]
    assert len(bars) == 2


def test_a_measure_that_there_is_not_is_named_beside_those_that_there_are() -> None:
    done = run("speed")
    assert done.returncode == 2
    assert "no measure is called speed" in done.stderr
    assert "end-to-end" in done.stderr
