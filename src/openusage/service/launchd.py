"""launchd: an agent's property list, and `launchctl`. Pure. Facts: launchd.plist(5), launchctl(1).

The list has mode 0600 and no secret in it all the same: launchd reads no environment file, so the program
reads it by itself.
"""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Any

import msgspec

from openusage.service.contract import Plan, Remove, Run, Service, State, Write

THROTTLE_S = 30
"""launchd waits so long between two starts: its only back-off."""


class Launchd(msgspec.Struct, frozen=True):
    """The agents of whoever asks."""

    agents: Path
    """`~/Library/LaunchAgents`."""
    domain: str
    """`gui/501` with a login at the screen, `user/501` without."""
    name: str = "launchd"

    def file(self, service: Service) -> Path:
        return self.agents / f"{service.label}.plist"

    def check(self) -> tuple[str, ...]:
        return ("launchctl", "print", self.domain)

    def install(self, service: Service) -> Plan:
        file = self.file(service)
        return (
            Write(file, plist_text(service), 0o600),
            Run(("launchctl", "bootout", self._target(service)), may_fail=True),
            Run(("launchctl", "enable", self._target(service))),
            Run(("launchctl", "bootstrap", self.domain, str(file)), tries=20),
            Run(("launchctl", "kickstart", self._target(service))),
        )

    def uninstall(self, service: Service) -> Plan:
        return (
            Run(("launchctl", "bootout", self._target(service)), may_fail=True),
            Remove(self.file(service)),
            *(Remove(log) for log in _logs(service)),
        )

    def restart(self, service: Service) -> Plan:
        return (Run(("launchctl", "kickstart", "-k", self._target(service))),)

    def ask(self, service: Service) -> tuple[str, ...]:
        return ("launchctl", "print", self._target(service))

    def state(self, code: int, output: str) -> State:
        if code != 0:
            return State(installed=True, detail="not loaded")
        told = dict(re.findall(r"^\t(state|pid|last exit code|runs) = (.+)$", output, re.MULTILINE))
        pid, runs = told.get("pid", ""), told.get("runs", "")
        detail = told.get("state", "")
        if (ended := told.get("last exit code", "")) and not ended.startswith(("0", "(never")):
            detail += f", last end: {ended}"
        return State(
            installed=True,
            running=told.get("state") == "running",
            pid=int(pid) if pid.isdigit() else None,
            detail=detail,
            restarts=max(0, int(runs) - 1) if runs.isdigit() else None,
        )

    def logs(self, service: Service, lines: int, follow: bool) -> tuple[str, ...]:
        more = ("-F",) if follow else ()
        return ("tail", "-n", str(lines), *more, *(str(log) for log in _logs(service)))

    def ask_linger(self) -> tuple[str, ...]:
        return ()

    def linger_hint(self, code: int, output: str) -> str:
        return ""

    def _target(self, service: Service) -> str:
        return f"{self.domain}/{service.label}"


def plist_text(service: Service) -> str:
    """The agent: started at login, started again after any end but an orderly one."""
    out, err = _logs(service)
    tree: dict[str, Any] = {
        "Label": service.label,
        "ProgramArguments": [*service.command, "--env-file", str(service.env_file)],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE_S,
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardOutPath": str(out),
        "StandardErrorPath": str(err),
    }
    if service.environ:
        tree["EnvironmentVariables"] = service.environ
    return plistlib.dumps(tree, sort_keys=False).decode()


def _logs(service: Service) -> tuple[Path, Path]:
    stem = service.env_file.stem  # `daemon` of `daemon.env`
    return service.log_dir / f"{stem}.stdout.log", service.log_dir / f"{stem}.stderr.log"
