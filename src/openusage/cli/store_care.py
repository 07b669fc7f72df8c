"""`openusage telemetry backup`, `restore`, `compact` and `verify`: care of this machine's database."""

from __future__ import annotations

from pathlib import Path

import click

from openusage.cli.params import FilePath, json_option


def _database_option() -> click.Option:
    return click.Option(
        ["--db-path"], type=FilePath(), help="Database. Default: openusage.db in the state folder."
    )


@click.command(params=[click.Argument(["file"], type=FilePath()), _database_option()])
def backup(file: Path, db_path: Path | None) -> int:
    """Copy this machine's history to FILE, also while the daemon runs.

    FILE must not be there yet. What tools' logs still hold would be read again without it; what they have
    deleted since is only here.
    """
    from openusage.cli.compose import store
    from openusage.cli.surroundings import surroundings

    return store.back_up(db_path or surroundings().paths.database, file)


@click.command(
    params=[
        click.Argument(["file"], type=FilePath()),
        _database_option(),
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
    ]
)
def restore(file: Path, db_path: Path | None, yes: bool) -> int:
    """Put a backup back.

    The daemon must not run meanwhile. The database that is there is kept beside it. What was used since the
    backup is read again from the tools' logs.
    """
    from openusage.cli.compose import store
    from openusage.cli.surroundings import surroundings

    return store.put_back(file, db_path or surroundings().paths.database, yes=yes)


@click.command(params=[_database_option(), json_option()])
def compact(db_path: Path | None, as_json: bool) -> int:
    """Give unused room of the database back to the disk.

    Also while the daemon runs.
    """
    from openusage.cli.compose import store
    from openusage.cli.surroundings import surroundings

    return store.make_smaller(db_path or surroundings().paths.database, as_json=as_json)


@click.command(
    params=[
        _database_option(),
        click.Option(["--repair"], is_flag=True, help="Make sums that differ anew; the daemon must not run."),
        json_option(),
    ]
)
def verify(db_path: Path | None, repair: bool, as_json: bool) -> int:
    """Compare all sums with the events that they are sums of.

    Exit status 1 when something differs.
    """
    from openusage.cli.compose import store
    from openusage.cli.surroundings import surroundings

    return store.look_through(db_path or surroundings().paths.database, repair=repair, as_json=as_json)
