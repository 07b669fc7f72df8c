"""systemd's user manager: a unit, and `systemctl --user`. Pure. Facts: systemd.syntax(7), systemd.service(5).

Of the unit's three quoting rules only one fits each place: words of `ExecStart` are quoted, have `%` and `$`
doubled; `EnvironmentFile` is the rest of its line as it is, but for `%`; the program's own path is not
searched for `$`, while the name that it is told to have is.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from openusage.service.contract import Plan, Remove, Run, Service, State, Write

_PROPERTIES = "ActiveState,SubState,MainPID,NRestarts,Result"


class Systemd(msgspec.Struct, frozen=True):
    """The user manager of whoever asks."""

    units: Path
    """Folder of the user's own units."""
    uid: int
    name: str = "systemd"

    def file(self, service: Service) -> Path:
        return self.units / f"{service.name}.service"

    def check(self) -> tuple[str, ...]:
        return _systemctl("show", "--property=Version")

    def install(self, service: Service) -> Plan:
        unit = f"{service.name}.service"
        return (
            Write(self.file(service), unit_text(service), 0o644),
            Run(_systemctl("daemon-reload")),
            Run(_systemctl("enable", unit)),
            Run(_systemctl("restart", unit)),
        )

    def uninstall(self, service: Service) -> Plan:
        unit = f"{service.name}.service"
        return (
            Run(_systemctl("disable", "--now", unit), may_fail=True),
            Remove(self.file(service)),
            Run(_systemctl("daemon-reload"), may_fail=True),
            Run(_systemctl("reset-failed", unit), may_fail=True),
        )

    def restart(self, service: Service) -> Plan:
        return (Run(_systemctl("restart", f"{service.name}.service")),)

    def ask(self, service: Service) -> tuple[str, ...]:
        return _systemctl("show", f"{service.name}.service", f"--property={_PROPERTIES}")

    def state(self, code: int, output: str) -> State:
        told = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        active, sub = told.get("ActiveState", ""), told.get("SubState", "")
        pid, restarts, result = (told.get(key, "") for key in ("MainPID", "NRestarts", "Result"))
        detail = f"{active} ({sub})" if active and sub else active
        if result not in ("", "success"):
            detail += f", last end: {result}"
        return State(
            installed=True,
            running=active == "active",
            pid=int(pid) if pid.isdigit() and pid != "0" else None,
            detail=detail,
            restarts=int(restarts) if restarts.isdigit() else None,
        )

    def logs(self, service: Service, lines: int, follow: bool) -> tuple[str, ...]:
        more = ("--follow",) if follow else ("--no-pager",)
        return ("journalctl", "--user", f"--unit={service.name}.service", f"--lines={lines}", *more)

    def ask_linger(self) -> tuple[str, ...]:
        return ("loginctl", "show-user", str(self.uid), "--property=Linger")

    def linger_hint(self, code: int, output: str) -> str:
        if code == 0 and "Linger=yes" in output:
            return ""
        return "It runs while you are logged in. To have it run always: loginctl enable-linger"


def unit_text(service: Service) -> str:
    """The unit.

    An end that a restart cannot mend (exit status 2: settings or command line) stops it; any other is tried
    again, at first after 2 s, then ever later (systemd 254 on; older ones pass over the two lines and keep to
    2 s). A limit on starts would give up on a machine whose disk is full for a while, so there is none.
    """
    lines = [
        "[Unit]",
        f"Description={_specifiers(service.about)}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=simple",
        f"EnvironmentFile=-{_specifiers(str(service.env_file))}",
        f"ExecStart={_command(service.command)}",
        "WorkingDirectory=%h",
        "Restart=always",
        "RestartSec=2",
        "RestartSteps=6",
        "RestartMaxDelaySec=120",
        "RestartPreventExitStatus=2",
        "TimeoutStopSec=20",
        "UMask=0077",
        "LimitNOFILE=8192",
        "NoNewPrivileges=yes",
        f"SyslogIdentifier={service.name}",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _systemctl(*words: str) -> tuple[str, ...]:
    return ("systemctl", "--user", *words)


def _command(words: tuple[str, ...]) -> str:
    """`ExecStart`. With `$` in its path a program would be told a wrong name of itself: `env` starts it."""
    program, *arguments = words
    if "$" in program:
        program, arguments = "/usr/bin/env", [program, *arguments]
    return " ".join([_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)])


def _quoted(word: str) -> str:
    escaped = _specifiers(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
