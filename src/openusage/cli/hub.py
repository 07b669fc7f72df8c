"""`openusage hub`."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--listen",
    metavar="ADDR",
    help="Address and port. Default: hub.listen_addr of settings.json, else :9190, which is every interface "
    "and so needs a token or --allow-public. 127.0.0.1:9190 is this machine alone.",
)
@click.option(
    "--headless", is_flag=True, help="No screen: for services and containers. Implied without a terminal."
)
@click.option(
    "--allow-public",
    is_flag=True,
    help="Listen on other interfaces without a token. Only behind a firewall of your own.",
)
@click.option(
    "--database",
    metavar="FILE",
    help="Where the history of all machines is kept. Default: hub.database of settings.json, else hub.db in "
    "the state folder. `memory` keeps it only while the hub runs.",
)
@click.option("--collect", is_flag=True, help="Also read this machine's tools, as a daemon would.")
def command(
    listen: str | None, headless: bool, allow_public: bool, database: str | None, collect: bool
) -> int:
    """Gather the usage of many machines, and show it.

    Daemons push to it when their settings.json names it in export.target. With OPENUSAGE_HUB_TOKEN in the
    environment every push and every fetch must carry that token.
    """
    import msgspec

    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    settings = here.settings
    if database is not None:
        settings = msgspec.structs.replace(
            settings, hub=msgspec.structs.replace(settings.hub, database=database)
        )
    return compose.run_hub(
        settings,
        here.paths,
        listen=listen or settings.hub.listen_addr,
        headless=headless,
        allow_public=allow_public,
        collect=collect,
        token=here.token,
    )
