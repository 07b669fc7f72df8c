"""`openusage demo`."""

from __future__ import annotations

import click

from openusage.cli.catalog import WINDOWS


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    params=[
        click.Option(["--headless"], is_flag=True, help="No screen: the hub and its web page alone."),
        click.Option(
            ["--one-machine"], is_flag=True, help="The dashboard of one machine, as `openusage` shows it."
        ),
        click.Option(
            ["--listen"],
            metavar="ADDR",
            help="Address of the hub. Default: 127.0.0.1:9190, or a free port where that is taken.",
        ),
        click.Option(["--window"], type=click.Choice(WINDOWS), help="Time window to open with."),
        click.Argument(["command"], nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND [ARGS]…]"),
    ],
)
def command(
    headless: bool, one_machine: bool, listen: str | None, window: str | None, command: tuple[str, ...]
) -> int:
    """Look around with invented data.

    Five machines with six tools and 90 days behind them go on working while you look. Store, hub, screens
    and web page are the real ones; only the numbers are invented, and they end with it: nothing of yours is
    read or changed. With a COMMAND, such as `daily` or `fleet --by model`, that runs on the invented machine
    instead of the dashboard.
    """
    from openusage.cli.compose.demo import run_demo, run_in_demo

    if command:
        if headless or one_machine or window:
            raise click.UsageError(
                "--headless, --one-machine and --window are of the dashboard, not of a COMMAND"
            )
        return run_in_demo([*command], listen=listen)
    return run_demo(listen=listen, headless=headless, one_machine=one_machine, window=window)
