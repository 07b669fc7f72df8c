"""The package as a program: `python -m openusage`."""

from __future__ import annotations

import subprocess
import sys

from openusage import __version__


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openusage", *args], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_package_runs_as_the_program() -> None:
    found = run("version")
    assert (found.returncode, found.stdout, found.stderr) == (0, f"openusage {__version__}\n", "")


def test_its_exit_code_is_the_programs() -> None:
    found = run("no-such-command")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("openusage: ")
