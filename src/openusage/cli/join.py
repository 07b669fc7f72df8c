"""`openusage join`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from openusage.cli.params import Duration


@click.command(
    params=[
        click.Argument(["url"]),
        click.Option(
            ["--token-file"],
            metavar="FILE",
            help="Read the hub's token from it; - is standard input. Without it: OPENUSAGE_HUB_TOKEN, else "
            "it is asked for.",
        ),
        click.Option(
            ["--name"],
            help="How the hub names this machine. Default: export.machine_name, else the host's name.",
        ),
        click.Option(["--no-service"], is_flag=True, help="Install no service; start the daemon yourself."),
        click.Option(
            ["--wait"],
            type=Duration(0),
            default=60.0,
            help="How long to wait for the first push. Default: 60s.",
        ),
    ]
)
def command(url: str, token_file: str | None, name: str | None, no_service: bool, wait: float) -> int:
    """Have this machine push to the hub at URL.

    Checks the hub, its certificate, both clocks and the token before anything is changed. Then export.target
    is set, the token goes into a file that only you can read, the daemon is installed as a service, and its
    first push is waited for. To undo it: openusage leave.
    """
    from openusage.cli.compose import join
    from openusage.cli.surroundings import surroundings

    if name is not None and not name.strip():
        raise click.UsageError("--name is empty.")
    here = surroundings()
    return join.join(
        here,
        join.Wanted(url, name and name.strip(), not no_service, wait),
        lambda: _token(token_file, here.token, url),
        click.echo,
    )


def _token(file: str | None, given: str, url: str) -> str:
    """From the first place that has one; it is not shown while it is typed."""
    if file is not None:
        return read_token(file)
    if given:
        return given
    if sys.stdin.isatty():
        return str(click.prompt(f"Token of {url}", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def read_token(file: str) -> str:
    """The token in a file; `-` is standard input. Raises `UsageError`."""
    from openusage.errors import UsageError

    try:
        text = sys.stdin.readline() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        why = (isinstance(e, OSError) and e.strerror) or "it is not text"
        raise UsageError(f"The token cannot be read from {file}: {why}.") from e
    if not text.strip():
        raise UsageError(f"The token cannot be read from {file}: there is nothing in it.")
    return text.strip()
