"""`openusage hub backup` and `openusage hub forget`."""

from __future__ import annotations

from pathlib import Path

import click

from openusage.cli.hub_tokens import database_option
from openusage.cli.params import FilePath, HubUrl, json_option


@click.command(params=[click.Argument(["file"], type=FilePath()), database_option()])
def backup(file: Path, database: str | None) -> int:
    """Copy the hub's history to FILE, also while the hub runs.

    FILE must not be there yet. Tokens of machines go to FILE-tokens.json beside it. To restore, see
    docs/operating.md.
    """
    from openusage.cli.compose.care import back_up
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    return back_up(here.paths, file, here.settings.hub.database if database is None else database)


@click.command(
    params=[
        click.Argument(["machine"]),
        click.Option(
            ["--url"],
            type=HubUrl(),
            help="The hub's address. Without it: the hub on this machine, running or not.",
        ),
        database_option(),
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
        json_option(),
    ]
)
def forget(machine: str, url: str | None, database: str | None, yes: bool, as_json: bool) -> int:
    """Remove everything a hub has of a machine.

    MACHINE is its name as shown, or its id. What other machines have too of its messages counts for them from
    then on. A machine that still pushes comes back: revoke its token first. It needs the shared
    token in OPENUSAGE_HUB_TOKEN; the hub that runs here as a service is asked with the token of its service.
    """
    import msgspec

    from openusage.cli.compose import care
    from openusage.cli.surroundings import installed_token, surroundings

    here = surroundings()
    token = here.token or ("" if url else installed_token(here.paths))
    if not yes:
        care.ask_whether(machine)
    where = here.settings.hub.database if database is None else database
    reply = care.forget(here.settings, here.paths, machine, url=url, database=where, token=token)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reply), indent=2))
    else:
        click.echo(care.told(reply, where_tokens=care.token_count(here.paths, where, reply.machine)))
    return 0
