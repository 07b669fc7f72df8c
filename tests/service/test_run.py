"""Plans are carried out with real commands; what fails is a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openusage.errors import ServiceError
from openusage.service.contract import Remove, Run, Service, State, Write
from openusage.service.launchd import Launchd
from openusage.service.run import Runner
from openusage.service.systemd import Systemd

Program = Callable[[str, str], None]


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def program(bin_dir: Path) -> Program:
    """Makes a program that writes down its arguments and then does what it is given."""

    def make(name: str, script: str) -> None:
        file = bin_dir / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> "{bin_dir}/calls"\n{script}\n')
        file.chmod(0o755)

    return make


def runner(bin_dir: Path, pauses: list[float] | None = None) -> Runner:
    slept = pauses if pauses is not None else []
    return Runner({"PATH": f"{bin_dir}:/usr/bin:/bin"}, 4_000_000, sleep=slept.append)


def service(folder: Path) -> Service:
    return Service(
        name="n",
        label="com.n",
        about="a",
        typed="openusage telemetry daemon",
        command=("/p",),
        env_file=folder / "n.env",
        log_dir=folder,
    )


def test_files_are_written_with_their_mode_and_removed(tmp_path: Path, bin_dir: Path) -> None:
    file = tmp_path / "deep" / "er" / "file"
    runner(bin_dir).apply((Write(file, "text", 0o600), Write(file, "ünew", 0o644)))
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("ünew", 0o644)
    runner(bin_dir).apply((Remove(file), Remove(file)))
    assert [*file.parent.iterdir()] == []


def test_the_first_command_that_fails_ends_it_unless_it_may(bin_dir: Path, program: Program) -> None:
    program("bad", "echo first >&2; echo Unit is masked. >&2; exit 4")
    program("good", "exit 0")
    with pytest.raises(ServiceError) as caught:
        runner(bin_dir).apply((Run(("bad", "a"), may_fail=True), Run(("bad", "b")), Run(("good",))))
    assert caught.value.message == "bad b failed: Unit is masked."
    assert (bin_dir / "calls").read_text() == "bad a\nbad b\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, bin_dir: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="File exists"):
        runner(bin_dir).apply((Write(tmp_path / "file" / "x", "", 0o600),))


def test_what_is_still_ending_is_waited_for(tmp_path: Path, bin_dir: Path, program: Program) -> None:
    """launchd: `bootstrap` fails while the job that was booted out is not gone."""
    program(
        "launchctl", f'[ "$1" != bootstrap ] || [ $(grep -c bootstrap "{bin_dir}/calls") -gt 3 ] || exit 5'
    )
    pauses: list[float] = []
    runner(bin_dir, pauses).apply(Launchd(tmp_path / "agents", "gui/1").install(service(tmp_path)))
    assert len(pauses) == 3
    verbs = [line.split()[1] for line in (bin_dir / "calls").read_text().splitlines()]
    assert verbs == ["bootout", "enable", *["bootstrap"] * 4, "kickstart"]
    assert (tmp_path / "agents" / "com.n.plist").stat().st_mode & 0o777 == 0o600


def test_a_manager_that_is_not_there_or_does_not_answer(
    tmp_path: Path, bin_dir: Path, program: Program
) -> None:
    manager = Systemd(tmp_path, 1)
    empty = Runner({"PATH": str(tmp_path)}, 4_000_000)
    with pytest.raises(ServiceError, match="systemctl is not on this machine") as caught:
        empty.require(manager, "openusage hub")
    assert caught.value.hint == "Without a service: openusage hub"
    program("systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    with pytest.raises(ServiceError, match="Failed to connect to bus: No medium found") as caught:
        runner(bin_dir).require(manager, "openusage hub")
    assert caught.value.hint.endswith("or without a service: openusage hub")
    assert runner(bin_dir).state(manager, service(tmp_path)) == State(installed=False)
    manager.file(service(tmp_path)).write_text("")
    assert "No medium found" in runner(bin_dir).state(manager, service(tmp_path)).detail
    assert "systemctl is not on this machine" in empty.state(manager, service(tmp_path)).detail


def test_a_program_that_may_not_be_run_is_told(bin_dir: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be started: Permission denied"):
        Runner(os.environ, 4_000_000).command((str(bin_dir),))
