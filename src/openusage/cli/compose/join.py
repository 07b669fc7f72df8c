"""A machine joins a hub, and leaves it again.

Everything that can go wrong at the hub is found before anything here is changed. Then, in this order: what
was there is remembered, settings.json is written, the token goes into the daemon's environment file, the
service is installed or restarted, and the first push that the hub takes is waited for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from openusage import words
from openusage.cli.compose import joined as undo
from openusage.cli.compose import service
from openusage.cli.compose.parts import now as real_now
from openusage.errors import ExitCode, OpenUsageError, UsageError
from openusage.settings import HUB_TOKEN_ENV

if TYPE_CHECKING:
    import datetime as dt

    from openusage.cli.surroundings import Surroundings
    from openusage.machine import Machine
    from openusage.service import Keeper
    from openusage.wire.local import DaemonStatus

POLL_S = 0.2
NOT_YET = "The daemon does not push to the hub yet. Why: openusage telemetry daemon logs"
NOTHING = (
    "Joined. There is nothing to push yet: no coding tool was found on this machine. Once one is used, it "
    "appears at the hub by itself."
)
Say = Callable[[str], None]


class Wanted(NamedTuple):
    """What a join was asked for."""

    url: str
    name: str | None
    """How the hub shall name this machine; `None`: as the settings say."""
    with_service: bool
    wait_s: float


def join(
    here: Surroundings,
    wanted: Wanted,
    ask_token: Callable[[], str],
    say: Say,
    *,
    now: Callable[[], dt.datetime] = real_now,
) -> int:
    """The exit code. `ask_token` is called when the hub wants a token.

    Raises:
        OpenUsageError: nothing was changed when the hub, the token or the service manager is the reason.
    """
    keeper = service.daemon_keeper(here.paths, here.environ)
    other: int | None = None
    if wanted.with_service:
        keeper.refuse_unfit(here.environ, instead=f"openusage join {wanted.url} --no-service")
        other = service.unkept(here, keeper)
    machine = _machine(here, wanted.name)
    url, token = _admitted(wanted.url, machine, ask_token, say, now)
    _write_down(here, wanted, url, token, keeper)
    where = here.paths.shown(here.paths.settings_file)
    say(f"{where}: export.target is {url} now, this machine is {machine.name} there.")
    if token:
        say(f"The token is in {here.paths.shown(keeper.env.path)}, for you alone to read.")
    if not wanted.with_service:
        return _without_service(here, say)
    if other is not None:
        say(service.end_unkept(here, other))
    names = keeper.install(here.environ, service.daemon_names(here), {HUB_TOKEN_ENV: token or None})
    say(service.installed(here, keeper, names))
    if service.wait_started(here, keeper) is None:
        say(NOT_YET)
        return ExitCode.UNREACHABLE
    return _wait(here, url, wanted.wait_s, say)


def leave(here: Surroundings, say: Say) -> int:
    """Undoes it. Raises `OpenUsageError` when there is nothing to undo."""
    record = here.paths.state_dir / undo.FILE
    known = undo.load(record)
    target = here.settings.export.target
    if known is None and not target:
        raise OpenUsageError("This machine has not joined a hub.", "To join one: openusage join URL")
    keeper = service.daemon_keeper(here.paths, here.environ)
    was = known or undo.by_hand(here.paths.settings_file)
    undo.restore(here.paths.settings_file, was, here.paths.shown(here.paths.settings_file))
    if not keeper.env.update({HUB_TOKEN_ENV: was.token_before}):
        keeper.env.remove()
    say(f"This machine does not push to {target or was.target} any more; its token is gone from here.")
    if was.service_made:
        keeper.uninstall()
        say(f"Removed the service {keeper.service.name}.")
    elif keeper.is_installed:
        keeper.restart()
        say("The daemon was restarted.")
    elif (status := service.running(here)) is not None:
        say(f"A daemon still pushes until it is restarted (process {status.pid}): kill {status.pid}")
    undo.forget(record)
    say("What the hub has of it stays there. To remove it, on the hub: openusage hub forget NAME")
    return ExitCode.OK


def _machine(here: Surroundings, name: str | None) -> Machine:
    from openusage.machine import identify

    return identify(here.paths.machine_id_file, name or here.settings.export.machine_name)


def _admitted(
    url: str, machine: Machine, ask_token: Callable[[], str], say: Say, now: Callable[[], dt.datetime]
) -> tuple[str, str]:
    """The hub's address and a token that is good for a push there. Raises `PeerError`."""
    from openusage.client import HubProbe

    with contextlib.closing(HubProbe(url, now=now)) as hub:
        greeting = hub.greet()
        if skew := words.own_clock(greeting.clock_ahead_s):
            say(f"Warning: {skew}. {words.SKEW_HINT}")
        token = service.checked_token(ask_token()) if greeting.needs_token else ""
        if greeting.needs_token and not token:
            raise UsageError(
                f"{hub.host} wants a token, and there is none.",
                f"Type it in, name a file with --token-file, or set {HUB_TOKEN_ENV}.",
            )
        admission = hub.admit(token, machine.name, machine.id)
        version = f", version {admission.version}" if admission.version else ""
        say(f"{hub.host} is a hub{version}, and takes pushes of {machine.name}.")
        if not admission.keeps_records:
            say("It keeps no history: it gets the newest state alone.")
        return hub.url, token


def _write_down(here: Surroundings, wanted: Wanted, url: str, token: str, keeper: Keeper) -> None:
    """Settings, token, and what was there before."""
    from openusage.settings import update

    paths = here.paths
    record, file, shown = paths.state_dir / undo.FILE, paths.settings_file, paths.shown(paths.settings_file)
    before = undo.load(record)
    if before is None:
        before = undo.of_now(file, keeper.env.read().variables.get(HUB_TOKEN_ENV))
        before = msgspec.structs.replace(before, service_made=wanted.with_service and not keeper.is_installed)
    elif wanted.with_service and not keeper.is_installed:
        before = msgspec.structs.replace(before, service_made=True)
    change: dict[str, str] = {"export.target": url}
    if wanted.name is not None:
        change["export.machine_name"] = wanted.name
    undo.save(record, msgspec.structs.replace(before, target=url))
    update(file, change, shown)
    after = undo.digest(undo.text_of(file))
    undo.save(record, msgspec.structs.replace(before, target=url, settings_after=after))
    keeper.env.update({HUB_TOKEN_ENV: token or None})


def _without_service(here: Surroundings, say: Say) -> int:
    status = service.running(here)
    if status is None:
        say("To push: openusage telemetry daemon")
    else:
        say(f"The daemon that runs (process {status.pid}) takes it up when it is started again.")
    return ExitCode.OK


def _wait(here: Surroundings, url: str, wait_s: float, say: Say) -> int:
    """Until the hub has taken a push, refused one, or it is known that there is none to take."""
    deadline = time.monotonic() + wait_s
    while True:
        progress = progress_of(service.running(here), url)
        if progress.is_decided or time.monotonic() >= deadline:
            say(progress.text)
            return progress.code
        time.sleep(POLL_S)


class Progress(NamedTuple):
    """How far a join is."""

    text: str
    code: ExitCode
    """The command's, if it ends now."""
    is_decided: bool = False


def progress_of(status: DaemonStatus | None, url: str) -> Progress:
    """What the daemon's own words (`None`: it does not answer) mean for the hub at `url`."""
    exporter = next((e for e in status.exporters if e.target == url), None) if status is not None else None
    if status is None or exporter is None:
        return Progress(NOT_YET, ExitCode.UNREACHABLE)
    if exporter.last_ok_at is not None:
        return Progress(f"Joined: the hub took the first push of {exporter.machine}.", ExitCode.OK, True)
    if exporter.failures > 1:
        why = f"The daemon cannot push: {exporter.last_error}. It goes on trying."
        return Progress(why, ExitCode.UNREACHABLE, True)
    if status.first_read_done and not status.accounts:
        return Progress(NOTHING, ExitCode.OK, True)
    reading = status.collecting or "the logs are being read"
    return Progress(f"Joined. The first push follows once all is read ({reading}).", ExitCode.OK)
