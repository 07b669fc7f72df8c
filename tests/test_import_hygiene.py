"""Start-up is a feature: what each command imports, seen in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"textual", "rich", "starlette", "uvicorn", "apsw", "httpx", "watchfiles", "psycopg"}


def modules_after(code: str) -> set[str]:
    """Top-level modules, and all of ours, that a process has loaded when `code` is done."""
    program = (
        "import sys\n"
        "def end():\n"
        "    names = {m if m.startswith('openusage') else m.split('.')[0] for m in sys.modules}\n"
        "    sys.stderr.write('\\n'.join(['', '--', *names]))\n"
        f"try:\n    {code}\n"
        "finally:\n    end()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.partition("\n--\n")[2].split("\n"))


def command(*args: str) -> str:
    return f"from openusage.cli.__main__ import main; assert main({list(args)!r}) == 0"


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["version"], ["--version"]])
def test_help_and_version_load_nothing(args: list[str]) -> None:
    """Not even click and msgspec, which cost more than the rest of the process."""
    loaded = modules_after(command(*args))
    assert not loaded & (HEAVY | {"click", "msgspec", "json", "logging", "pathlib", "typing", "asyncio"})
    assert {m for m in loaded if m.startswith("openusage")} <= {
        "openusage",
        "openusage.cli",
        "openusage.cli.__main__",
        "openusage.cli.catalog",
    }


@pytest.mark.parametrize("name", ["daily", "hub", "hub-view", "integrations", "telemetry", "completion"])
def test_the_help_of_a_command_loads_that_command_alone(name: str) -> None:
    loaded = modules_after(command(name, "--help"))
    assert "click" in loaded
    assert not loaded & (HEAVY | {"msgspec", "openusage.cli.compose", "openusage.settings"})
    others = {"daily", "hub", "hub_view", "integrations", "telemetry", "completion"} - {
        name.replace("-", "_")
    }
    assert not loaded & {f"openusage.cli.{other}" for other in others}


def test_a_hook_loads_no_command_and_no_parser() -> None:
    """A tool waits for it."""
    loaded = modules_after(command("telemetry", "hook", "codex", "{}"))
    assert not loaded & (HEAVY | {"click", "msgspec", "json", "socket", "hashlib", "logging"})
    assert not loaded & {"openusage.cli.root", "openusage.settings", "openusage.providers"}


@pytest.mark.parametrize(
    "module", ["openusage.settings", "openusage.reports.daily", "openusage.reports.render", "openusage.zone"]
)
def test_settings_and_reports_load_no_screen_server_or_database(module: str) -> None:
    assert not modules_after(f"import {module}") & HEAVY


def test_paths_are_known_without_msgspec() -> None:
    """A status line or a hook needs the socket's path and nothing else."""
    assert not modules_after("import openusage.paths") & (HEAVY | {"msgspec", "click", "json"})


DAEMON = """
    import os
    from pathlib import Path
    from openusage.cli.compose.parts import make_daemon
    from openusage.paths import Paths
    from openusage.settings import Settings
    daemon = make_daemon(Settings(), Paths.from_env(os.environ, Path.home()))
    daemon.stop()
    daemon.run()
"""
"""One that starts, serves and ends at once."""


def test_a_daemon_without_hub_and_logins_loads_no_http_client() -> None:
    """Nor the terminal's libraries, which httpx brings along: memory that it would hold for weeks."""
    loaded = modules_after(DAEMON.strip())
    assert "uvicorn" in loaded
    assert not loaded & {"httpx", "httpcore", "rich", "pygments", "textual", "jinja2", "openusage.exporter"}
