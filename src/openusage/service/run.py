"""Does what a plan says: the only module here that writes files and starts commands."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from openusage.errors import ServiceError
from openusage.files import replace
from openusage.format import printable
from openusage.service.contract import Manager, Plan, Remove, Run, Service, State, Write

PAUSE_S = 0.5
COMMAND_S = 60.0
"""No manager takes so long: `TimeoutStopSec` of a unit is 20."""


class Told(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Runner:
    """Carries out plans in this environment."""

    def __init__(
        self, environ: Mapping[str, str], uid: int, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._environ = dict(environ)
        self._sleep = sleep
        runtime = Path(f"/run/user/{uid}")
        if not environ.get("XDG_RUNTIME_DIR") and runtime.is_dir():  # of `su`, `sudo -u` and cron
            self._environ["XDG_RUNTIME_DIR"] = str(runtime)

    def require(self, manager: Manager, instead: str) -> None:
        """Raises `ServiceError` when the manager does not answer. Changes nothing.

        `instead`: what to type to go without it.
        """
        try:
            done = self.command(manager.check())
        except ServiceError as e:
            raise ServiceError(e.message, f"Without a service: {instead}") from e
        if done.code != 0:
            raise ServiceError(
                f"{manager.name} does not answer here ({_last_line(done)}).",
                "Log in as the user whose service it is (not by su or sudo), or without a service: "
                f"{instead}",
            )

    def apply(self, plan: Plan) -> None:
        """Raises `ServiceError` at the first step that fails; to do it all again is safe."""
        for step in plan:
            try:
                self._do(step)
            except OSError as e:
                where = f" ({e.filename})" if e.filename else ""
                raise ServiceError(f"{e.strerror or e}{where}.", "Nothing further was done.") from e

    def state(self, manager: Manager, service: Service) -> State:
        """Of a service, without changing anything; a manager that cannot be asked knows nothing."""
        if not manager.file(service).exists():
            return State(installed=False)
        try:
            done = self.command(manager.ask(service))
        except ServiceError as e:
            return State(installed=True, detail=e.message)
        if done.code != 0 and not done.out:
            return State(installed=True, detail=f"{manager.name} does not answer: {_last_line(done)}")
        return manager.state(done.code, done.out)

    def command(self, argv: tuple[str, ...], environ: Mapping[str, str] | None = None) -> Told:
        """Runs one to its end. Raises `ServiceError` when there is no such program, or it hangs."""
        try:
            done = subprocess.run(
                argv,
                env=self._environ if environ is None else dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_S,
                check=False,
            )
        except FileNotFoundError as e:
            raise ServiceError(f"{argv[0]} is not on this machine.") from e
        except subprocess.TimeoutExpired as e:
            raise ServiceError(f"{' '.join(argv)} did not end within {COMMAND_S:.0f} s.") from e
        except OSError as e:
            raise ServiceError(f"{argv[0]} cannot be started: {e.strerror or e}.") from e
        return Told(done.returncode, done.stdout, done.stderr)

    def _do(self, step: Write | Remove | Run) -> None:
        if isinstance(step, Write):
            step.path.parent.mkdir(parents=True, exist_ok=True)
            replace(step.path, step.text.encode(), step.mode)  # without its lock: two installs write the same
        elif isinstance(step, Remove):
            step.path.unlink(missing_ok=True)
        else:
            done = self.command(step.argv)
            for _ in range(step.tries - 1):
                if done.code == 0:
                    break
                self._sleep(PAUSE_S)
                done = self.command(step.argv)
            if done.code != 0 and not step.may_fail:
                raise ServiceError(f"{' '.join(step.argv)} failed: {_last_line(done)}.")


def _last_line(done: Told) -> str:
    said = (done.err.strip() or done.out.strip() or f"exit status {done.code}").splitlines()
    return printable(said[-1].rstrip(".")[:300])


def own_uid() -> int:
    """Of whoever runs this; 0 where a system has no such numbers."""
    return os.getuid() if hasattr(os, "getuid") else 0
