"""`openusage telemetry daemon pause` and `resume`."""

from __future__ import annotations

from pathlib import Path

import click

from openusage.cli.params import Duration, FilePath


def _socket_option() -> click.Option:
    return click.Option(
        ["--socket-path"], type=FilePath(), help="Unix socket to ask. Default: where a daemon listens."
    )


@click.command(
    params=[
        _socket_option(),
        click.Option(
            ["--for", "seconds"],
            type=Duration(1, at_most_s=366 * 86_400),
            help="How long, such as 30m or 2h. Default: until it is resumed, or restarted.",
        ),
    ]
)
def pause(socket_path: Path | None, seconds: float | None) -> int:
    """Have the daemon read no files and ask no vendor for a while.

    What it has is still shown and sent. What happens meanwhile is read afterwards: nothing is lost as long as
    the tools keep it.
    """
    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings

    until = compose.pause_daemon(surroundings().paths, seconds, socket_path=socket_path).paused_until
    end = "until it is resumed" if until is None else f"until {until.astimezone():%d %b %H:%M}"
    click.echo(f"Paused {end}. To go on: openusage telemetry daemon resume")
    return 0


@click.command(params=[_socket_option()])
def resume(socket_path: Path | None) -> int:
    """Have a paused daemon go on at once."""
    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings

    compose.resume_daemon(surroundings().paths, socket_path=socket_path)
    click.echo("Reading goes on.")
    return 0
