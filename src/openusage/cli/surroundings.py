"""What a command finds around it: environment, paths, settings, token. Built here, passed on from here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from openusage.errors import OpenUsageError
from openusage.paths import Paths
from openusage.settings import HUB_TOKEN_ENV, Settings, load

DAEMON_ENV = "daemon.env"
"""In the state folder: variables of the daemon, the hub's token among them."""
HUB_ENV = "hub.env"
"""In the state folder: variables of the hub that runs as a service, its shared token among them."""


class Surroundings(NamedTuple):
    """Of this process, at its start."""

    environ: Mapping[str, str]
    paths: Paths
    settings: Settings
    token: str
    """Of the hub, from the environment; empty: none."""


def adopt(env_file: Path | None = None) -> None:
    """Sets the variables of a service's environment file that are not set, for all of this process.

    `None`: that of this machine's daemon, if there is one. So a daemon that was started by hand, or by a
    manager that reads no such file, has what its service has. Lines that mean nothing are told by number.

    Raises:
        ServiceError: it cannot be read.
    """
    from openusage.cli.diagnostics import say
    from openusage.service import EnvFile

    file = env_file or Paths.from_env(os.environ, _home()).state_dir / DAEMON_ENV
    found = EnvFile(file).read()
    for name, value in found.variables.items():
        os.environ.setdefault(name, value)
    for number in found.passed_over:
        say(f'openusage: {file}: line {number} is passed over; it should be NAME="value"')


def surroundings() -> Surroundings:
    """Reads the environment and settings.json, once a command. Raises `SettingsError`."""
    paths = Paths.from_env(os.environ, _home())
    settings = load(paths.settings_file, paths.shown(paths.settings_file))
    return Surroundings(os.environ, paths, settings, os.environ.get(HUB_TOKEN_ENV, "").strip())


def installed_token(paths: Paths) -> str:
    """The shared token of the hub that this machine keeps running as a service; empty: there is none.

    For commands that ask that hub, and for nothing that goes elsewhere.

    Raises:
        ServiceError: its file cannot be read.
    """
    from openusage.service import EnvFile

    return EnvFile(paths.state_dir / HUB_ENV).read().variables.get(HUB_TOKEN_ENV, "")


def joined_token(paths: Paths) -> str:
    """The token that this machine shows to the hub it has joined; empty: there is none.

    For the hub in `export.target`, and for nothing else.

    Raises:
        ServiceError: its file cannot be read.
    """
    from openusage.service import EnvFile

    return EnvFile(paths.state_dir / DAEMON_ENV).read().variables.get(HUB_TOKEN_ENV, "")


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError as e:
        raise OpenUsageError("Your home folder is not known.", "Set HOME.") from e
    if not os.environ.get("HOME", str(home)).startswith("/"):
        raise OpenUsageError(f'HOME is "{os.environ["HOME"]}", which is no whole path.', "Set HOME.")
    return home
