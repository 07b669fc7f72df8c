"""The daemon and the hub as services of this machine: what each is called and told, and what to say of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.cli.compose.joined import FILE
from openusage.cli.compose.parts import now
from openusage.errors import PeerError, ServiceError, UsageError
from openusage.settings import HUB_TOKEN_ENV

if TYPE_CHECKING:
    from openusage.cli.surroundings import Surroundings
    from openusage.client import DaemonClient
    from openusage.paths import Paths
    from openusage.service import Keeper, Told
    from openusage.wire.local import DaemonStatus

START_S = 60.0
"""A daemon answers far sooner, also when it has to open a large database on a busy machine."""
STEP_S = 0.1
SYSTEM_USER = "openusage"
"""Whose rights a hub has that is a service of the whole system."""
SYSTEM_UNITS = Path("/etc/systemd/system")
_PROGRAM = (sys.executable, "-P", "-m", "openusage.cli")
_HUB = "openusage hub: gathers the usage of many machines"
_HUB_TYPED = "openusage hub"


def daemon_keeper(paths: Paths, environ: Mapping[str, str], *, verbose: bool = False) -> Keeper:
    """The daemon of this machine as a service."""
    more = ("--verbose",) if verbose else ()
    return _keeper(
        paths,
        environ,
        name="openusage-telemetry",
        label="com.openusage.telemetryd",
        about="openusage: reads what this machine's coding tools used",
        command=("telemetry", "daemon", "run", *more),
        typed="openusage telemetry daemon",
        stem="daemon",
    )


def hub_keeper(paths: Paths, environ: Mapping[str, str], *, allow_public: bool = False) -> Keeper:
    """The hub of this machine as a service."""
    more = ("--allow-public",) if allow_public else ()
    return _keeper(
        paths,
        environ,
        name="openusage-hub",
        label="com.openusage.hub",
        about=_HUB,
        command=("hub", "--headless", *more),
        typed=_HUB_TYPED,
        stem="hub",
    )


def system_hub_keeper(
    paths: Paths, environ: Mapping[str, str], *, allow_public: bool = False, units: Path = SYSTEM_UNITS
) -> Keeper:
    """A hub as a service of the whole system, with the rights of a user of its own. Systemd alone."""
    from openusage.service import Keeper, Runner, Service, Systemd, own_uid

    service = Service(
        name="openusage-hub",
        label="com.openusage.hub",
        about=_HUB,
        command=(*_PROGRAM, "hub", "--headless", *(("--allow-public",) if allow_public else ())),
        typed=_HUB_TYPED,
        env_file=paths.config_dir / "hub.env",
        log_dir=paths.state_dir,
        environ={
            "HOME": str(paths.state_dir),
            "XDG_CONFIG_HOME": str(paths.config_dir.parent),
            "XDG_STATE_HOME": str(paths.state_dir.parent),
        },
        user=SYSTEM_USER,
    )
    return Keeper(service, Systemd(units, 0, system=True), Runner(environ, own_uid()))


def _keeper(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    name: str,
    label: str,
    about: str,
    command: tuple[str, ...],
    typed: str,
    stem: str,
) -> Keeper:
    from openusage.service import Keeper, Runner, Service, manager_of, own_uid

    service = Service(
        name=name,
        label=label,
        about=about,
        command=(*_PROGRAM, *command),
        typed=typed,
        env_file=paths.state_dir / f"{stem}.env",
        log_dir=paths.state_dir,
        environ={n: environ[n] for n in ("XDG_CONFIG_HOME", "XDG_STATE_HOME") if environ.get(n)},
    )
    uid = own_uid()
    return Keeper(service, manager_of(sys.platform, environ, paths.home, uid), Runner(environ, uid))


def checked_token(token: str) -> str:
    """A token that can be sent. Raises `UsageError` for what is none; never shows it."""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("That is no token: it has blanks or other characters in it that none has.")
    return token


def daemon_names(here: Surroundings) -> tuple[str, ...]:
    """Variables that the daemon takes with it: those of the tools, and those that the settings name.

    The token of a join stays: the one of this shell may be there to look at the hub.
    """
    from openusage.service import DAEMON_NAMES

    named = (*DAEMON_NAMES, *(a.api_key_env for a in here.settings.accounts if a.api_key_env))
    has_joined = (here.paths.state_dir / FILE).exists()
    return tuple(name for name in named if not (has_joined and name == HUB_TOKEN_ENV))


def unkept(here: Surroundings, keeper: Keeper) -> int | None:
    """The process of a daemon that no service keeps, and that the service's would have to make way for.

    Raises:
        ServiceError: it is part of something else, such as `openusage hub --collect`, or that cannot be told.
    """
    status = running(here)
    if status is None and not keeper.is_installed:
        _refuse_stranger(here)
    if status is None or (keeper.is_installed and keeper.told().state.pid in (status.pid, None)):
        return None
    if not _is_daemon_alone(status.pid):
        raise ServiceError(
            f"A daemon runs here already, as a part of another program (process {status.pid}).",
            "End that, and try again.",
        )
    return status.pid


def _refuse_stranger(here: Surroundings) -> None:
    """Raises `ServiceError` when a daemon listens there that has no state to tell: the Go program's."""
    with contextlib.closing(_client(here)) as client:
        if client.healthy():
            raise ServiceError(
                f"Another program's daemon runs here, at {here.paths.socket}.", "End it, and try again."
            )


def end_unkept(here: Surroundings, pid: int) -> str:
    """Has it end in order, and waits for that; what to say of it. Raises `ServiceError`."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_S
    while (status := running(here)) is not None and status.pid == pid:
        if time.monotonic() >= deadline:
            raise ServiceError(f"The daemon that runs here (process {pid}) does not end.", f"kill -9 {pid}")
        time.sleep(STEP_S)
    return f"The daemon that was started by hand, or by the dashboard (process {pid}), has made way."


def _is_daemon_alone(pid: int) -> bool:
    """Whether the process is `… telemetry daemon …` and nothing else: by /proc, or else by `ps`."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        try:
            told = subprocess.run(
                ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return False
    return " telemetry daemon" in told


def running(here: Surroundings) -> DaemonStatus | None:
    """The daemon that answers now; `None`: none does."""
    with contextlib.closing(_client(here)) as client, contextlib.suppress(PeerError):
        return client.status()
    return None


def wait_started(here: Surroundings, keeper: Keeper) -> DaemonStatus | None:
    """The daemon that the service has started, once it answers. `None`: it does not, for whatever reason."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        status = running(here)
        state = keeper.told().state
        if status is not None and state.pid in (status.pid, None):
            return status
        if not state.running and "activating" not in state.detail:
            return None
        time.sleep(STEP_S)
    return None


def installed(here: Surroundings, keeper: Keeper, names: list[str]) -> str:
    """What to say after an install."""
    lines = [f"Installed {here.paths.shown(keeper.manager.file(keeper.service))}."]
    if names:
        lines.append(f"Its variables, in {here.paths.shown(keeper.env.path)}: {', '.join(names)}.")
    if hint := keeper.linger_hint():
        lines.append(hint)
    return "\n".join(lines)


def rows(told: Told, *, details: bool) -> list[tuple[str, str]]:
    """Lines of a status about the service."""
    state = told.state
    if not state.installed:
        return [("Service", "not installed")]
    text = f"{told.manager}, {state.detail or 'state not known'}"
    if state.restarts:
        text += f", started again {state.restarts} times"
    lines = [("Service", text)]
    if details:
        lines += [("Unit", told.file), ("Variables", ", ".join(told.variables) or "none")]
    return lines


def _client(here: Surroundings) -> DaemonClient:
    from openusage.client import DaemonClient

    return DaemonClient(here.paths.socket, now=now)


def run_shown(argv: tuple[str, ...]) -> int:
    """Becomes a command that shows something, such as a service's log; comes back only to raise."""
    sys.stdout.flush()
    try:
        os.execvp(argv[0], argv)
    except OSError as e:
        raise ServiceError(f"{argv[0]} cannot be started: {e.strerror or e}.") from e
