"""The command line: `trio-wa`, with one file for each command."""

import importlib

import click

_COMMANDS = {
    "serve": "Accept messages and deliver them through WAHA.",
    "demo": "Try it: trio-wa and a simulated WAHA, nothing to set up.",
    "simulate": "Stand in for WAHA, with faults on request.",
    "key": "Make API keys for callers.",
}


class _LazyGroup(click.Group):
    """Imports the module of a command when that command runs, so that the others cost nothing.

    The command `name` is the object `name` in `trio_wa.cli.name`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"trio_wa.cli.{cmd_name}"), cmd_name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trio-wa", message="trio-wa %(version)s")
def main() -> None:
    """trio-wa answers at once and delivers each WhatsApp message through WAHA.

    Settings come from the environment and from .env in the working directory.
    """
