"""The command tree. A command's module is imported when it is called, never to list it."""

from __future__ import annotations

import importlib
import os

import click

from openusage import __version__
from openusage.cli.__main__ import COMPLETE_VAR
from openusage.cli.catalog import ABOUT, COMMANDS, WINDOWS, help_text


class LazyGroup(click.Group):
    """Knows names and one-line helps from the catalog."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is no click command")
        return command

    def get_help(self, ctx: click.Context) -> str:
        return help_text()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(name, possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    help=ABOUT,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--window", type=click.Choice(WINDOWS), help="Time window to open with.")
@click.version_option(__version__, "-v", "--version", prog_name="openusage", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, window: str | None) -> int | None:
    if ctx.invoked_subcommand is not None:
        if window is not None:
            raise click.UsageError("--window is an option of the dashboard alone", ctx)
        return None
    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    return compose.run_dashboard(here.settings, here.paths, window=window)


def run(args: list[str]) -> int:
    """Run a command line; errors are raised, the exit code of what went well is returned."""
    if COMPLETE_VAR in os.environ:
        root.main(args, prog_name="openusage", complete_var=COMPLETE_VAR)
    try:
        with root.make_context("openusage", list(args)) as ctx:
            return int(root.invoke(ctx) or 0)
    except click.exceptions.Exit as e:
        return e.exit_code
