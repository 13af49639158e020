"""What the README and docs/sending.md show works as it stands there."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import trio

from tests.e2e.process import TRIO_WA, running
from tests.e2e.test_nginx import free_ports
from tests.e2e.test_serve import settings, simulated
from trio_wa.config import load_settings
from trio_wa.core.content import Kind

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/sending.md")
LOCAL = "http://127.0.0.1:8080"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def blocks(page: str) -> list[str]:
    """The indented blocks of a page, each without its indentation."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(?:^|\n\n)((?: {4}[^\n]*\n)+)", text)
    return [re.sub(r"(?m)^ {4}", "", block) for block in found]


def curls(page: str) -> Iterator[str]:
    """Each curl command of a page, which may go over several lines."""
    for block in blocks(page):
        yield from (f"curl {each}" for each in re.split(r"(?m)^curl ", block)[1:])


EXAMPLES = [(page, command) for page in PAGES for command in curls(page)]


def run(command: str, cwd: Path, address: str, **variables: str) -> tuple[int, str]:
    """Run a command of the docs; the status of the answer, and its body."""
    command = command.strip().replace(LOCAL, address)
    command = command.replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "no_proxy": "*", **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


@needs_curl
async def test_every_curl_is_answered_as_the_text_says_and_everything_arrives(
    tmp_path: Path,
) -> None:
    (tmp_path / "receipt.pdf").write_bytes(b"%PDF-1.4 a receipt")
    lines = [{"to": f"62812345678{n:02}", "message": "Hello"} for n in range(3)]
    (tmp_path / "campaign.ndjson").write_text("\n".join(map(json.dumps, lines)))
    answers: list[dict[str, Any]] = []
    known = {"BATCH": ""}
    async with (
        simulated(engine="GOWS") as (simulator, url),
        running(tmp_path, **settings(url, journal_path="twa.db")) as process,
    ):
        address = await process.address()
        for page, command in EXAMPLES:

            def perform(command: str = command) -> tuple[int, str]:
                return run(command, tmp_path, address, **known)

            status, body = await trio.to_thread.run_sync(perform)
            assert 200 <= status < 300, f"{page}: {command}\n{status} {body}"
            answers.append(json.loads(body) if body else {})
            if "/send/batch -H 'Idempotency-Key" in command:
                known["BATCH"] = answers[-1]["id"]
        async with httpx.AsyncClient(base_url=address) as http:
            with trio.fail_after(60):
                while True:
                    counts = (await http.get("/ledger")).json()["states"]
                    if not counts["sending"] and counts["queued"] <= 2:  # the scheduled ones
                        break
                    await trio.sleep(0.05)
        assert (counts["failed"], counts["unknown"], counts["expired"]) == (0, 0, 0)
    kinds = {delivered.kind for delivered in simulator.journal.delivered}
    assert len(kinds) == 10, kinds


def test_there_are_examples_of_every_kind_and_endpoint() -> None:
    commands = " ".join(command for _, command in EXAMPLES)
    assert len(EXAMPLES) > 20
    for kind in sorted({*get_args(Kind)} - {"text"}):  # a text is what stands without a type
        assert f'"type": "{kind}"' in commands
    for path in ("/send ", "/send/batch", "/batches/", "/cancel", "/suppressions", "dry_run"):
        assert path in commands


def test_the_settings_that_are_shown_are_right() -> None:
    shown = {}
    for block in blocks("README.md"):
        for name, value in re.findall(r"(?m)^([A-Z_]+)=(\S+)", block):
            shown[name.lower()] = value
    assert "waha_webhook_url" in shown
    load_settings(None, waha_url="http://waha", sessions="default", **shown)


def test_the_example_of_a_key_prints_one(tmp_path: Path) -> None:
    [line] = [
        each for block in blocks("README.md") for each in block.split("\n") if "key new" in each
    ]
    arguments = line.strip().split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "trio_wa", *arguments], cwd=tmp_path, capture_output=True, check=True
    )
    assert b"API_KEYS" in done.stdout


async def test_the_hypercorn_command_serves(tmp_path: Path) -> None:
    [line] = [
        each
        for block in blocks("README.md")
        for each in block.split("\n")
        if "hypercorn -c" in each
    ]
    shutil.copy(ROOT / "hypercorn.toml", tmp_path)
    command = (sys.executable, "-m", *line.strip().removeprefix(".venv/bin/").split())
    [port] = free_ports(1)
    bind = f"127.0.0.1:{port}"
    transport = httpx.AsyncHTTPTransport(retries=5)  # it says nothing once it listens
    async with (
        simulated() as (simulator, url),
        running(tmp_path, (*command, "--bind", bind), **settings(url)) as process,
        httpx.AsyncClient(base_url=f"http://{bind}", transport=transport) as http,
    ):
        await process.wait_event("queue.ready")
        body = {"to": "0812-3456-7890", "message": "Hello"}
        assert (await http.post("/send", json=body)).status_code == 202
        with trio.fail_after(30):
            await simulator.journal.wait_count(1)
            process.signal()
            assert await process.wait() == 0


async def test_the_shipped_example_of_settings_starts(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    async with (
        simulated() as (_, url),
        running(tmp_path, (*TRIO_WA, "serve"), waha_url=url) as process,
        httpx.AsyncClient(base_url=await process.address()) as http,
    ):
        body = {"to": "0812-3456-7890", "message": "Hello"}
        assert (await http.post("/send", json=body)).status_code == 202
    assert (tmp_path / "data/trio-wa.db").exists()
