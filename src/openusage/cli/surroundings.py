"""What a command finds around it: environment, paths, settings, token. Built here, passed on from here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from openusage.errors import OpenUsageError
from openusage.paths import Paths
from openusage.settings import HUB_TOKEN_ENV, Settings, load


class Surroundings(NamedTuple):
    """Of this process, at its start."""

    environ: Mapping[str, str]
    paths: Paths
    settings: Settings
    token: str
    """Of the hub, from the environment; empty: none."""


def surroundings() -> Surroundings:
    """Reads the environment and settings.json, once a command. Raises `SettingsError`."""
    try:
        home = Path.home()
    except RuntimeError as e:
        raise OpenUsageError("Your home folder is not known.", "Set HOME.") from e
    if not os.environ.get("HOME", str(home)).startswith("/"):
        raise OpenUsageError(f'HOME is "{os.environ["HOME"]}", which is no whole path.', "Set HOME.")
    paths = Paths.from_env(os.environ, home)
    settings = load(paths.settings_file, paths.shown(paths.settings_file))
    return Surroundings(os.environ, paths, settings, os.environ.get(HUB_TOKEN_ENV, "").strip())
