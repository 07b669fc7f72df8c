"""systemd: a unit, and `systemctl`, of a user's own manager or the system's. Pure.

Facts: systemd.syntax(7), systemd.service(5), systemd.exec(5).

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
    """The user manager of whoever asks, or that of the system."""

    units: Path
    """Folder of units that are made here."""
    uid: int
    system: bool = False
    name: str = "systemd"

    def file(self, service: Service) -> Path:
        return self.units / f"{service.name}.service"

    def check(self) -> tuple[str, ...]:
        return self._systemctl("show", "--property=Version")

    def install(self, service: Service) -> Plan:
        unit = f"{service.name}.service"
        return (
            Write(self.file(service), unit_text(service), 0o644),
            Run(self._systemctl("daemon-reload")),
            Run(self._systemctl("enable", unit)),
            Run(self._systemctl("restart", unit)),
        )

    def uninstall(self, service: Service) -> Plan:
        unit = f"{service.name}.service"
        return (
            Run(self._systemctl("disable", "--now", unit), may_fail=True),
            Remove(self.file(service)),
            Run(self._systemctl("daemon-reload"), may_fail=True),
            Run(self._systemctl("reset-failed", unit), may_fail=True),
        )

    def restart(self, service: Service) -> Plan:
        return (Run(self._systemctl("restart", f"{service.name}.service")),)

    def ask(self, service: Service) -> tuple[str, ...]:
        return self._systemctl("show", f"{service.name}.service", f"--property={_PROPERTIES}")

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
        whose = () if self.system else ("--user",)
        more = ("--follow",) if follow else ("--no-pager",)
        return ("journalctl", *whose, f"--unit={service.name}.service", f"--lines={lines}", *more)

    def ask_linger(self) -> tuple[str, ...]:
        return () if self.system else ("loginctl", "show-user", str(self.uid), "--property=Linger")

    def linger_hint(self, code: int, output: str) -> str:
        if code == 0 and "Linger=yes" in output:
            return ""
        return "It runs while you are logged in. To have it run always: loginctl enable-linger"

    def _systemctl(self, *words: str) -> tuple[str, ...]:
        return ("systemctl", *words) if self.system else ("systemctl", "--user", *words)


def unit_text(service: Service) -> str:
    """The unit.

    An end that a restart cannot mend (exit status 2: settings or command line) stops it; any other is tried
    again, at first after 2 s, then ever later (systemd 254 on; older ones pass over the two lines and keep to
    2 s). A limit on starts would give up on a machine whose disk is full for a while, so there is none.
    """
    lines = ["[Unit]", f"Description={_specifiers(service.about)}", "StartLimitIntervalSec=0"]
    if service.user:
        lines += ["After=network-online.target", "Wants=network-online.target"]
    lines += [
        "",
        "[Service]",
        "Type=simple",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(service.environ.items())),
        f"EnvironmentFile=-{_specifiers(str(service.env_file))}",
        f"ExecStart={_command(service.command)}",
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
        *(_locked_down(service) if service.user else ["WorkingDirectory=%h"]),
        "",
        "[Install]",
        f"WantedBy={'multi-user' if service.user else 'default'}.target",
    ]
    return "\n".join(lines) + "\n"


def _locked_down(service: Service) -> list[str]:
    """It sees its own folder, and the network: what a user's manager may not promise."""
    return [
        f"User={service.user}",
        f"StateDirectory={service.log_dir.name}",
        "StateDirectoryMode=0700",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectKernelTunables=yes",
        "ProtectControlGroups=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
    ]


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
