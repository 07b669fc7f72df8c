"""`openusage hub token`: tokens of single machines, made, listed and revoked while the hub runs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from openusage.cli.params import Lifetime, json_option

if TYPE_CHECKING:
    from openusage.hub.tokens import Token, TokenFile

ROLES = ("push", "view")


def database_option() -> click.Option:
    """Which hub is meant."""
    return click.Option(
        ["--database"],
        metavar="FILE",
        help="Database of the hub that is meant. Default: hub.database of settings.json, else hub.db in the "
        "state folder.",
    )


def machine_option(*, required: bool) -> click.Option:
    return click.Option(
        ["--machine"],
        metavar="NAME",
        required=required,
        help="Name of the machine, as it pushes; of a token that reads, whose it is.",
    )


@click.group()
def token() -> None:
    """Tokens of single machines.

    A machine with a token of its own writes only what is its own, and can be cut off without touching the
    others. They are kept hashed beside the hub's database; a running hub notices every change at once.
    """


@token.command(
    params=[
        machine_option(required=True),
        click.Option(
            ["--role"],
            type=click.Choice(ROLES),
            default="push",
            show_default=True,
            help="push writes what is this machine's and reads nothing; view reads everything.",
        ),
        click.Option(
            ["--expires"], type=Lifetime(), help="How long it is good: 12h, 90d, 8w. Default: always."
        ),
        click.Option(
            ["--machine-id"],
            metavar="HEX",
            help="Good with this machine id alone. Needed for a machine that was known under another name.",
        ),
        database_option(),
        json_option(),
    ]
)
def create(
    machine: str,
    role: str,
    expires: dt.timedelta | None,
    machine_id: str | None,
    database: str | None,
    as_json: bool,
) -> int:
    """Make a token, and print it this once.

    The token goes into OPENUSAGE_HUB_TOKEN of that machine's daemon, or of whoever reads.
    """
    import re

    import msgspec

    from openusage.cli.compose.parts import now
    from openusage.cli.diagnostics import say
    from openusage.hub.tokens import Role

    if machine_id is not None and not re.fullmatch("[0-9a-f]{32}", machine_id):
        raise click.UsageError("a machine id has 32 hex digits; it is in the file machine-id of that machine")
    at = now()
    made, secret = _file(database).create(
        machine, Role(role), now=at, expires_at=at + expires if expires else None, machine_id=machine_id or ""
    )
    if as_json:
        click.echo(msgspec.json.encode(_told(made) | {"token": secret}))
        return 0
    click.echo(secret)
    until = f", good until {made.expires_at:%Y-%m-%d %H:%M} UTC" if made.expires_at else ""
    say(f"Token {made.id} for {made.machine} ({made.role}){until}. It is not shown again.")
    return 0


@token.command("list", params=[database_option(), json_option()])
def list_(database: str | None, as_json: bool) -> int:
    """Which tokens there are, and when each was used last."""
    import msgspec

    from openusage import format
    from openusage.cli.compose.parts import now
    from openusage.cli.diagnostics import say

    file = _file(database)
    tokens, used, at = file.tokens(), file.last_used(), now()
    if as_json:
        told = [_told(t) | {"last_used_at": used.get(t.id)} for t in tokens]
        click.echo(msgspec.json.format(msgspec.json.encode({"tokens": told}), indent=2))
        return 0
    if not tokens:
        say("There are no tokens of machines. Make one: openusage hub token create --machine NAME")
        return 0
    head = ("ID", "MACHINE", "ROLE", "CREATED", "EXPIRES", "LAST USED")
    rows = [
        (
            t.id,
            format.printable(t.machine),
            str(t.role),
            f"{t.created_at:%Y-%m-%d}",
            _until(t, at),
            f"{format.age((at - used[t.id]).total_seconds())} ago" if t.id in used else "never",
        )
        for t in tokens
    ]
    click.echo("\n".join(format.columns(head, rows)))
    return 0


@token.command(
    params=[
        click.Argument(["ids"], nargs=-1, metavar="[ID]..."),
        machine_option(required=False),
        click.Option(["--role"], type=click.Choice(ROLES), help="Of the machine's, only those of this role."),
        database_option(),
    ]
)
def revoke(ids: tuple[str, ...], machine: str | None, role: str | None, database: str | None) -> int:
    """Make tokens void at once: these IDs, or all of a machine.

    Streams that they opened end within a second or two.
    """
    from openusage.cli.diagnostics import say
    from openusage.errors import OpenUsageError

    if bool(ids) == (machine is not None):
        raise click.UsageError("say which: either IDs (see: openusage hub token list) or --machine NAME")

    def chosen(t: Token) -> bool:
        return t.id in ids or (t.machine == machine and role in (None, t.role))

    gone = _file(database).revoke(chosen)
    if missing := sorted(set(ids) - {t.id for t in gone}):
        raise OpenUsageError(f"There is no token {', '.join(missing)}.", "See: openusage hub token list")
    if not gone:
        raise OpenUsageError(f"{machine} has no such token.", "See: openusage hub token list")
    for t in gone:
        say(f"Revoked {t.id} of {t.machine} ({t.role}).")
    return 0


def _file(database: str | None) -> TokenFile:
    from openusage.cli.surroundings import surroundings
    from openusage.hub.place import database_path, tokens_path
    from openusage.hub.tokens import TokenFile

    here = surroundings()
    where = here.settings.hub.database if database is None else database
    return TokenFile(tokens_path(database_path(where, here.paths), here.paths))


def _told(t: Token) -> dict[str, Any]:
    return {
        "id": t.id,
        "machine": t.machine,
        "machine_id": t.machine_id or None,
        "role": t.role,
        "created_at": t.created_at,
        "expires_at": t.expires_at,
    }


def _until(t: Token, at: dt.datetime) -> str:
    if t.expires_at is None:
        return "never"
    return f"{t.expires_at:%Y-%m-%d}" if t.expires_at > at else "expired"
