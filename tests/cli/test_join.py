"""`openusage join` and `leave`: a real hub with TLS, a real daemon under a stand-in for systemd."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage.cli.compose import join
from openusage.cli.surroundings import surroundings
from openusage.wire.local import DaemonStatus, ExporterStatus
from tests.support.certificates import Authority
from tests.support.daemons import DaemonProcess, told_status
from tests.support.homes import claude_line, write_claude
from tests.support.hubs import Hub, TlsHub
from tests.support.managers import FakeSystemd, skip_where_this_python_vanishes
from tests.support.processes import PATIENCE_S, environment, run, until

ENV = ".local/state/openusage/daemon.env"
UNIT = ".config/systemd/user/openusage-telemetry.service"
SETTINGS = ".config/openusage/settings.json"
TOKEN = "a-shared-token-that-nobody-guesses"
NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def hub(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsHub]:
    with TlsHub(tmp_path_factory.mktemp("hub") / "home", authority, token=TOKEN) as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path, authority: Authority) -> Iterator[FakeSystemd]:
    """A laptop that trusts the authority, with a tool on it and the shared token in its shell."""
    skip_where_this_python_vanishes()
    home = tmp_path / "laptop"
    home.mkdir()
    write_claude(home, claude_line("m1", at="2026-03-02T10:00:00.000Z"))
    with FakeSystemd(home) as made:
        made.environ |= {"SSL_CERT_FILE": str(authority.file), "OPENUSAGE_HUB_TOKEN": TOKEN}
        yield made


def files(home: Path) -> set[str]:
    """Of the home, without what commands said."""
    found = {
        str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    return {name for name in found if not name.startswith("output-")}


def is_untouched(machine: FakeSystemd) -> bool:
    """Nothing of a join is there."""
    places = (ENV, UNIT, SETTINGS, ".local/state/openusage/joined.json")
    return not machine.calls and not any((machine.home / name).exists() for name in places)


def test_a_machine_joins_with_a_token_of_its_own_and_leaves_as_if_it_had_never_been(
    machine: FakeSystemd, hub: TlsHub
) -> None:
    home = machine.home
    old = b'{"ui":{"warn_threshold":0.3},\n\t"export": {"interval_seconds": 1}, "of the Go program": [1]}'
    (home / SETTINGS).parent.mkdir(parents=True)
    (home / SETTINGS).write_bytes(old)
    before = files(home)
    token = run(hub.home, "hub", "token", "create", "--machine", "work-laptop").stdout
    file = machine.folder / "token"
    file.write_text(token)
    done = machine.run("join", hub.url, "--name", "work-laptop", "--token-file", str(file))
    assert (done.returncode, done.stderr) == (0, ""), (done, machine.said)
    assert done.stdout.splitlines()[-1] == "Joined: the hub took the first push of work-laptop."
    assert "work-laptop:claude_code:claude-code" in hub.keys()
    assert token.strip() not in done.stdout + (home / UNIT).read_text() + (home / SETTINGS).read_text()
    assert f'OPENUSAGE_HUB_TOKEN="{token.strip()}"' in (home / ENV).read_text()
    assert (home / ENV).stat().st_mode & 0o777 == 0o600
    settings = json.loads((home / SETTINGS).read_text())
    assert settings["export"] == {"interval_seconds": 1, "target": hub.url, "machine_name": "work-laptop"}
    assert settings["of the Go program"] == [1]

    again = machine.run("telemetry", "daemon", "install")  # the shell's own token may be there to look
    assert (again.returncode, again.stderr) == (0, "")
    assert f'OPENUSAGE_HUB_TOKEN="{token.strip()}"' in (home / ENV).read_text()

    done = machine.run("leave")
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / SETTINGS).read_bytes() == old
    assert machine.pid is None
    assert {name.partition(".local/state/openusage/")[2] for name in files(home) - before} <= {
        *("openusage.db", "openusage.db-shm", "openusage.db-wal", "openusage.db.lock", "openusage.db.mark"),
        "machine-id",
    }
    assert "has not joined a hub" in machine.run("leave").stderr


def test_leaving_keeps_what_was_changed_since_and_brings_back_what_was_before(
    machine: FakeSystemd, hub: TlsHub
) -> None:
    settings = machine.home / SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text('{"export": {"target": "http://other:1", "interval_seconds": 9}}')
    (machine.home / ENV).parent.mkdir(parents=True)
    (machine.home / ENV).write_text('OPENUSAGE_HUB_TOKEN="of the other"\nPATH=/bin\n')
    for name in ("first", "second"):
        done = machine.run("join", hub.url, "--name", name, "--no-service")
        assert (done.returncode, done.stderr) == (0, "")
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"theme": "dark"}))
    assert machine.run("leave").returncode == 0
    assert json.loads(settings.read_text()) == {
        "export": {"target": "http://other:1", "interval_seconds": 9},
        "theme": "dark",
    }
    assert 'OPENUSAGE_HUB_TOKEN="of the other"\nPATH="/bin"\n' in (machine.home / ENV).read_text()
    assert not machine.calls

    done = machine.run("leave")  # of the hub that was written there by hand
    assert done.returncode == 0
    assert json.loads(settings.read_text()) == {"export": {"interval_seconds": 9}, "theme": "dark"}


def test_without_a_service_a_daemon_started_by_hand_has_token_and_authority_of_the_file(
    machine: FakeSystemd, hub: TlsHub, authority: Authority
) -> None:
    home = machine.home
    done = machine.run("join", hub.url, "--name", "by-hand", "--no-service")
    assert done.stdout.splitlines()[-1] == "To push: openusage telemetry daemon"
    assert not machine.calls
    machine.environ.pop("OPENUSAGE_HUB_TOKEN")
    machine.environ.pop("SSL_CERT_FILE")
    with (home / ENV).open("a") as file:
        file.write(f"SSL_CERT_FILE={authority.file}\n")
    with DaemonProcess(home, **machine.environ) as daemon:
        until(lambda: daemon.exporter().last_ok_at is not None, f"it pushes: {daemon.exporter()}")
        done = machine.run(
            "join", hub.url, "--no-service", OPENUSAGE_HUB_TOKEN=TOKEN, SSL_CERT_FILE=str(authority.file)
        )
        assert f"(process {daemon.pid}) takes it up when it is started again." in done.stdout
        assert told_status(home, **machine.environ)["service"]["state"]["installed"] is False
        done = machine.run("join", hub.url, OPENUSAGE_HUB_TOKEN=TOKEN, SSL_CERT_FILE=str(authority.file))
        assert (done.returncode, done.stderr) == (0, "")
        assert f"by the dashboard (process {daemon.pid}), has made way." in done.stdout
        assert "Joined: the hub took the first push of by-hand." in done.stdout
        assert not daemon.running
        assert machine.pid is not None


def test_a_daemon_that_is_part_of_a_hub_is_left_alone(machine: FakeSystemd, hub: TlsHub) -> None:
    with Hub(machine.home, "--collect", **machine.environ | {"OPENUSAGE_HUB_TOKEN": ""}) as own:
        until(lambda: machine.run("telemetry", "daemon", "status").returncode == 0, "it collects")
        for command in (("join", hub.url), ("telemetry", "daemon", "install")):
            done = machine.run(*command)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"as a part of another program (process {own.process.pid})." in done.stderr
        assert own.process.running
    assert is_untouched(machine)


def test_the_token_is_asked_for_and_not_shown_while_it_is_typed(machine: FakeSystemd, hub: TlsHub) -> None:
    machine.environ.pop("OPENUSAGE_HUB_TOKEN")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "openusage.cli", "join", hub.url, "--no-service"],
        env=environment(machine.home, **machine.environ),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    while b"Token of" not in shown:
        shown += os.read(screen, 1024)
    os.write(screen, TOKEN.encode() + b"\n")
    while True:
        try:
            part = os.read(screen, 1024)
        except OSError:  # nobody holds the terminal any more
            break
        if not part:
            break
        shown += part
    os.close(screen)
    assert process.wait(PATIENCE_S) == 0, shown
    assert b"export.target is" in shown
    assert TOKEN.encode() not in shown
    assert TOKEN in (machine.home / ENV).read_text()


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        ((), {"OPENUSAGE_HUB_TOKEN": "wrong"}, 3, "does not accept this token: it is not one of the hub's."),
        ((), {"OPENUSAGE_HUB_TOKEN": ""}, 2, "wants a token, and there is none."),
        (
            (),
            {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
            3,
            "an authority that is not known here",
        ),
        (("--token-file", "/no/such"), {}, 2, "The token cannot be read from /no/such: No such file"),
        (("--token-file", "/etc/passwd"), {}, 2, "That is no token: it has blanks"),
    ],
    ids=["wrong token", "no token", "unknown authority", "no file", "no token in the file"],
)
def test_what_is_wrong_is_a_sentence_and_nothing_is_changed(
    arguments: tuple[str, ...],
    environ: dict[str, str],
    code: int,
    said: str,
    machine: FakeSystemd,
    hub: TlsHub,
) -> None:
    done = machine.run("join", hub.url, *arguments, **environ)
    assert (done.returncode, said in done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr
    assert is_untouched(machine)


def test_without_a_manager_nothing_is_changed(machine: FakeSystemd, hub: TlsHub) -> None:
    (machine.folder / "no-bus").touch()
    done = machine.run("join", hub.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "systemd does not answer here (Failed to connect to bus" in done.stderr
    assert f"without a service: openusage join {hub.url} --no-service\n" in done.stderr
    (machine.folder / "no-bus").unlink()
    (machine.folder / "calls").unlink(missing_ok=True)
    assert is_untouched(machine)


def test_a_clock_five_minutes_off_is_warned_of(
    machine: FakeSystemd, hub: TlsHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(machine.home, **machine.environ).items():
        monkeypatch.setenv(name, value)
    said: list[str] = []

    def late() -> dt.datetime:
        return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)

    wanted = join.Wanted(hub.url, "late", False, 0)
    assert join.join(surroundings(), wanted, lambda: TOKEN, said.append, now=late) == 0
    assert said[0].startswith("Warning: this machine's clock is 5 m behind the hub's.")
    assert "takes pushes of late" in said[1]


URL = "https://hub:9190"


def status(*exporters: ExporterStatus, read: bool = True, accounts: int = 1) -> DaemonStatus:
    return DaemonStatus(
        pid=1,
        version="1",
        api_version="v1",
        started_at=NOW,
        machine="m",
        socket="/s",
        database="/d",
        size_bytes=1,
        accounts=[("claude_code", "a")] * accounts,
        first_read_done=read,
        exporters=list(exporters),
    )


@pytest.mark.parametrize(
    ("told", "text", "code", "is_decided"),
    [
        (None, join.NOT_YET, 3, False),
        (status(ExporterStatus(target="http://other", state="ok", last_ok_at=NOW)), join.NOT_YET, 3, False),
        (status(ExporterStatus(target=URL, state="ok", machine="m", last_ok_at=NOW)), "push of m.", 0, True),
        (
            status(ExporterStatus(target=URL, state="failing", last_error="no", failures=2)),
            "push: no.",
            3,
            True,
        ),
        (status(ExporterStatus(target=URL, state="failing", failures=1), read=False), "(the logs", 0, False),
        (status(ExporterStatus(target=URL, state="waiting"), accounts=0), join.NOTHING, 0, True),
    ],
)
def test_how_far_a_join_is(told: DaemonStatus | None, text: str, code: int, is_decided: bool) -> None:
    progress = join.progress_of(told, URL)
    assert text in progress.text
    assert (progress.code, progress.is_decided) == (code, is_decided)
