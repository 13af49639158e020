"""Tells the operator by a command, such as one that writes an e-mail."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence

import trio

from trio_wa.ports import NotNotified

WITHIN_SECONDS = 10.0

SAID_BYTES = 1 << 16
"""How much of what a command says on stderr is read, and how much a pipe holds."""

SAID_CHARACTERS = 200


class AlertCommand:
    """Runs a program for each alert, with the alert on its stdin; no shell reads the `command`.

    It inherits the environment, with the alert's name as TRIO_WA_ALERT. What it says on stdout is
    dropped, and on stderr there is room for 64 KiB. It and all that it started is killed if it
    has not ended `within` so many seconds.
    """

    def __init__(self, command: Sequence[str], *, within: float = WITHIN_SECONDS) -> None:
        self._command = tuple(command)
        self._within = within

    async def notify(self, body: bytes) -> None:
        """Run the command, which has to end with 0. Raises NotNotified."""
        program = self._command[0]
        reading, writing = os.pipe()
        try:
            os.set_blocking(reading, False)
            with trio.fail_after(self._within):
                code = await self._run(body, writing)
            if code:
                raise NotNotified(f"{program} ended with {code}{_said(reading)}")
        except trio.TooSlowError:
            reason = f"{program} had not ended after {self._within:g} s{_said(reading)}"
            raise NotNotified(reason) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotNotified(f"{program} cannot be run: {reason}") from None
        finally:
            os.close(reading)
            os.close(writing)

    async def _run(self, body: bytes, stderr: int) -> int:
        """The exit code of the command."""
        ended = await trio.run_process(
            self._command,
            stdin=body,
            stdout=subprocess.DEVNULL,
            # A pipe that is read once it has ended: it may leave a process behind that holds it.
            stderr=stderr,
            check=False,
            env={**os.environ, "TRIO_WA_ALERT": json.loads(body)["alert"]},
            # Ctrl-C in a terminal is for us alone, and so that all of it can be killed at once.
            start_new_session=True,
            deliver_cancel=_kill,
        )
        return ended.returncode


async def _kill(process: trio.Process) -> None:
    """Kill what still runs, with its children; Trio then waits for it."""
    if process.returncode is None:  # until it is waited for, the number is no other's
        with contextlib.suppress(PermissionError):  # it runs as another user
            os.killpg(process.pid, signal.SIGKILL)


def _said(reading: int) -> str:
    """The last line on a pipe, if there is any."""
    try:
        text = os.read(reading, SAID_BYTES).decode(errors="replace")
    except BlockingIOError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:SAID_CHARACTERS]}" if lines else ""
