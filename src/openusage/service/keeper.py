"""One service on this machine: its environment file, its manager's file and its manager, together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from openusage.errors import ServiceError
from openusage.service.contract import Manager, Plan, Remove, Service, State, Write
from openusage.service.environment import EnvFile, names_taken, taken
from openusage.service.place import hidden, vanishing
from openusage.service.run import Runner


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A service for people and programs: no value of a variable in it."""

    manager: str
    file: str
    state: State
    variables: list[str] = []
    """Names of what its environment file sets."""
    env_file: str = ""


class Keeper:
    """Installs, asks and removes one service. What it does may be done again: the end is the same."""

    def __init__(self, service: Service, manager: Manager, runner: Runner) -> None:
        self.service = service
        self.manager = manager
        self.env = EnvFile(service.env_file)
        self._runner = runner

    def install(
        self, environ: Mapping[str, str], names: Iterable[str], changes: Mapping[str, str | None]
    ) -> list[str]:
        """Writes down what is set of `names`, and `changes`; then the service runs with that.

        What an earlier install wrote and is not set now stays. Gives the names that are written down.

        Raises:
            ServiceError: nothing was changed when the program or the manager is not fit for it; when the
                manager fails halfway, installing again goes on from there.
        """
        self.refuse_unfit(environ)
        wanted: dict[str, str | None] = {**taken(names, environ), **changes}
        self._try_program({**self.env.read().variables, **wanted}, environ)
        written = self.env.update(wanted)
        self._runner.apply(self.manager.install(self.service))
        return sorted(written)

    def refuse_unfit(self, environ: Mapping[str, str], *, instead: str = "") -> None:
        """Raises `ServiceError` when the program will not stay, or the manager does not answer.

        `instead`: what to type to go without a service, where it is not the program alone.
        """
        self.refuse_vanishing(environ)
        self._runner.require(self.manager, instead or self.service.typed)

    def refuse_vanishing(self, environ: Mapping[str, str]) -> None:
        """Raises `ServiceError` when the program will not be there for long."""
        program = Path(self.service.command[0])
        if self.service.user and (why := hidden(program)):
            raise ServiceError(
                f"{program} cannot be used: {why}.",
                "Install openusage where everybody may read it, such as in /opt/openusage.",
            )
        if why := vanishing(program, environ):
            raise ServiceError(
                f"{program} will not stay: {why}. A service needs a program that does.",
                "Install openusage for good, such as with `uv tool install openusage` or "
                "`pipx install openusage`, and use that one.",
            )

    def install_described(
        self, environ: Mapping[str, str], names: Iterable[str], changes: Mapping[str, str | None]
    ) -> list[str]:
        """What `install` would do, a line each; of variables their names alone."""
        self.refuse_vanishing(environ)
        changed = {name for name, value in changes.items() if value is not None}
        known = {*names_taken(names, environ), *self.env.read().variables, *changed}
        return [
            f"Would write {self.env.path} (0600) with: {', '.join(sorted(known)) or 'nothing'}",
            *described(self.manager.install(self.service)),
        ]

    def uninstall_described(self) -> list[str]:
        """What `uninstall` would do, a line each."""
        return [*described(self.manager.uninstall(self.service)), f"Would remove {self.env.path}"]

    def uninstall(self) -> bool:
        """False: there was nothing of it. The data stay."""
        parts = (self.manager.file(self.service), self.env.path)
        if not any(path.exists() for path in parts):
            return False
        self._runner.apply(self.manager.uninstall(self.service))
        self.env.remove()
        return True

    def restart(self) -> None:
        """Raises `ServiceError` when it is not installed, or does not start."""
        self._refuse_absent()
        self._runner.apply(self.manager.restart(self.service))

    def logs(self, lines: int, follow: bool) -> tuple[str, ...]:
        """A command that shows what it said last. Raises `ServiceError` when it is not installed."""
        self._refuse_absent()
        return self.manager.logs(self.service, lines, follow)

    def _refuse_absent(self) -> None:
        if not self.is_installed:
            system = " --system" if self.service.user else ""
            raise ServiceError(
                f"{self.service.name} is not installed.", f"Install it: {self.service.typed} install{system}"
            )

    @property
    def is_installed(self) -> bool:
        return self.manager.file(self.service).exists()

    def told(self) -> Told:
        """How it is. Changes nothing; a manager that cannot be asked is said in `state.detail`."""
        return Told(
            manager=self.manager.name,
            file=str(self.manager.file(self.service)),
            state=self._runner.state(self.manager, self.service),
            variables=self._known_names(),
            env_file=str(self.env.path),
        )

    def _known_names(self) -> list[str]:
        """Sorted; none where the file is another user's, as that of a service of the system is root's."""
        with contextlib.suppress(ServiceError):
            return sorted(self.env.read().variables)
        return []

    def linger_hint(self) -> str:
        """What to do for it to run without a login; empty: nothing."""
        argv = self.manager.ask_linger()
        if not argv:
            return ""
        try:
            done = self._runner.command(argv)
        except ServiceError:  # no loginctl here
            return ""
        return self.manager.linger_hint(done.code, done.out)

    def _try_program(self, variables: Mapping[str, str | None], environ: Mapping[str, str]) -> None:
        """It must run with nothing but what the service will have: this shell's PYTHONPATH is not there."""
        bare = {name: environ[name] for name in ("HOME", "SYSTEMROOT") if name in environ}
        given = {name: value for name, value in variables.items() if value is not None}
        whose = ("runuser", "-u", self.service.user, "--") if self.service.user else ()
        done = self._runner.command((*whose, *_program(self.service), "version"), {**bare, **given})
        if done.code != 0 or not done.out.startswith("openusage "):
            said = (done.err.strip() or done.out.strip() or f"exit status {done.code}").splitlines()[-1]
            raise ServiceError(
                f"{self.service.command[0]} cannot run openusage without this shell's variables: {said}.",
                "Install openusage into a virtual environment, and use that one.",
            )


def _program(service: Service) -> tuple[str, ...]:
    """The command without what it is told to do: `python -P -m openusage.cli`."""
    return service.command[: service.command.index("openusage.cli") + 1]


def described(plan: Plan) -> list[str]:
    """What a plan would do, in words, a line each."""
    lines: list[str] = []
    for step in plan:
        if isinstance(step, Write):
            lines += [f"Would write {step.path} ({step.mode:04o}):", *_indented(step.text)]
        elif isinstance(step, Remove):
            lines.append(f"Would remove {step.path}")
        else:
            lines.append(f"Would run: {' '.join(step.argv)}")
    return lines


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.splitlines()]
