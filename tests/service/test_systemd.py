"""The unit: words that systemd reads as they are meant, and what it says of a service."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from openusage.errors import ServiceError
from openusage.service.contract import Remove, Run, Service, State, Write
from openusage.service.systemd import Systemd, unit_text

MANAGER = Systemd(Path("/home/ann/.config/systemd/user"), 1000)
SERVICE = Service(
    name="openusage-telemetry",
    label="com.openusage.telemetryd",
    about="openusage: 100 % of it",
    typed="openusage telemetry daemon",
    command=("/opt/my venv/bin/python", "-P", "-m", "openusage.cli", "say", 'a "b" 100% $HOME \\'),
    env_file=Path("/home/ann/.local/state/open usage/daemon.env"),
    log_dir=Path("/home/ann/.local/state/open usage"),
)


def line(key: str, service: Service = SERVICE) -> str:
    (found,) = [row for row in unit_text(service).splitlines() if row.startswith(f"{key}=")]
    return found.partition("=")[2]


def test_words_are_quoted_and_nothing_in_them_is_taken_for_more() -> None:
    assert line("ExecStart") == (
        '"/opt/my venv/bin/python" "-P" "-m" "openusage.cli" "say" "a \\"b\\" 100%% $$HOME \\\\"'
    )
    assert line("EnvironmentFile") == "-/home/ann/.local/state/open usage/daemon.env"
    assert line("Description") == "openusage: 100 %% of it"


def test_a_program_with_a_dollar_in_its_path_is_started_by_env() -> None:
    service = Service(
        name="n",
        label="l",
        about="a",
        typed="openusage telemetry daemon",
        command=("/a$b/python", "x"),
        env_file=Path("/e%"),
        log_dir=Path("/"),
    )
    assert line("ExecStart", service) == '"/usr/bin/env" "/a$$b/python" "x"'
    assert line("EnvironmentFile", service) == "-/e%%"


def test_no_file_can_hold_a_path_of_two_lines() -> None:
    with pytest.raises(ServiceError, match="control character"):
        Service(
            name="n",
            label="l",
            about="a",
            typed="openusage telemetry daemon",
            command=("/a\nb",),
            env_file=Path("/e"),
            log_dir=Path("/"),
        )


def test_it_comes_back_after_any_end_but_a_wrong_command_line() -> None:
    assert line("Restart") == "always"
    assert line("RestartPreventExitStatus") == "2"
    assert line("StartLimitIntervalSec") == "0"
    assert int(line("RestartSec")) < int(line("RestartMaxDelaySec"))


@pytest.mark.parametrize("user", ["", "openusage"])
def test_systemd_takes_the_unit(user: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    python = tmp_path / "my venv" / "python"
    python.parent.mkdir()
    python.symlink_to("/bin/sh")
    command = (str(python), *SERVICE.command[1:])
    service = Service(
        name="n",
        label="l",
        about=SERVICE.about,
        typed="openusage telemetry daemon",
        command=command,
        env_file=SERVICE.env_file,
        log_dir=Path("/var/lib/openusage"),
        environ={"HOME": "/var/lib/open usage"},
        user=user,
    )
    unit = tmp_path / "openusage-telemetry.service"
    unit.write_text(unit_text(service))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    said = [
        row for row in done.stderr.splitlines() if "RestartSteps" not in row and "RestartMaxDelay" not in row
    ]
    if any("Failed to" in row and str(unit) not in row for row in said):
        pytest.skip(f"systemd-analyze does not work here: {said[0]}")
    assert not [row for row in said if unit.name in row], done.stderr


def test_installing_writes_then_enables_then_restarts() -> None:
    write, *commands = MANAGER.install(SERVICE)
    assert isinstance(write, Write)
    assert (write.path, write.mode) == (MANAGER.file(SERVICE), 0o644)
    assert [step.argv[2] for step in commands if isinstance(step, Run)] == [
        "daemon-reload",
        "enable",
        "restart",
    ]
    assert not any(step.may_fail for step in commands if isinstance(step, Run))


def test_uninstalling_undoes_it_also_when_half_of_it_is_there() -> None:
    plan = MANAGER.uninstall(SERVICE)
    assert Remove(MANAGER.file(SERVICE)) in plan
    assert all(step.may_fail for step in plan if isinstance(step, Run))
    assert plan[0] == Run(("systemctl", "--user", "disable", "--now", "openusage-telemetry.service"), True)


@pytest.mark.parametrize(
    ("output", "state"),
    [
        (
            "ActiveState=active\nSubState=running\nMainPID=42\nNRestarts=3\nResult=success\n",
            State(installed=True, running=True, pid=42, detail="active (running)", restarts=3),
        ),
        (
            "ActiveState=activating\nSubState=auto-restart\nMainPID=0\nNRestarts=7\nResult=exit-code\n",
            State(installed=True, detail="activating (auto-restart), last end: exit-code", restarts=7),
        ),
        (
            "ActiveState=inactive\nSubState=dead\nMainPID=0\nNRestarts=0\nResult=success\n",
            State(installed=True, detail="inactive (dead)", restarts=0),
        ),
        ("", State(installed=True)),
    ],
)
def test_what_it_says_of_a_service(output: str, state: State) -> None:
    assert MANAGER.state(0, output) == state


def test_a_service_of_the_system_is_locked_in_and_asks_no_user() -> None:
    manager = Systemd(Path("/etc/systemd/system"), 0, system=True)
    assert manager.check() == ("systemctl", "show", "--property=Version")
    assert manager.ask_linger() == ()
    assert manager.logs(SERVICE, 1, follow=False)[:2] == ("journalctl", "--unit=openusage-telemetry.service")
    service = Service(
        name="n",
        label="l",
        about="a",
        typed="openusage telemetry daemon",
        command=("/p",),
        env_file=Path("/etc/openusage/hub.env"),
        log_dir=Path("/var/lib/openusage"),
        environ={"HOME": "/var/lib/openusage"},
        user="openusage",
    )
    rows = unit_text(service).splitlines()
    assert {'Environment="HOME=/var/lib/openusage"', "User=openusage", "StateDirectory=openusage"} <= {*rows}
    assert "WorkingDirectory=%h" not in rows


def test_the_journal_is_shown() -> None:
    assert MANAGER.logs(SERVICE, 20, follow=True) == (
        *("journalctl", "--user", "--unit=openusage-telemetry.service", "--lines=20", "--follow"),
    )


@pytest.mark.parametrize(
    ("code", "output", "hinted"), [(0, "Linger=yes\n", 0), (0, "Linger=no\n", 1), (1, "", 1)]
)
def test_lingering_is_hinted_at_where_it_is_off(code: int, output: str, hinted: bool) -> None:
    assert MANAGER.ask_linger() == ("loginctl", "show-user", "1000", "--property=Linger")
    assert ("enable-linger" in MANAGER.linger_hint(code, output)) is bool(hinted)
