"""`openusage telemetry`: the daemon, run or asked, what tools' hooks hand to it, care of its database."""

from __future__ import annotations

from pathlib import Path

import click

from openusage.cli.params import Duration, FilePath, json_option
from openusage.cli.pause import pause, resume
from openusage.cli.service import install, logs, restart, uninstall
from openusage.cli.store_care import backup, compact, restore, verify


class DefaultToRun(click.Group):
    """`telemetry daemon` and `telemetry daemon --verbose` mean `telemetry daemon run …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # a shell asks what could be typed here
            return super().parse_args(ctx, args)
        options_only = not args or args[0].startswith("-")
        asks_for_help = any(a in ctx.help_option_names for a in args)
        if options_only and not asks_for_help and not any(a in self.commands for a in args):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def socket_option(help_text: str) -> click.Option:
    return click.Option(["--socket-path"], type=FilePath(), help=help_text)


@click.group()
def command() -> None:
    """The daemon that reads this machine's tools, and what their hooks hand to it."""


for care in (backup, restore, compact, verify):
    command.add_command(care)


@command.group(cls=DefaultToRun, params=[socket_option("The daemon's Unix socket.")])
def daemon(socket_path: Path | None) -> None:
    """Run the daemon in the foreground, or ask the one that runs.

    Without a command: run. With OPENUSAGE_HUB_TOKEN in its environment it shows that token to the hub that
    export.target of settings.json names.
    """


@daemon.command(
    params=[
        socket_option("Unix socket to listen on. Default: telemetry.sock in the state folder."),
        click.Option(
            ["--db-path"], type=FilePath(), help="Database. Default: openusage.db in the state folder."
        ),
        click.Option(
            ["--spool-dir"],
            type=FilePath(),
            help="Accepted for older service files; nothing is spooled there.",
        ),
        click.Option(
            ["--interval"],
            type=Duration(1, or_zero=True),
            help="Time between two rounds of reading and polling; 0: ui.refresh_interval_seconds.",
        ),
        click.Option(
            ["--collect-interval"],
            type=Duration(1, or_zero=True),
            help="The same for reading local files alone; 0: --interval. A changed file is read at once.",
        ),
        click.Option(
            ["--poll-interval"],
            type=Duration(1, or_zero=True),
            help="The same for asking vendors alone; 0: --interval, else the daemon's own pace.",
        ),
        click.Option(
            ["--env-file"],
            type=FilePath(exists=True),
            help="Variables that are not set yet are read from it. Default: daemon.env in the state folder, "
            "if it is there.",
        ),
        click.Option(["--verbose"], is_flag=True, help="Log every round, not only what goes wrong."),
    ]
)
@click.pass_context
def run(
    ctx: click.Context,
    socket_path: Path | None,
    db_path: Path | None,
    spool_dir: Path | None,
    interval: float | None,
    collect_interval: float | None,
    poll_interval: float | None,
    env_file: Path | None,
    verbose: bool,
) -> int:
    """Read this machine's tools until SIGTERM or Ctrl-C."""
    from openusage.cli import compose
    from openusage.cli.surroundings import adopt, surroundings

    adopt(env_file)
    here = surroundings()
    return compose.run_daemon(
        here.settings,
        here.paths,
        token=here.token,
        socket_path=socket_path or _of_group(ctx),
        db_path=db_path,
        interval_s=interval or None,
        collect_interval_s=collect_interval or None,
        poll_interval_s=poll_interval or None,
        verbose=verbose,
    )


@daemon.command(
    params=[
        socket_option("Unix socket to ask. Default: where a daemon listens by default."),
        json_option(),
        click.Option(
            ["--details"], is_flag=True, help="Also accounts and everything that could not be read."
        ),
    ]
)
@click.pass_context
def status(ctx: click.Context, socket_path: Path | None, as_json: bool, details: bool) -> int:
    """Say how the daemon and its service are.

    Exit status 3 when none runs.
    """
    import datetime as dt

    from openusage import __version__
    from openusage.cli import compose, daemon_status
    from openusage.cli.compose import service
    from openusage.cli.surroundings import surroundings
    from openusage.errors import PeerUnreachable

    here = surroundings()
    socket = socket_path or _of_group(ctx)
    kept = service.daemon_keeper(here.paths, here.environ).told()
    lines = service.rows(kept, details=details)
    try:
        found = compose.daemon_status(here.settings, here.paths, socket_path=socket)
    except PeerUnreachable as e:
        if as_json:
            click.echo(daemon_status.as_json(None, socket or here.paths.socket, kept))
        else:
            click.echo(daemon_status.not_running(socket or here.paths.socket, lines))
        raise e
    if as_json:
        click.echo(daemon_status.as_json(found, socket or here.paths.socket, kept))
    else:
        now = dt.datetime.now(dt.UTC)
        click.echo(daemon_status.as_text(found, lines, now=now, details=details, own_version=__version__))
    return 0


@command.command(
    params=[
        click.Argument(["source"]),
        click.Argument(["payload"], required=False),
        socket_option("The daemon's Unix socket."),
        click.Option(
            ["--account-id"],
            default="",
            help="Account it counts for. Default: OPENUSAGE_TELEMETRY_ACCOUNT_ID.",
        ),
        click.Option(
            ["--db-path"], type=FilePath(), help="Accepted for older callers; only a daemon writes there."
        ),
        click.Option(["--spool-dir"], type=FilePath(), help="Folder to leave it in. Default: the daemon's."),
        click.Option(["--spool-only"], is_flag=True, help="Do not ask the daemon first."),
        click.Option(["--verbose"], is_flag=True, help="Say on stderr where it went."),
    ]
)
def hook(
    source: str,
    payload: str | None,
    socket_path: Path | None,
    account_id: str,
    db_path: Path | None,
    spool_dir: Path | None,
    spool_only: bool,
    verbose: bool,
) -> int:
    """Hand what a tool's hook says to the daemon.

    Or leave it for the next one, when none runs. SOURCE is claude_code, codex or opencode; PAYLOAD is its
    JSON, read from stdin when it is not said. Waits for nothing and always ends with exit status 0. What
    `openusage integrations` installs does the same without starting this program.
    """
    from openusage.cli.diagnostics import say
    from openusage.cli.hook import NotDelivered, deliver, read_stdin

    data = read_stdin() if payload in (None, "-") else payload.encode("utf-8", "surrogateescape")
    try:
        where = deliver(
            source,
            data,
            account=account_id,
            socket_path=socket_path,
            spool_dir=spool_dir,
            spool_only=spool_only,
        )
    except (NotDelivered, OSError, RuntimeError) as e:
        say(f"openusage: the hook's payload is lost: {e}")
    else:
        if verbose:
            say(f"To the {where}." if where != "off" else "OPENUSAGE_TELEMETRY_ENABLED is off.")
    return 0


for each in (install, uninstall, restart, logs, pause, resume):
    daemon.add_command(each)


def _of_group(ctx: click.Context) -> Path | None:
    """`--socket-path` may also stand before the command, as the Go program has it."""
    value = ctx.parent.params.get("socket_path") if ctx.parent is not None else None
    return value if isinstance(value, Path) else None
