"""`trio-wa simulate` as a real process."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from tests.simulator.running import HELLO, NO_CERTIFICATES
from trio_wa.cli.simulate import _options, simulate
from trio_wa.simulator import (
    AckPlan,
    BrokenEngine,
    Exponential,
    Flap,
    Ghost,
    Timelock,
    Uniform,
    WebhookFaults,
)

COMMAND = (sys.executable, "-c", "from trio_wa.cli.simulate import simulate; simulate()")
PATIENCE = 20  # seconds


@contextmanager
def simulating(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its URL; it is ended in the end, if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        yield process, found.group()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_delivers_tells_of_it_and_ends_on_a_signal(number):
    options = ("--sessions", "default,marketing", "--api-key", "k", "--engine", "GOWS")
    with (
        simulating(*options) as (process, url),
        httpx.Client(base_url=url, verify=NO_CERTIFICATES, headers={"X-Api-Key": "k"}) as client,
    ):
        sessions = client.get("/api/sessions").json()
        assert [each["name"] for each in sessions] == ["default", "marketing"]
        assert client.post("/api/sendText", json=HELLO).status_code == 201
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert out == "#1 default -> 6281234567890@c.us sendText 'Hello'\n"
    assert (process.returncode, err) == (0, "")


def test_faults_are_set_at_the_start():
    options = ("--fault", "engine_error=1", "--quiet")
    with simulating(*options) as (process, url), httpx.Client(verify=NO_CERTIFICATES) as client:
        assert client.post(f"{url}/api/sendText", json=HELLO).status_code == 500
        client.delete(f"{url}/_sim/faults")
        assert client.post(f"{url}/api/sendText", json=HELLO).status_code == 201
        process.terminate()
        assert process.communicate(timeout=PATIENCE) == ("", "")


def test_a_port_in_use_ends_it_with_one_line_and_exit_code_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode == 2
    assert done.stderr == f"trio-wa: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fault", "engin_error"], "no fault 'engin_error'"),
        (["--fault", "engine_error=often"], "the rate of engine_error"),
        (["--fault", "engine_error=1.5"], "rates lie between 0 and 1"),
        (["--fault", "deliver_after_hang"], "needs hang_seconds"),
        (["--latency", "soon"], "give seconds"),
        (["--latency", "3-1"], "give seconds"),
        (["--latency", "-1"], "give seconds"),
        (["--sessions", " , "], "at least one session"),
        (["--ack", "dropped"], "no ack 'dropped'"),
        (["--ack", "drop=2"], "shares of acks"),
        (["--webhook-fault", "loose"], "no webhook fault 'loose'"),
        (["--webhook-fault", "lose=2"], "shares of webhooks"),
        (["--webhook-fault", "delay=soon"], "give seconds"),
        (["--flap", "default=10"], "give SESSION=EVERY/DOWN"),
        (["--flap", "default"], "give SESSION=EVERY/DOWN"),
        (["--flap", "default=10/soon"], "give seconds"),
        (["--webhook-url", "foo"], "the URL of a webhook is such as http://"),
        (["--webhook-url", "ftp://127.0.0.1/"], "the URL of a webhook"),
        (["--waha-version", "abc"], "a version of WAHA is such as 2026.6.1, not 'abc'"),
        (["--not-on-whatsapp", "6281234567890,abc"], "has numbers such as 6281234567890"),
        (["--flap", "default=0/1"], "flaps every"),
        (["--flap", "default=10/1/ASLEEP"], "no status 'ASLEEP'"),
        (["--flap", "other=10/1"], "no session 'other'"),
        (["--trouble", "default"], "no trouble ''"),
        (["--trouble", "default=asleep"], "no trouble 'asleep'"),
        (["--trouble", "default=ghost/5"], "no trouble 'ghost/5'"),
        (["--trouble", "default=timelock"], "no trouble 'timelock'"),
        (["--trouble", "default=timelock/soon"], "'soon'"),
        (["--trouble", "default=timelock/0"], "a time-lock takes"),
        (["--trouble", "other=ghost"], "no session 'other'"),
    ],
)
def test_wrong_options_end_it_with_exit_code_2(options, said):
    result = CliRunner().invoke(simulate, options)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("given", "latency"),
    [("0.2", 0.2), ("0.1-0.5", Uniform(0.1, 0.5)), ("exp:0.3", Exponential(0.3))],
)
def test_a_latency_is_read(given, latency):
    context = simulate.make_context("simulate", ["--latency", given])
    assert context.params["latency"] == latency


def test_troubles_are_read():
    given = (
        "--sessions a,b --trouble a=ghost --trouble b=ghost/told --trouble a=broken-engine "
        "--trouble b=broken-engine/told --trouble a=timelock/3600 --no-tells-timelocks"
    )
    options = _options(**simulate.make_context("simulate", given.split()).params)
    assert options.troubles == (
        Ghost("a"),
        Ghost("b", "told"),
        BrokenEngine("a"),
        BrokenEngine("b", "told"),
        Timelock("a", 3600),
    )
    assert not options.tells_timelocks


def test_what_goes_wrong_after_the_send_is_read():
    given = (
        "--no-message-ids --ignore-ids --no-dedupe --no-lookups --blind-lookups --ack-at 2 "
        "--ack late=30 --ack twice --webhook-fault lose=0.1 --webhook-fault delay=1-2 "
        "--sessions a,b --flap a=60/5 --flap b=exp:30/1-2/SCAN_QR_CODE"
    )
    options = _options(**simulate.make_context("simulate", given.split()).params)
    assert options.acks == AckPlan(hold_at=2, late=30, twice=1)
    assert options.webhook_faults == WebhookFaults(lose=0.1, delay=Uniform(1, 2))
    assert options.flaps == (
        Flap("a", 60, 5),
        Flap("b", Exponential(30), Uniform(1, 2), "SCAN_QR_CODE"),
    )
    switches = (options.message_ids, options.dedupe, options.lookups)
    assert switches == (False, False, False)
    assert options.ignore_ids
    assert options.blind_lookups
