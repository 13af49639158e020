import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from trio_wa.cli import main
from trio_wa.cli.failure import settings_errors_end_with_2
from trio_wa.config import SettingsError

VERSION = f"trio-wa {importlib.metadata.version('trio-wa')}\n"


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stdout) == (0, VERSION)


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("serve", "demo", "simulate"):
        assert f"\n  {name} " in result.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["serv"])
    assert result.exit_code == 2
    assert "No such command 'serv'" in result.stderr


def test_a_command_is_found_in_the_module_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("trio_wa.cli.serve")
    module.serve = click.Command("serve", callback=lambda: click.echo("served"))  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "trio_wa.cli.serve", module)
    monkeypatch.setitem(sys.modules, "trio_wa.cli.demo", None)
    result = CliRunner().invoke(main, ["serve"])
    assert (result.exit_code, result.stdout) == (0, "served\n")
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0


def test_python_dash_m_is_the_same_program_by_the_same_name() -> None:
    command = [sys.executable, "-m", "trio_wa"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=30)
    assert (version.returncode, version.stdout) == (0, VERSION)
    usage = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=30)
    assert usage.stdout.startswith("Usage: trio-wa [OPTIONS] COMMAND")


def test_help_imports_no_command_and_no_server() -> None:
    program = (
        "import sys\n"
        "from trio_wa.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'quart', 'hypercorn', 'httpx', 'trio'} & set(sys.modules)\n"
        "heavy |= {name for name in sys.modules if name.startswith('trio_wa.cli.')}\n"
        "sys.exit(', '.join(sorted(heavy)) or None)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (result.returncode, result.stderr) == (0, "")


def command_that_raises(error: Exception) -> click.Command:
    @click.command
    @click.option("--loudly", is_flag=True, help="An option.")
    @settings_errors_end_with_2
    def command(*, loudly: bool) -> None:
        """Do one thing."""
        raise error

    return command


def test_a_settings_error_ends_with_2_and_a_line_for_each_problem() -> None:
    error = SettingsError("PORT='x' must be a number\nHOST='y' must be an address")
    result = CliRunner().invoke(command_that_raises(error))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "trio-wa: PORT='x' must be a number\ntrio-wa: HOST='y' must be an address\n"
    )


def test_a_settings_error_from_inside_a_nursery_counts_too() -> None:
    inner = ExceptionGroup("inner", [SettingsError("PORT=80 is in use")])
    error = ExceptionGroup("outer", [inner, SettingsError("HOST is wrong")])
    result = CliRunner().invoke(command_that_raises(error))
    assert result.exit_code == 2
    assert result.stderr == "trio-wa: PORT=80 is in use\ntrio-wa: HOST is wrong\n"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        ExceptionGroup("mixed", [SettingsError("PORT is wrong"), ValueError("a bug")]),
    ],
)
def test_any_other_error_is_not_hidden(error: Exception) -> None:
    result = CliRunner().invoke(command_that_raises(error))
    assert result.exception is error


def test_a_guarded_command_keeps_its_help_and_its_options() -> None:
    result = CliRunner().invoke(command_that_raises(ValueError("never")), ["--help"])
    assert "Do one thing." in result.stdout
    assert "--loudly" in result.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_the_exit_code_holds_when_the_line_cannot_be_written() -> None:
    program = (
        "from trio_wa.cli.failure import settings_errors_end_with_2\n"
        "from trio_wa.config import SettingsError\n"
        "@settings_errors_end_with_2\n"
        "def command(): raise SettingsError('PORT is wrong')\n"
        "command()\n"
    )
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run([sys.executable, "-c", program], stderr=full, timeout=30)
    assert result.returncode == 2


def test_a_crash_is_told_in_the_log_and_waits_for_no_reader(tmp_path: Path) -> None:
    program = (
        "from trio_wa import cli, service\n"
        "async def run(*_args, **_options): raise ValueError('a bug')\n"
        "service.run = run\n"
        "cli.main(['serve'])\n"
    )
    settings = {"WAHA_URL": "http://127.0.0.1:1", "WAHA_SESSIONS": "default", "PORT": "0"}
    start = partial(
        subprocess.run,
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | settings,
        timeout=30,
    )
    reader, writer = os.pipe()
    try:
        ended = start(stderr=writer)
        event = json.loads(os.read(reader, 1 << 20).splitlines()[-1])
        fill(writer)
        full = start(stderr=writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert (ended.returncode, full.returncode) == (1, 1)
    assert event["event"] == "service.crashed"
    assert "ValueError: a bug" in event["exception"]


def fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"-" * 4096)
    os.set_blocking(pipe, True)
