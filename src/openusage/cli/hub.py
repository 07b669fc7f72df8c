"""`openusage hub`: run it; its tokens, backup and forgetting are in files of their own."""

from __future__ import annotations

from pathlib import Path

import click

from openusage.cli.hub_care import backup, forget
from openusage.cli.hub_service import install, logs, restart, status, uninstall
from openusage.cli.hub_tokens import token
from openusage.cli.params import FilePath


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    params=[
        click.Option(
            ["--listen"],
            metavar="ADDR",
            help="Address and port. Default: hub.listen_addr of settings.json, else :9190, which is every "
            "interface and so needs a token or --allow-public. 127.0.0.1:9190 is this machine alone.",
        ),
        click.Option(
            ["--headless"],
            is_flag=True,
            help="No screen: for services and containers. Implied without a terminal.",
        ),
        click.Option(
            ["--allow-public"],
            is_flag=True,
            help="Listen on other interfaces without a token. Only behind a firewall of your own.",
        ),
        click.Option(
            ["--database"],
            metavar="FILE",
            help="Where the history of all machines is kept. Default: hub.database of settings.json, else "
            "hub.db in the state folder. `memory` keeps it only while the hub runs.",
        ),
        click.Option(["--collect"], is_flag=True, help="Also read this machine's tools, as a daemon would."),
        click.Option(
            ["--tls-cert"],
            type=FilePath(),
            envvar="OPENUSAGE_HUB_TLS_CERT",
            show_envvar=True,
            help="Certificate chain (PEM): the hub speaks HTTPS. A renewed file is taken up without a "
            "restart. Default: hub.tls_cert.",
        ),
        click.Option(
            ["--tls-key"],
            type=FilePath(),
            envvar="OPENUSAGE_HUB_TLS_KEY",
            show_envvar=True,
            help="Its private key (PEM). Default: hub.tls_key, else it is in the certificate's file.",
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Lines for people, or JSON lines with one a minute that sums up what was served.",
        ),
        click.Option(
            ["--env-file"],
            type=FilePath(exists=True),
            help="Variables that are not set yet are read from it, such as OPENUSAGE_HUB_TOKEN.",
        ),
    ],
)
@click.pass_context
def command(
    ctx: click.Context,
    listen: str | None,
    headless: bool,
    allow_public: bool,
    database: str | None,
    collect: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    log_format: str,
    env_file: Path | None,
) -> int | None:
    """Gather the usage of many machines, and show it.

    Daemons push to it when their settings.json names it in export.target. With OPENUSAGE_HUB_TOKEN in the
    environment every push and every fetch must carry that token, or one made by `openusage hub token`.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return None
    import msgspec

    from openusage.cli import compose
    from openusage.cli.surroundings import adopt, surroundings

    if env_file is not None:
        adopt(env_file)
    here = surroundings()
    hub = here.settings.hub
    if database is not None:
        hub = msgspec.structs.replace(hub, database=database)
    if tls_cert is not None:
        hub = msgspec.structs.replace(hub, tls_cert=str(tls_cert), tls_key="")
    if tls_key is not None:
        hub = msgspec.structs.replace(hub, tls_key=str(tls_key))
    return compose.run_hub(
        msgspec.structs.replace(here.settings, hub=hub),
        here.paths,
        listen=listen or hub.listen_addr,
        headless=headless,
        allow_public=allow_public,
        collect=collect,
        token=here.token,
        log_json=log_format == "json",
    )


def _refuse_options(ctx: click.Context) -> None:
    """An option of the hub before a command would be lost without a word."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[0]} is an option of the hub itself", ctx)


for each in (token, backup, forget, install, uninstall, restart, status, logs):
    command.add_command(each)
