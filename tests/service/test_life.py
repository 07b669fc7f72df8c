"""The daemon as a service, from install to uninstall: real processes under a stand-in for systemd."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import socket_of, told_status
from tests.support.homes import claude_line, write_claude
from tests.support.managers import FakeSystemd, skip_where_this_python_vanishes
from tests.support.processes import PATIENCE_S, until

UNIT = ".config/systemd/user/openusage-telemetry.service"
ENV = ".local/state/openusage/daemon.env"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeSystemd]:
    skip_where_this_python_vanishes()
    home = tmp_path / 'a "home" of 100 % $HOME'
    home.mkdir()
    write_claude(home, claude_line("m1", at="2026-03-02T10:00:00.000Z"))
    with FakeSystemd(home) as made:
        yield made


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() or path.is_symlink()}


def test_installed_it_runs_killed_it_runs_again_and_uninstalled_only_data_are_left(
    manager: FakeSystemd,
) -> None:
    home = manager.home
    before = files(home)
    done = manager.run(
        "telemetry", "daemon", "install", OPENUSAGE_HUB_TOKEN="s3cret token", OPENAI_API_KEY="sk-$1"
    )
    assert (done.returncode, done.stderr) == (0, ""), (done, manager.said)
    assert "OPENAI_API_KEY, OPENUSAGE_HUB_TOKEN, PATH" in done.stdout
    assert "s3cret" not in done.stdout + (home / UNIT).read_text()
    assert "sk-$1" not in done.stdout
    assert manager.calls == [
        "--user daemon-reload",
        "--user enable openusage-telemetry.service",
        "--user restart openusage-telemetry.service",
    ]
    first = manager.pid
    assert first is not None
    told = told_status(home, **manager.environ)
    assert (told["pid"], told["service"]["state"]["running"]) == (first, True)
    given = Path(f"/proc/{first}/environ").read_bytes().decode().split("\0")
    assert {"OPENUSAGE_HUB_TOKEN=s3cret token", "OPENAI_API_KEY=sk-$1"} <= {*given}

    os.kill(first, signal.SIGKILL)
    until(lambda: manager.pid not in (None, first), "it is started again")
    until(lambda: manager.run("telemetry", "daemon", "status").returncode == 0, "it answers again")
    told = told_status(home, **manager.environ)
    assert (told["pid"], told["service"]["state"]["restarts"]) == (manager.pid, 1)
    second = manager.pid
    done = manager.run("telemetry", "daemon", "restart")
    assert (done.returncode, done.stdout) == (0, f"The daemon runs (process {manager.pid}).\n")
    third = manager.pid
    assert third not in (None, first, second)

    done = manager.run("telemetry", "daemon", "uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    left = {name for name in files(home) - before if not name.startswith("output")}
    assert left <= {
        f".local/state/openusage/{name}"
        for name in (
            "openusage.db",
            "openusage.db-wal",
            "openusage.db-shm",
            "openusage.db.lock",
            "openusage.db.mark",
            "machine-id",
        )
    }, left
    assert ".local/state/openusage/openusage.db" in left
    assert not Path(f"/proc/{third}").exists()
    assert (
        manager.run("telemetry", "daemon", "uninstall").stdout == "openusage-telemetry was not installed.\n"
    )


def test_details_of_the_status_and_the_log(manager: FakeSystemd) -> None:
    """Names of variables, and never a value."""
    manager.program("journalctl", 'echo "journalctl $*"')
    for verb in ("restart", "logs"):
        done = manager.run("telemetry", "daemon", verb)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "openusage: openusage-telemetry is not installed.\n"
            "Install it: openusage telemetry daemon install\n"
        )
    unit, env = manager.home / UNIT, manager.home / ENV
    for file, text in ((unit, ""), (env, 'OPENUSAGE_HUB_TOKEN="s3cret"\nPATH=/bin\n')):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    done = manager.run("telemetry", "daemon", "logs", "-n", "7", "-f")
    assert (done.returncode, done.stdout) == (
        0,
        "journalctl --user --unit=openusage-telemetry.service --lines=7 --follow\n",
    )
    done = manager.run("telemetry", "daemon", "status", "--details")
    assert done.returncode == 3
    assert done.stdout.splitlines()[2:5] == [
        "  Service:   systemd, inactive (dead)",
        f"  Unit:      {unit}",
        "  Variables: OPENUSAGE_HUB_TOKEN, PATH",
    ]


def test_lines_that_mean_nothing_are_told_by_number_alone(manager: FakeSystemd) -> None:
    """A token in a line of its own must not end in a log."""
    env = manager.home / "my.env"
    env.write_text("PATH=/bin\ns3cret\n")
    done = manager.run("telemetry", "daemon", "run", "--env-file", str(env), "--db-path", "/proc/no/such")
    assert done.returncode == 1
    assert f'openusage: {env}: line 2 is passed over; it should be NAME="value"' in done.stderr
    assert "s3cret" not in done.stderr
    missing = manager.run("telemetry", "daemon", "run", "--env-file", "/no/such.env")
    assert (missing.returncode, "there is no file /no/such.env" in missing.stderr) == (2, True)


def test_another_programs_daemon_is_not_pushed_aside(manager: FakeSystemd) -> None:
    """The Go program's listens at the same socket and has no state to tell."""
    path = socket_of(manager.home, **manager.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        asked = connection.recv(4096)
                        status = "200 OK" if b"GET /healthz" in asked else "404 Not Found"
                        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        done = manager.run("telemetry", "daemon", "install")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_S)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Another program's daemon runs here, at {path}." in done.stderr
    assert not manager.calls
