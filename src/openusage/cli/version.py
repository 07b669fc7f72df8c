"""`openusage version`."""

from __future__ import annotations

import click

from openusage import __version__


@click.command()
def command() -> None:
    """Print the version."""
    click.echo(f"openusage {__version__}")
