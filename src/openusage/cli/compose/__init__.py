"""Builds the long-running programs out of the rooms. The only folder that sees all of them.

Each `run_…` returns the process's exit code. Imports are inside the functions: `openusage daily` must not pay
for a terminal application, nor a headless hub for one.
"""

from openusage.cli.compose.daemon import daemon_status, pause_daemon, resume_daemon, run_daemon
from openusage.cli.compose.hub import run_hub
from openusage.cli.compose.reports import usage_source
from openusage.cli.compose.screen import run_dashboard, run_hub_view

__all__ = [
    "daemon_status",
    "pause_daemon",
    "resume_daemon",
    "run_daemon",
    "run_dashboard",
    "run_hub",
    "run_hub_view",
    "usage_source",
]
