"""The Windows task: its XML, and the commands around it. Nothing of it runs here."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from openusage.errors import ServiceError
from openusage.service.contract import Remove, Run, Service, Write
from openusage.service.windows import Tasks, task_text

MANAGER = Tasks(Path("C:/Users/ann/AppData/Local/openusage"), "WORK\\ann")
SERVICE = Service(
    name="openusage-telemetry",
    label="com.openusage.telemetryd",
    about="openusage <daemon>",
    typed="openusage telemetry daemon",
    command=("C:\\a & b\\python.exe", "-P", "-m", "openusage.cli", "telemetry", "daemon", "run"),
    env_file=Path("C:/my state/daemon.env"),
    log_dir=Path("C:/my state"),
)
_IN = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def found(path: str) -> str | None:
    return ElementTree.fromstring(task_text(SERVICE, MANAGER.user)).findtext(path, namespaces=_IN)


def test_the_task_starts_at_logon_and_again_after_a_failure() -> None:
    assert found("t:Triggers/t:LogonTrigger/t:UserId") == "WORK\\ann"
    assert found("t:Principals/t:Principal/t:RunLevel") == "LeastPrivilege"
    assert found("t:Settings/t:RestartOnFailure/t:Interval") == "PT1M"
    assert found("t:Settings/t:ExecutionTimeLimit") == "PT0S"
    assert found("t:Settings/t:DisallowStartIfOnBatteries") == "false"
    assert found("t:RegistrationInfo/t:Description") == "openusage <daemon>"


def test_its_command_is_one_that_windows_takes_apart_again() -> None:
    assert found("t:Actions/t:Exec/t:Command") == "C:\\a & b\\python.exe"
    assert found("t:Actions/t:Exec/t:Arguments") == (
        '-P -m openusage.cli telemetry daemon run --env-file "C:/my state/daemon.env"'
    )


def test_it_is_made_anew_and_started_anew() -> None:
    write, *commands = MANAGER.install(SERVICE)
    assert isinstance(write, Write)
    assert write.mode == 0o600
    assert [step.argv[1] for step in commands if isinstance(step, Run)] == ["/Create", "/End", "/Run"]
    assert "/F" in commands[0].argv if isinstance(commands[0], Run) else False
    assert Remove(write.path) in MANAGER.uninstall(SERVICE)


def test_its_state_and_that_it_keeps_no_log() -> None:
    assert MANAGER.state(0, "TaskName: \\openusage-telemetry\nStatus:   Running\n").running
    assert not MANAGER.state(0, "Status:   Ready\n").running
    assert not MANAGER.state(1, "").running
    with pytest.raises(ServiceError, match="keeps no log"):
        MANAGER.logs(SERVICE, 1, follow=False)
