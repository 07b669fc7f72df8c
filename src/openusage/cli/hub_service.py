"""`install`, `uninstall`, `restart`, `status` and `logs` of `openusage hub`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from openusage.cli.params import FilePath, json_option
from openusage.cli.service import dry_run_option, log_options, remove

if TYPE_CHECKING:
    from openusage.cli.compose.hub_service import Place


def system_option() -> click.Option:
    return click.Option(
        ["--system"],
        is_flag=True,
        help="The hub of the whole system: with the rights of the user `openusage`, its settings in "
        "/etc/openusage, its history in /var/lib/openusage. For root, with systemd.",
    )


@click.command(
    params=[
        click.Option(["--listen"], metavar="ADDR", help="Kept as hub.listen_addr: 127.0.0.1:9190, :9190."),
        click.Option(["--database"], metavar="FILE", help="Kept as hub.database."),
        click.Option(["--tls-cert"], type=FilePath(), help="Kept as hub.tls_cert."),
        click.Option(["--tls-key"], type=FilePath(), help="Kept as hub.tls_key."),
        click.Option(
            ["--token-file"],
            metavar="FILE",
            help="Read the shared token from it; - is standard input. Without it: OPENUSAGE_HUB_TOKEN, else "
            "that of the last install, else a new one is made.",
        ),
        click.Option(["--allow-public"], is_flag=True, help="No token is made where there is none."),
        system_option(),
        dry_run_option(),
    ]
)
def install(
    listen: str | None,
    database: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    token_file: str | None,
    allow_public: bool,
    system: bool,
    dry_run: bool,
) -> int:
    """Have the system keep a hub running.

    As your user; with --system for the whole system, locked down. Address, database and certificate are kept
    in settings.json, the shared token in a file that only you can read. Installing again takes up a new
    version, and restarts it.
    """
    from openusage.cli.compose import hub_service
    from openusage.cli.join import read_token
    from openusage.settings import HUB_TOKEN_ENV

    place = _place(system, allow_public=allow_public, changes=not dry_run)
    token = read_token(token_file) if token_file is not None else place.here.token
    wanted = hub_service.Wanted(listen, database, tls_cert, tls_key, token)
    ready = hub_service.prepare(place, wanted, allow_public=allow_public)
    if dry_run:
        for field, value in ready.changes.items():
            click.echo(f"Would set {field} to {value!r}")
        token_change = {HUB_TOKEN_ENV: ready.token or None}
        click.echo("\n".join(place.keeper.install_described(place.here.environ, place.names, token_change)))
        return 0
    click.echo("\n".join(hub_service.install(ready)))
    if fault := hub_service.wait_serving(ready.settings.hub, place.keeper):
        click.echo(f"It does not serve yet: {fault}. Why: openusage hub logs")
        return 1
    click.echo(f"The hub serves at {hub_service.own_url(ready.settings.hub)}.")
    click.echo(hub_service.next_steps(ready.settings.hub))
    return 0


@click.command(params=[system_option(), dry_run_option()])
def uninstall(system: bool, dry_run: bool) -> int:
    """Remove the service, its variables and the shared token.

    What the hub has, and the tokens of machines, stay.
    """
    return remove(_place(system, changes=not dry_run).keeper, dry_run=dry_run)


@click.command(params=[system_option()])
def restart(system: bool) -> int:
    """Restart the service, such as after a change of settings.json."""
    from openusage.cli.compose import hub_service

    place = _place(system, changes=True)
    hub = place.here.settings.hub
    place.keeper.restart()
    if fault := hub_service.wait_serving(hub, place.keeper):
        click.echo(f"It does not serve yet: {fault}. Why: openusage hub logs")
        return 1
    click.echo(f"The hub serves at {hub_service.own_url(hub)}.")
    return 0


@click.command(
    params=[
        system_option(),
        json_option(),
        click.Option(["--details"], is_flag=True, help="Also its files and variables."),
    ]
)
def status(system: bool, as_json: bool, details: bool) -> int:
    """Whether the hub of this machine serves, and how its service is.

    Exit status 3 when it does not serve.
    """
    import msgspec

    from openusage.cli.compose import hub_service, service
    from openusage.cli.daemon_status import titled

    place = _place(system)
    hub = place.here.settings.hub
    told, fault, at = place.keeper.told(), hub_service.health(hub), hub_service.address(hub)
    if as_json:
        said = {"serving": not fault, "fault": fault, "url": at, "service": told}
        click.echo(msgspec.json.format(msgspec.json.encode(said), indent=2))
    else:
        serving = ("Serving", f"no ({fault})" if fault else "yes")
        click.echo(titled("Hub", [serving, ("Address", at), *service.rows(told, details=details)]))
    return 3 if fault else 0


@click.command(params=[system_option(), *log_options()])
def logs(system: bool, lines: int, follow: bool) -> int:
    """Show what the service has logged."""
    from openusage.cli.compose import service

    return service.run_shown(_place(system).keeper.logs(lines, follow))


def _place(system: bool, *, allow_public: bool = False, changes: bool = False) -> Place:
    """The hub that is meant; where something is to be changed, only if that can be done."""
    import sys

    from openusage.cli.compose import hub_service
    from openusage.service import own_uid

    if system and changes:
        hub_service.refuse_system(sys.platform, own_uid())
    return hub_service.place(system=system, allow_public=allow_public)
