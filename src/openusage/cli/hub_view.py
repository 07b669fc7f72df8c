"""`openusage hub-view`."""

from __future__ import annotations

import click

from openusage.cli.params import Duration, HubUrl


@click.command()
@click.argument("url", type=HubUrl())
@click.option(
    "--interval",
    type=Duration(1, at_most_s=3600),
    help="How often to ask the hub: 30s, 1m30s or seconds. Default: ui.refresh_interval_seconds, else 30s.",
)
@click.option(
    "--token",
    envvar="OPENUSAGE_HUB_TOKEN",
    show_envvar=True,
    help="The hub's token. Better in the environment: others on this machine can see a command line.",
)
def command(url: str, interval: float | None, token: str | None) -> int:
    """Show a hub's machines; needs no daemon here.

    Read only. URL is the hub's address, such as http://hub.lan:9190.
    """
    from openusage.cli import compose
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    return compose.run_hub_view(
        here.settings,
        here.paths,
        url=url,
        interval_s=here.settings.ui.refresh_interval_seconds if interval is None else interval,
        token=(token or "").strip(),
    )
