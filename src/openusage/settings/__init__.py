"""settings.json: one frozen tree, read once; and the only function that writes the file.

Where the Go program of the same name writes `null`, `""` or 0 for "not set", the default is meant: a field
given such a value where the value itself is not allowed has its default. Unknown keys are somebody else's
(a newer version's, the Go program's): they are ignored when reading and kept when writing.

Tokens and keys never stand in the file. What looks like one is refused, and its value never printed.
"""

from __future__ import annotations

from openusage.settings._read import describe, hub_url, load, load_tree
from openusage.settings._tree import (
    DEFAULT_LISTEN_ADDR,
    HUB_TOKEN_ENV,
    SETTINGS_VERSION,
    AccountSettings,
    Dashboard,
    DashboardProvider,
    DashboardSection,
    Data,
    Export,
    Hub,
    Models,
    Settings,
    Telemetry,
    TimeWindow,
    Ui,
    View,
)
from openusage.settings._typos import misspelt
from openusage.settings._write import Change, Updated, applied, update

__all__ = [
    "DEFAULT_LISTEN_ADDR",
    "HUB_TOKEN_ENV",
    "SETTINGS_VERSION",
    "AccountSettings",
    "Change",
    "Dashboard",
    "DashboardProvider",
    "DashboardSection",
    "Data",
    "Export",
    "Hub",
    "Models",
    "Settings",
    "Telemetry",
    "TimeWindow",
    "Ui",
    "Updated",
    "View",
    "applied",
    "describe",
    "hub_url",
    "load",
    "load_tree",
    "misspelt",
    "update",
]
