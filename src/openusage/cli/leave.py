"""`openusage leave`."""

from __future__ import annotations

import click


@click.command()
def command() -> int:
    """Undo a join: this machine pushes nowhere.

    settings.json is as it was before, the token is removed, and so is the service if the join installed it.
    What was read on this machine stays, and so does what the hub has.
    """
    from openusage.cli.compose import join
    from openusage.cli.surroundings import surroundings

    return join.leave(surroundings(), click.echo)
