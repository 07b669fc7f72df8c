"""`install`, `uninstall`, `restart` and `logs` of `telemetry daemon`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from openusage.service import Keeper
    from openusage.wire.local import DaemonStatus

DRY_RUN = "Only say what would be written and run."


def dry_run_option() -> click.Option:
    return click.Option(["--dry-run"], is_flag=True, help=DRY_RUN)


def log_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-n", "--lines"],
            type=click.IntRange(1, 1_000_000),
            default=100,
            show_default=True,
            help="How many of the last lines.",
        ),
        click.Option(["-f", "--follow"], is_flag=True, help="Go on with what is said from now on."),
    ]


@click.command(
    params=[
        dry_run_option(),
        click.Option(["--verbose"], is_flag=True, help="It logs every round, not only what goes wrong."),
    ]
)
def install(dry_run: bool, verbose: bool) -> int:
    """Have the system keep a daemon running.

    The system is systemd's user manager, launchd, or Windows' task scheduler. Keys, the hub's token, folders
    of tools and proxies that are set now go with it, into a file that only you can read. Installing again
    takes up a new version and new variables, and restarts it.
    """
    from openusage.cli.compose import service
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    keeper = service.daemon_keeper(here.paths, here.environ, verbose=verbose)
    names = service.daemon_names(here)
    if dry_run:
        click.echo("\n".join(keeper.install_described(here.environ, names, {})))
        return 0
    other = service.unkept(here, keeper)
    keeper.refuse_unfit(here.environ)
    if other is not None:
        click.echo(service.end_unkept(here, other))
    written = keeper.install(here.environ, names, {})
    click.echo(service.installed(here, keeper, written))
    return _say_started(service.wait_started(here, keeper))


@click.command(params=[dry_run_option()])
def uninstall(dry_run: bool) -> int:
    """Remove the service, its variables, token and keys.

    What was read stays.
    """
    from openusage.cli.compose import service
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    return remove(service.daemon_keeper(here.paths, here.environ), dry_run=dry_run)


def remove(keeper: Keeper, *, dry_run: bool) -> int:
    """Uninstalls, and says so."""
    if dry_run:
        click.echo("\n".join(keeper.uninstall_described()))
        return 0
    there = keeper.uninstall()
    click.echo(
        f"Removed {keeper.manager.file(keeper.service)} and {keeper.env.path}."
        if there
        else f"{keeper.service.name} was not installed."
    )
    return 0


@click.command()
def restart() -> int:
    """Restart the service, such as after a change of its variables."""
    from openusage.cli.compose import service
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    keeper = service.daemon_keeper(here.paths, here.environ)
    keeper.restart()
    return _say_started(service.wait_started(here, keeper))


def _say_started(status: DaemonStatus | None) -> int:
    if status is None:
        click.echo("It does not answer yet. Why: openusage telemetry daemon logs")
        return 1
    click.echo(f"The daemon runs (process {status.pid}).")
    return 0


@click.command(params=log_options())
def logs(lines: int, follow: bool) -> int:
    """Show what the service has logged."""
    from openusage.cli.compose import service
    from openusage.cli.surroundings import surroundings

    here = surroundings()
    return service.run_shown(service.daemon_keeper(here.paths, here.environ).logs(lines, follow))
