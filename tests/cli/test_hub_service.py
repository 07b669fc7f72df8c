"""`openusage hub install` and the others: a real hub under a stand-in for systemd."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from openusage.cli.compose import hub_service
from openusage.errors import ServiceError
from openusage.service import EnvFile
from openusage.service.place import hidden
from openusage.settings import Hub, load
from tests.support.certificates import Authority
from tests.support.homes import claude_line, write_claude
from tests.support.managers import FakeSystemd, skip_where_this_python_vanishes
from tests.support.processes import until
from tools.ports import free_port

UNIT = ".config/systemd/user/openusage-hub.service"
ENV = ".local/state/openusage/hub.env"
SETTINGS = ".config/openusage/settings.json"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeSystemd]:
    skip_where_this_python_vanishes()
    home = tmp_path / "server"
    home.mkdir()
    with FakeSystemd(home) as made:
        yield made


def test_two_commands_on_the_hub_and_one_on_the_machine(server: FakeSystemd, tmp_path: Path) -> None:
    """Install, a token for a machine, join; killed it serves again; uninstalled only data are left."""
    authority = Authority(tmp_path)
    pair = authority.issue()
    listen = f"127.0.0.1:{free_port()}"
    options = ("--listen", listen, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    done = server.run("hub", "install", *options)
    assert (done.returncode, done.stderr) == (0, ""), (done, server.said)
    assert f"The hub serves at https://{listen}." in done.stdout
    assert "A shared token was made: OPENUSAGE_HUB_TOKEN in ~/.local/state/openusage/hub.env." in done.stdout
    home = server.home
    secret = (home / ENV).read_text().partition('OPENUSAGE_HUB_TOKEN="')[2].partition('"')[0]
    assert len(secret) == 64
    assert (home / ENV).stat().st_mode & 0o777 == 0o600
    assert secret not in done.stdout + (home / UNIT).read_text() + (home / SETTINGS).read_text()
    hub = load(home / SETTINGS).hub
    assert (hub.listen_addr, hub.tls_cert, hub.tls_key) == (listen, str(pair.cert), str(pair.key))

    token = server.run("hub", "token", "create", "--machine", "laptop").stdout.strip()
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    write_claude(laptop, claude_line("m1", at="2026-03-02T10:00:00.000Z"))
    with FakeSystemd(laptop) as machine:
        trust = {"SSL_CERT_FILE": str(authority.file), "OPENUSAGE_HUB_TOKEN": token}
        joined = machine.run("join", f"https://{listen}", "--name", "laptop", **trust)
        assert joined.stdout.splitlines()[-1] == "Joined: the hub took the first push of laptop.", joined

    first = server.pid
    again = server.run("hub", "install")
    assert (again.returncode, again.stderr) == (0, "")
    assert "was made" not in again.stdout
    assert secret in (home / ENV).read_text()
    assert server.pid not in (None, first)
    os.kill(server.pid or 0, signal.SIGKILL)
    until(lambda: server.run("hub", "status").returncode == 0, "it serves again")
    told = json.loads(server.run("hub", "status", "--json").stdout)
    assert (told["serving"], told["fault"], told["url"]) == (True, "", f"https://{listen}")
    assert told["service"]["state"]["restarts"] == 1
    assert "OPENUSAGE_HUB_TOKEN" in told["service"]["variables"]

    done = server.run("hub", "uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    assert not any((home / name).exists() for name in (UNIT, ENV))
    assert (home / ".local/state/openusage/hub.db").exists()
    stopped = server.run("hub", "status")
    assert (stopped.returncode, stopped.stdout.splitlines()[1]) == (3, "  Serving: no (connection refused)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--listen", ":9190", "--tls-cert", "/no/cert"), "the certificate /no/cert does not exist"),
        (("--listen", "9190"), "9190"),
        (("--tls-key", "/no/key"), "There is a key for TLS, but no certificate."),
        (("--token-file", "/no/token"), "The token cannot be read from /no/token"),
        (("--token-file", "/dev/null"), "The token cannot be read from /dev/null: there is nothing in it."),
        (("--token-file", "/etc/passwd"), "That is no token"),
    ],
)
def test_what_would_keep_it_from_serving_is_found_before_anything_is_changed(
    arguments: tuple[str, ...], said: str, server: FakeSystemd
) -> None:
    done = server.run("hub", "install", *arguments)
    assert (done.returncode != 0, said in done.stderr) == (True, True), done
    assert "Traceback" not in done.stderr
    assert not server.calls
    assert not any((server.home / name).exists() for name in (UNIT, ENV, SETTINGS))


def test_without_a_service_the_hubs_own_command_is_named(server: FakeSystemd) -> None:
    for verb in ("restart", "logs"):
        assert server.run("hub", verb).stderr == (
            "openusage: openusage-hub is not installed.\nInstall it: openusage hub install\n"
        )
    (server.folder / "no-bus").touch()
    done = server.run("hub", "install", "--listen", "127.0.0.1:9190")
    assert (done.returncode, done.stderr.endswith("or without a service: openusage hub\n")) == (1, True), done
    (server.folder / "no-bus").unlink()


def test_a_dry_run_shows_everything_but_values(server: FakeSystemd) -> None:
    done = server.run("hub", "install", "--listen", ":9190", "--dry-run", OPENUSAGE_HUB_TOKEN="s3cret-x")
    assert done.returncode == 0
    assert "Would set hub.listen_addr to ':9190'" in done.stdout
    assert "with: LANG, OPENUSAGE_HUB_TOKEN, PATH" in done.stdout
    assert "s3cret-x" not in done.stdout
    assert not (server.home / SETTINGS).exists()
    assert "Would remove" in server.run("hub", "uninstall", "--dry-run").stdout


# -- a service of the whole system -----------------------------------------------------------------


def test_the_systems_hub_is_roots_to_change_and_another_users_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a system of its own folders: what would be run is written down."""
    skip_where_this_python_vanishes()
    monkeypatch.setattr("openusage.service.keeper.hidden", lambda _: "")
    bin_dir, calls = tmp_path / "bin", tmp_path / "calls"
    bin_dir.mkdir()
    for name, script in (("systemctl", ""), ("runuser", '[ "$2" = openusage ] && shift 3 && exec "$@"')):
        (bin_dir / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{calls}"\n{script}\n')
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/root/somewhere")
    (tmp_path / "etc/systemd/system").mkdir(parents=True)

    place = hub_service.place(system=True, root=tmp_path)
    wanted = hub_service.Wanted(listen="127.0.0.1:9191", database="history.db")
    said = hub_service.install(hub_service.prepare(place, wanted, allow_public=False))
    folder = tmp_path / "etc/openusage"
    assert f"A shared token was made: OPENUSAGE_HUB_TOKEN in {folder}/hub.env." in said
    modes = {file.name: file.stat().st_mode & 0o777 for file in (folder, *folder.glob("[!.]*"))}
    assert modes == {"openusage": 0o755, "hub.env": 0o600, "settings.json": 0o644}
    assert load(folder / "settings.json").hub.listen_addr == "127.0.0.1:9191"
    variables = EnvFile(folder / "hub.env").read().variables
    assert not {name for name in variables if name.startswith("XDG_")}
    assert len(variables["OPENUSAGE_HUB_TOKEN"]) == 64
    unit = (tmp_path / "etc/systemd/system/openusage-hub.service").read_text()
    for line in (
        "User=openusage",
        f'Environment="HOME={tmp_path}/var/lib/openusage"',
        f'Environment="XDG_CONFIG_HOME={tmp_path}/etc"',
        f"EnvironmentFile=-{folder}/hub.env",
        "ProtectSystem=strict",
        "WantedBy=multi-user.target",
    ):
        assert line in unit.splitlines()
    runs = [run for run in calls.read_text().splitlines() if run != "systemctl show --property=Version"]
    assert runs[0].startswith("runuser -u openusage -- ")
    assert runs[1:] == [
        "systemctl daemon-reload",
        "systemctl enable openusage-hub.service",
        "systemctl restart openusage-hub.service",
    ]

    again = hub_service.place(system=True, root=tmp_path)
    assert again.here.settings.hub.database == "history.db"
    assert again.keeper.uninstall()
    assert [file.name for file in folder.glob("[!.]*")] == ["settings.json"]


def test_a_program_that_the_systems_hub_cannot_see_is_refused(tmp_path: Path) -> None:
    assert "/home" in hidden(Path("/home/ann/venv/bin/python"))
    assert hidden(Path("/usr/bin/env")) == ""
    link = tmp_path / "python"
    link.symlink_to("/root/.pyenv/bin/python")
    assert "/root" in hidden(link)


@pytest.mark.parametrize(
    ("platform", "uid", "said"),
    [
        ("darwin", 0, "is for systemd"),
        ("linux", 1000, "is root's"),
        ("linux", 0, "There is no user nobody-here"),
    ],
)
def test_who_cannot_have_it_is_told(
    platform: str, uid: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openusage.cli.compose.service.SYSTEM_USER", "nobody-here")
    with pytest.raises(ServiceError, match=said) as caught:
        hub_service.refuse_system(platform, uid)
    assert caught.value.hint


def test_its_state_may_be_asked_by_anybody(server: FakeSystemd) -> None:
    told = json.loads(server.run("hub", "status", "--system", "--json").stdout)
    assert told["service"]["file"] == "/etc/systemd/system/openusage-hub.service"
    assert told["service"]["env_file"] == "/etc/openusage/hub.env"


@pytest.mark.parametrize(
    ("hub", "own", "join"),
    [
        (Hub(listen_addr="127.0.0.1:9190"), "http://127.0.0.1:9190", ""),
        (
            Hub(listen_addr="127.0.0.1:9190", hosts=["h.example"]),
            "http://127.0.0.1:9190",
            "https://h.example",
        ),
        (Hub(listen_addr="[fd00::1]:1", tls_cert="/c"), "https://[fd00::1]:1", "https://[fd00::1]:1"),
        (Hub(listen_addr="hub.lan:9190"), "http://hub.lan:9190", "http://hub.lan:9190"),
        (Hub(listen_addr="[::]:9190"), "http://[::1]:9190", "http://box:9190"),
        (Hub(), "http://127.0.0.1:9190", "http://box:9190"),
    ],
)
def test_where_a_hub_is_reached(hub: Hub, own: str, join: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    assert hub_service.own_url(hub) == own
    assert hub_service.join_url(hub) == join
    said = hub_service.next_steps(hub)
    assert said.endswith(f"openusage join {join}" if join else "join URL   (the address that your proxy has)")


def test_a_status_is_told_also_where_the_address_is_wrong() -> None:
    hub = msgspec.structs.replace(Hub(), listen_addr="nonsense")
    assert hub_service.address(hub) == "nonsense"
