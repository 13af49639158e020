"""Alerts by a command: real programs, which are gone when they should be."""

import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.fakes import cancelled_at
from trio_wa.adapters.alert_command import WITHIN_SECONDS, AlertCommand
from trio_wa.ports import NotNotified

BODY = b'{"alert":"session.ghost","session":"a","facts":{}}'


def sh(script: str, *arguments: object) -> AlertCommand:
    """A shell script, whose `$0`, `$1`, … are the arguments."""
    return AlertCommand(["/bin/sh", "-c", script, *map(str, arguments)])


async def refusal(command: AlertCommand) -> str:
    with pytest.raises(NotNotified) as caught:
        await command.notify(BODY)
    return str(caught.value)


class Life:
    """What a script says on its descriptor 3, which all that it starts holds too."""

    def __init__(self, path: Path) -> None:
        self.script = 'exec 3> "$0"; '
        self.path = path
        os.mkfifo(path)
        self._stream = trio.lowlevel.FdStream(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        self._writing = os.open(path, os.O_WRONLY)

    async def number(self) -> int:
        """The process id that it writes, as a line."""
        line = b""
        while not line.endswith(b"\n"):
            line += await self._stream.receive_some()
        os.close(self._writing)
        return int(line)

    async def end(self) -> None:
        """Wait until no process holds it."""
        assert await self._stream.receive_some() == b""

    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def life(tmp_path: Path) -> AsyncIterator[Life]:
    watched = Life(tmp_path / "life")
    try:
        yield watched
    finally:
        await watched.aclose()


async def test_a_command_gets_the_alert_on_its_stdin_and_the_name_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR", "wira")
    script = 'cat > body; printf "%s %s %s" "$TRIO_WA_ALERT" "$OPERATOR" "$0" > rest'
    monkeypatch.chdir(tmp_path)
    await sh(script, "$(touch shell) a'b").notify(BODY)
    assert (tmp_path / "body").read_bytes() == BODY
    assert (tmp_path / "rest").read_text() == "session.ghost wira $(touch shell) a'b"
    assert not (tmp_path / "shell").exists()


async def test_a_command_need_not_read_what_it_gets() -> None:
    await sh("exec 0<&-; exit 0").notify(BODY)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "/bin/sh ended with 3"),
        ("echo out; exit 1", "/bin/sh ended with 1"),
        (
            "echo first >&2; echo ' no route ' >&2; echo >&2; exit 2",
            "/bin/sh ended with 2: no route",
        ),
        ("printf '\\377\\n' >&2; exit 2", "/bin/sh ended with 2: \N{REPLACEMENT CHARACTER}"),
        ("kill -9 $$", "/bin/sh ended with -9"),
    ],
)
async def test_a_command_that_fails_tells_why_in_one_line(script: str, reason: str) -> None:
    assert await refusal(sh(script, "secret")) == reason


async def test_a_long_complaint_is_cut() -> None:
    reason = await refusal(sh("head -c 60000 /dev/zero | tr '\\0' x >&2; exit 1"))
    assert reason == "/bin/sh ended with 1: " + 200 * "x"


async def test_what_is_said_on_stdout_is_dropped_however_much() -> None:
    await sh("head -c 5000000 /dev/zero").notify(BODY)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file or directory"), (".", "Permission denied"), ("a\0b", "null byte")],
)
async def test_a_program_that_cannot_be_run_is_named(
    tmp_path: Path, name: str, reason: str
) -> None:
    program = f"{tmp_path}/{name}"
    told = await refusal(AlertCommand([program, "secret"]))
    assert told.startswith(f"{program} cannot be run: ")
    assert told.endswith(reason)


async def test_a_process_that_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    async with life(tmp_path) as watched:
        await sh(watched.script + "sleep 600 & echo $! >&3", watched.path).notify(BODY)
        os.kill(await watched.number(), signal.SIGKILL)
        await watched.end()


async def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with life(tmp_path) as watched:
        script = (
            watched.script + "trap '' TERM INT; echo dialling >&2; echo $$ >&3; sleep 600; true"
        )
        told: list[str] = []

        async def notify() -> None:
            told.append(await refusal(sh(script, watched.path)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(notify)
            number = await watched.number()
            mock_clock.jump(WITHIN_SECONDS)
        assert told == ["/bin/sh had not ended after 10 s: dialling"]
        await watched.end()
        with pytest.raises(ProcessLookupError):  # nor is it a zombie
            os.kill(number, 0)


async def test_a_stop_kills_a_command_at_once(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with life(tmp_path) as watched:
        script = watched.script + "trap '' TERM INT; echo $$ >&3; sleep 600; true"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sh(script, watched.path).notify, BODY)
            number = await watched.number()
            nursery.cancel_scope.cancel()
        assert trio.current_time() == 0
        await watched.end()
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


async def test_a_command_is_out_of_reach_of_signals_to_our_group(tmp_path: Path) -> None:
    async with life(tmp_path) as watched:
        async with trio.open_nursery() as nursery:
            script = watched.script + "echo $$ >&3; sleep 600"
            nursery.start_soon(sh(script, watched.path).notify, BODY)
            number = await watched.number()
            assert os.getpgid(number) == number != os.getpgid(0)
            nursery.cancel_scope.cancel()
        await watched.end()


async def test_a_cut_leaves_no_descriptor_open_at_whatever_step() -> None:
    await sh("exit 0").notify(BODY)
    before = os.listdir("/proc/self/fd")
    for step in itertools.count(1):
        if not await cancelled_at(step, lambda: sh("exit 0").notify(BODY), grouped=True):
            break
        assert os.listdir("/proc/self/fd") == before
    assert step > 2
