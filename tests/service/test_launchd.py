"""The launchd agent: its property list, and the commands around it."""

from __future__ import annotations

import contextlib
import plistlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from openusage.service.contract import Remove, Run, Service, State, Write
from openusage.service.environment import EnvFile
from openusage.service.launchd import Launchd, plist_text
from tests.support.processes import PATIENCE_S, until
from tools.ports import free_port

MANAGER = Launchd(Path("/Users/ann/Library/LaunchAgents"), "gui/501")
SERVICE = Service(
    name="openusage-telemetry",
    label="com.openusage.telemetryd",
    about="openusage",
    typed="openusage telemetry daemon",
    command=("/opt/a & b/python", "-P", "-m", "openusage.cli", "telemetry", "daemon", "run"),
    env_file=Path("/Users/ann/.local/state/openusage/daemon.env"),
    log_dir=Path("/Users/ann/.local/state/openusage"),
    environ={"XDG_STATE_HOME": "/Users/ann/state"},
)


def test_the_agent_starts_at_login_and_again_after_a_failure() -> None:
    tree = plistlib.loads(plist_text(SERVICE).encode())
    assert tree == {
        "Label": "com.openusage.telemetryd",
        "ProgramArguments": [*SERVICE.command, "--env-file", str(SERVICE.env_file)],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardOutPath": "/Users/ann/.local/state/openusage/daemon.stdout.log",
        "StandardErrorPath": "/Users/ann/.local/state/openusage/daemon.stderr.log",
        "EnvironmentVariables": {"XDG_STATE_HOME": "/Users/ann/state"},
    }


def test_a_new_version_replaces_the_one_that_runs() -> None:
    write, *commands = MANAGER.install(SERVICE)
    assert isinstance(write, Write)
    assert (write.path.name, write.mode) == ("com.openusage.telemetryd.plist", 0o600)
    told = [(step.argv[1], step.may_fail) for step in commands if isinstance(step, Run)]
    assert told == [("bootout", True), ("enable", False), ("bootstrap", False), ("kickstart", False)]


def test_uninstalling_removes_list_and_logs() -> None:
    removed = [step.path.name for step in MANAGER.uninstall(SERVICE) if isinstance(step, Remove)]
    assert removed == ["com.openusage.telemetryd.plist", "daemon.stdout.log", "daemon.stderr.log"]


PRINTED = """\
gui/501/com.openusage.telemetryd = {
\tactive count = 1
\tpath = /Users/ann/Library/LaunchAgents/com.openusage.telemetryd.plist
\tstate = %s

\truns = 3
%s\tlast exit code = %s
\tspawn type = daemon (3)
\tsubstate = {
\t\tstate = active
\t}
}
"""


@pytest.mark.parametrize(
    ("code", "output", "state"),
    [
        (
            0,
            PRINTED % ("running", "\tpid = 77\n", "(never exited)"),
            State(installed=True, running=True, pid=77, detail="running", restarts=2),
        ),
        (
            0,
            PRINTED % ("spawn scheduled", "", "78: EX_CONFIG"),
            State(installed=True, detail="spawn scheduled, last end: 78: EX_CONFIG", restarts=2),
        ),
        (113, "Could not find service", State(installed=True, detail="not loaded")),
    ],
)
def test_what_it_says_of_a_service(code: int, output: str, state: State) -> None:
    assert MANAGER.state(code, output) == state


def test_its_files_are_the_log() -> None:
    assert MANAGER.logs(SERVICE, 5, follow=False)[:3] == ("tail", "-n", "5")
    assert MANAGER.logs(SERVICE, 5, follow=True)[3] == "-F"
    assert (MANAGER.ask_linger(), MANAGER.linger_hint(0, "")) == ((), "")


def test_what_launchd_starts_has_its_variables_though_launchd_reads_no_such_file(tmp_path: Path) -> None:
    """The list as launchd reads it, run as launchd would: with a home, and a token in the file alone."""
    url = f"127.0.0.1:{free_port()}"
    program = (sys.executable, "-P", "-m", "openusage.cli")
    service = Service(
        name="openusage-hub",
        label="com.openusage.hub",
        about="a hub",
        typed="openusage telemetry daemon",
        command=(*program, "hub", "--headless", "--listen", url, "--database", "memory"),
        env_file=tmp_path / "hub.env",
        log_dir=tmp_path,
    )
    EnvFile(service.env_file).update({"OPENUSAGE_HUB_TOKEN": "a token of the file"})
    tree = plistlib.loads(plist_text(service).encode())
    with Path(tree["StandardErrorPath"]).open("wb") as log:
        hub = subprocess.Popen(
            tree["ProgramArguments"], env={"HOME": str(tmp_path)}, stdin=subprocess.DEVNULL, stderr=log
        )

    def status(token: str) -> int:
        with contextlib.suppress(httpx.TransportError):
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.get(f"http://{url}/v1/snapshots", headers=headers, timeout=PATIENCE_S).status_code
        assert hub.poll() is None, (tmp_path / "hub.stderr.log").read_text()
        return 0

    try:
        until(lambda: status("a token of the file") == 200, "the hub answers")
        assert status("another") == 401
    finally:
        hub.terminate()
        hub.wait(PATIENCE_S)
