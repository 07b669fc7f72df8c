"""Windows' task scheduler: a task's XML, and `schtasks`. Pure. Facts: the task schema 1.2 of Microsoft.

A task has no environment file and no log: the program reads the file by itself.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import msgspec

from openusage.errors import ServiceError
from openusage.service.contract import Plan, Remove, Run, Service, State, Write

_RUNNING = re.compile(r"^Status:\s*Running\s*$", re.MULTILINE | re.IGNORECASE)


class Tasks(msgspec.Struct, frozen=True):
    """The tasks of whoever asks."""

    folder: Path
    """Where the XML is kept."""
    user: str
    """Whose logon starts it: `DOMAIN\\name`."""
    name: str = "the task scheduler"

    def file(self, service: Service) -> Path:
        return self.folder / f"{service.name}.xml"

    def check(self) -> tuple[str, ...]:
        return ("schtasks", "/Query", "/FO", "LIST")

    def install(self, service: Service) -> Plan:
        return (
            Write(self.file(service), task_text(service, self.user), 0o600),
            Run(("schtasks", "/Create", "/TN", service.name, "/XML", str(self.file(service)), "/F")),
            Run(("schtasks", "/End", "/TN", service.name), may_fail=True),
            Run(("schtasks", "/Run", "/TN", service.name)),
        )

    def uninstall(self, service: Service) -> Plan:
        return (
            Run(("schtasks", "/End", "/TN", service.name), may_fail=True),
            Run(("schtasks", "/Delete", "/TN", service.name, "/F"), may_fail=True),
            Remove(self.file(service)),
        )

    def restart(self, service: Service) -> Plan:
        return (
            Run(("schtasks", "/End", "/TN", service.name), may_fail=True),
            Run(("schtasks", "/Run", "/TN", service.name)),
        )

    def ask(self, service: Service) -> tuple[str, ...]:
        return ("schtasks", "/Query", "/TN", service.name, "/FO", "LIST")

    def state(self, code: int, output: str) -> State:
        running = code == 0 and _RUNNING.search(output) is not None
        return State(installed=True, running=running, detail="running" if running else "not running")

    def logs(self, service: Service, lines: int, follow: bool) -> tuple[str, ...]:
        raise ServiceError(
            "The task scheduler keeps no log of what a program says.",
            "See what it does: openusage telemetry daemon run --verbose",
        )

    def ask_linger(self) -> tuple[str, ...]:
        return ()

    def linger_hint(self, code: int, output: str) -> str:
        return ""


def task_text(service: Service, user: str) -> str:
    """The task: at logon, again a minute after a failure, on battery too, never ended for its length."""
    program, arguments = service.command[0], (*service.command[1:], "--env-file", str(service.env_file))
    who = f"<UserId>{escape(user)}</UserId>"
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>{escape(service.about)}</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled>{who}</LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author">
      {who}
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(arguments))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
