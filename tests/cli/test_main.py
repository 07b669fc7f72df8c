"""The program as its users start it: real processes, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import openusage
from openusage.cli.__main__ import main
from openusage.cli.telemetry import daemon
from openusage.store.schema import VERSION


def run(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openusage.cli", *args],
        capture_output=True,
        text=True,
        env=dict(os.environ) | environ,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("args", [["version"], ["--version"], ["-v"]])
def test_the_version(args: list[str]) -> None:
    found = run(*args)
    assert (found.returncode, found.stdout, found.stderr) == (0, f"openusage {openusage.__version__}\n", "")


def test_the_version_as_json_has_what_a_report_of_a_fault_needs() -> None:
    found = run("version", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    told = json.loads(found.stdout)
    assert told.pop("prices")["version"].startswith("genai-prices/")
    assert told == {
        "version": openusage.__version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "api_version": "v1",
        "schema_version": VERSION,
        "settings_version": 1,
    }


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_the_help_lists_the_commands(args: list[str]) -> None:
    found = run(*args)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\n  hub-view  " in found.stdout


def test_the_help_of_a_command_by_either_way() -> None:
    assert run("help", "daily").stdout == run("daily", "--help").stdout != ""


def test_an_unknown_command_is_named_and_the_near_one_too() -> None:
    found = run("dialy")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("openusage: no such command 'dialy'.")
    assert "daily" in found.stderr
    assert "See: openusage --help" in found.stderr


def test_wrong_settings_exit_with_2_and_a_sentence(home: Path) -> None:
    file = home / ".config" / "openusage" / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"ui": {"refresh_interval_seconds": "soon"}}')
    found = run("daily")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        "openusage: ~/.config/openusage/settings.json: ui.refresh_interval_seconds must be a number "
        'from 1 to 3600, found "soon"\n'
    )


def test_a_token_in_the_settings_is_refused(home: Path) -> None:
    file = home / ".config" / "openusage" / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"export": {"target": "http://hub:9190", "token": "s3cret-x"}}')
    found = run("telemetry", "daemon")
    assert found.returncode == 2
    assert "OPENUSAGE_HUB_TOKEN" in found.stderr
    assert "s3cret-x" not in found.stderr + found.stdout


def test_no_daemon_is_exit_status_3(home: Path) -> None:
    found = run("telemetry", "daemon", "status")
    assert found.returncode == 3
    assert "Running: no" in found.stdout
    assert found.stderr.startswith("openusage: No daemon answers at ")
    assert not (home / ".config").exists()
    assert not (home / ".local").exists()


def test_a_dashboard_without_a_terminal_says_what_to_do() -> None:
    found = run()
    assert (found.returncode, found.stdout) == (2, "")
    assert "terminal" in found.stderr


def test_a_reader_that_has_enough_is_no_failure() -> None:
    """`openusage … | head -1` neither complains nor fails."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys\nfrom openusage.cli.__main__ import main\n"
         "sys.stdin.read()\nsys.exit(main(['help', 'daily']))"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_failure_with_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "openusage.cli", "version"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr.startswith("openusage: No space left on device.")


def test_ctrl_c_is_quiet_and_exits_with_130() -> None:
    """While a command is at work."""
    code = (
        "import sys, time\nfrom openusage.cli import compose\nfrom openusage.cli.__main__ import main\n"
        "def run(*_, **__):\n    print('up', flush=True)\n    time.sleep(60)\n"
        "compose.run_hub = run\nsys.exit(main(['hub']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, b"")


def test_a_latin_1_terminal_stops_nothing() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import sys\nfrom openusage.cli import compose, daily\n"
         "from openusage.cli.__main__ import main\n"
         "compose.run_hub = lambda *_, **__: print('─ 5 ×')\nsys.exit(main(['hub']))"],
        capture_output=True, env=dict(os.environ) | {"PYTHONIOENCODING": "latin-1"}, timeout=60, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stdout, found.stderr) == (0, "? 5 ×\n".encode("latin-1"), b"")


def test_completion_knows_commands_and_options() -> None:
    """What a shell asks through the script of `openusage completion`."""
    asked = {"_OPENUSAGE_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert "plain,hub-view" in run(**asked, COMP_WORDS="openusage hub").stdout.splitlines()
    options = run(**asked | {"COMP_CWORD": "2"}, COMP_WORDS="openusage daily --br").stdout
    assert "plain,--breakdown" in options.splitlines()
    below = run(**asked | {"COMP_CWORD": "3"}, COMP_WORDS="openusage telemetry daemon ").stdout
    assert below.splitlines() == [f"plain,{name}" for name in sorted(daemon.commands)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_program(shell: str) -> None:
    found = run("completion", shell)
    assert found.returncode == 0
    assert "_OPENUSAGE_COMPLETE" in found.stdout


def test_main_returns_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert main(["--nothing"]) == 2
    assert capsys.readouterr().err.startswith("openusage: no such option")
