"""What is kept running, what has to be done for it, and what a service manager must know to say."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec

from openusage.errors import ServiceError


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A program that a manager keeps running."""

    name: str
    """Of the systemd unit and of the Windows task: `openusage-telemetry`."""
    label: str
    """Of the launchd agent: `com.openusage.telemetryd`."""
    about: str
    """One line for people."""
    command: tuple[str, ...]
    """The program, by its whole path, and its arguments."""
    typed: str
    """What a person types to have it without a manager; `install`, `logs` and the others are below that."""
    env_file: Path
    """Variables for it, secrets among them. The manager reads it, or the program itself (`--env-file`)."""
    log_dir: Path
    """Where its output goes when the manager keeps no log of its own."""
    environ: dict[str, str] = {}
    """Variables without secrets that must be set before the program can find anything."""
    user: str = ""
    """Whose rights it has, as a service of the whole system; empty: those of whoever installs it."""

    def __post_init__(self) -> None:
        for text in (*self.command, str(self.env_file), str(self.log_dir), *self.environ.values()):
            if any(ord(c) < 32 or ord(c) == 127 for c in text):
                raise ServiceError(
                    f"{text!r} has a control character in it, which no service file can hold.",
                    "Install openusage in a folder of another name.",
                )


class Write(msgspec.Struct, frozen=True):
    """A file that has to hold this text."""

    path: Path
    text: str
    mode: int


class Remove(msgspec.Struct, frozen=True):
    """A file that has to go, if it is there."""

    path: Path


class Run(msgspec.Struct, frozen=True):
    """A command."""

    argv: tuple[str, ...]
    may_fail: bool = False
    """It undoes what may not be there."""
    tries: int = 1
    """So often, half a second apart: what was just undone may still be ending."""


Step: TypeAlias = Write | Remove | Run
Plan: TypeAlias = tuple[Step, ...]
"""Done one after the other."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A service as its manager sees it."""

    installed: bool
    running: bool = False
    pid: int | None = None
    detail: str = ""
    """In the manager's own words: `active (running)`."""
    restarts: int | None = None
    """Since it was last started by hand; `None`: the manager does not count."""


class Manager(Protocol):
    """A service manager: pure, it only says what to write and to run."""

    @property
    def name(self) -> str:
        """For people: `systemd`."""

    def file(self, service: Service) -> Path:
        """What describes the service to the manager."""

    def check(self) -> tuple[str, ...]:
        """A command that succeeds when the manager can be asked at all."""

    def install(self, service: Service) -> Plan:
        """New or changed, the service runs with what is written now when all is done."""

    def uninstall(self, service: Service) -> Plan:
        """Nothing of the service is left but its data."""

    def restart(self, service: Service) -> Plan:
        """It runs anew."""

    def ask(self, service: Service) -> tuple[str, ...]:
        """A command whose output `state` reads."""

    def state(self, code: int, output: str) -> State:
        """What the answer to `ask` means. Of a service whose file is there."""

    def logs(self, service: Service, lines: int, follow: bool) -> tuple[str, ...]:
        """A command that shows what the service said last. Raises `ServiceError` where none is kept."""

    def ask_linger(self) -> tuple[str, ...]:
        """A command that tells whether services go on without a login; empty: there is none to ask."""

    def linger_hint(self, code: int, output: str) -> str:
        """What to do for that, after the answer; empty: nothing."""
