"""One service as a whole: nothing is changed before it is known to work, and no value is ever shown."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from openusage.errors import ServiceError
from openusage.service import Keeper, Runner, Service
from openusage.service.systemd import Systemd

PROGRAM = (sys.executable, "-P", "-m", "openusage.cli")


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """With a `systemctl` that writes down what it is asked, and a program that always stays."""
    monkeypatch.setattr("openusage.service.keeper.vanishing", lambda *_: "")
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/calls"\n[ ! -e "{tmp_path}/refuse" ]\n')
    program.chmod(0o755)
    return made(tmp_path, PROGRAM)


def made(folder: Path, program: tuple[str, ...]) -> Keeper:
    service = Service(
        name="openusage-telemetry",
        label="com.openusage.telemetryd",
        about="openusage",
        command=(*program, "telemetry", "daemon", "run"),
        typed="openusage telemetry daemon",
        env_file=folder / "state" / "daemon.env",
        log_dir=folder / "state",
    )
    runner = Runner({"PATH": f"{folder}/bin:/usr/bin:/bin"}, 4_000_000)
    return Keeper(service, Systemd(folder / "units", 1), runner)


def calls(folder: Path) -> int:
    file = folder / "calls"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_what_is_set_is_added_to_what_was_kept(keeper: Keeper, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": "/bin", "A": "1", "B": "2", "OTHER": "x"}
    assert keeper.install(environ, ["PATH", "A", "B"], {"B": None, "C": "3"}) == ["A", "C", "PATH"]
    assert keeper.install({"HOME": str(tmp_path), "A": "4"}, ["PATH", "A", "B"], {}) == ["A", "C", "PATH"]
    assert keeper.env.read().variables == {"A": "4", "C": "3", "PATH": "/bin"}
    assert keeper.is_installed


def test_a_dry_run_shows_names_and_changes_nothing(keeper: Keeper, tmp_path: Path) -> None:
    shown = "\n".join(
        keeper.install_described({"A": "s3cret", "PATH": "/b"}, ["PATH", "A", "B"], {"C": "x", "D": None})
    )
    assert f"Would write {keeper.env.path} (0600) with: A, C, PATH" in shown
    assert "    ExecStart=" in shown
    assert "Would run: systemctl --user restart openusage-telemetry.service" in shown
    assert "s3cret" not in shown
    assert "Would remove" in "\n".join(keeper.uninstall_described())
    assert not (tmp_path / "units").exists()
    assert not keeper.env.path.exists()
    assert calls(tmp_path) == 0


def test_a_manager_that_refuses_is_found_before_anything_is_written(keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "refuse").touch()
    with pytest.raises(ServiceError, match="systemd does not answer here"):
        keeper.install({"HOME": str(tmp_path), "A": "1"}, ["A"], {})
    assert not keeper.is_installed
    assert not keeper.env.path.exists()


def test_a_program_that_needs_this_shell_is_refused(tmp_path: Path, keeper: Keeper) -> None:
    """Such as a Python that finds openusage by PYTHONPATH alone."""
    program = tmp_path / "python"
    program.write_text(
        '#!/bin/sh\n[ -n "$PYTHONPATH" ] || { echo "No module named openusage" >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    other = made(tmp_path, (str(program), "-m", "openusage.cli"))
    with pytest.raises(ServiceError, match="without this shell's variables: No module named openusage"):
        other.install({"HOME": str(tmp_path), "PYTHONPATH": "/src"}, [], {})
    assert not other.is_installed


def test_a_program_that_will_be_gone_is_refused(tmp_path: Path) -> None:
    keeper = made(tmp_path, ("/home/ann/.cache/uv/archive-v0/x/bin/python", "-m", "openusage.cli"))
    for act in (
        lambda: keeper.install({}, [], {}),
        lambda: keeper.install_described({}, [], {}),
        lambda: keeper.refuse_unfit({}),
    ):
        with pytest.raises(ServiceError) as caught:
            act()
        assert "/home/ann/.cache is a cache" in caught.value.message
        assert "uv tool install openusage" in caught.value.hint
    assert calls(tmp_path) == 0


def test_uninstalling_is_told_once(keeper: Keeper, tmp_path: Path) -> None:
    keeper.install({"HOME": str(tmp_path), "A": "1"}, ["A"], {})
    assert keeper.uninstall()
    assert [*(tmp_path / "state").iterdir()] == []
    assert not keeper.uninstall()
    with pytest.raises(ServiceError, match="is not installed"):
        keeper.restart()


def test_no_value_is_told(keeper: Keeper, tmp_path: Path) -> None:
    keeper.install({"HOME": str(tmp_path), "A": "s3cret"}, ["A"], {})
    told = keeper.told()
    assert told.variables == ["A"]
    assert told.state.installed
    assert b"s3cret" not in msgspec.json.encode(told)
