"""Command lines -> what is run with which arguments: dashboard, hub, hub-view, daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from openusage.cli.__main__ import main
from openusage.cli.catalog import COMMANDS, ROOT_OPTIONS
from openusage.cli.root import root
from openusage.paths import Paths
from openusage.settings import Settings

from .conftest import Calls


def settings_file(home: Path, tree: dict[str, Any]) -> None:
    file = home / ".config" / "openusage" / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(tree))


# --- the tree ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_catalog_says_what_the_command_says(name: str) -> None:
    """The one-line help is kept apart so that listing imports nothing; the two must agree."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert (command.help or "").partition("\n")[0] == COMMANDS[name][1]


def test_the_help_shows_every_option_of_the_root() -> None:
    shown = " ".join(term for term, _ in ROOT_OPTIONS)
    for param in root.get_params(click.Context(root, help_option_names=["-h", "--help"])):
        assert all(name in shown for name in param.opts)


def test_every_option_has_help() -> None:
    def walk(command: click.Command) -> None:
        for param in command.params:
            assert isinstance(param, click.Argument) or getattr(param, "help", None), param
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                sub = command.get_command(click.Context(command), name)
                assert sub is not None
                assert sub.help
                walk(sub)

    walk(root)


# --- dashboard -----------------------------------------------------------------------------------------


def test_without_a_command_it_is_the_dashboard(home: Path, calls: Calls) -> None:
    assert main([]) == 0
    ((name, arguments),) = calls
    assert (name, arguments["window"]) == ("run_dashboard", None)
    assert arguments["settings"] == Settings()
    assert arguments["paths"] == Paths.from_env({}, home)


def test_the_dashboard_in_another_window(calls: Calls) -> None:
    assert main(["--window", "7d"]) == 0
    assert calls[0][1]["window"] == "7d"


def test_a_window_before_another_command_is_refused(calls: Calls) -> None:
    assert main(["--window", "7d", "hub"]) == 2
    assert calls == []


# --- hub -----------------------------------------------------------------------------------------------


def test_a_hub_by_default(calls: Calls) -> None:
    assert main(["hub"]) == 0
    ((name, arguments),) = calls
    assert name == "run_hub"
    assert {k: arguments[k] for k in ("listen", "headless", "allow_public", "collect", "token")} == {
        "listen": ":9190", "headless": False, "allow_public": False, "collect": False, "token": "",
    }  # fmt: skip


def test_a_hub_with_everything(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENUSAGE_HUB_TOKEN", " s3cret \n")
    assert main(["hub", "--listen", "0.0.0.0:1", "--headless", "--allow-public", "--collect"]) == 0
    arguments = calls[0][1]
    assert (arguments["listen"], arguments["token"]) == ("0.0.0.0:1", "s3cret")
    assert arguments["headless"] and arguments["allow_public"] and arguments["collect"]  # noqa: PT018


def test_the_settings_name_the_hubs_address_unless_the_command_line_does(home: Path, calls: Calls) -> None:
    settings_file(home, {"hub": {"listen_addr": "127.0.0.1:7"}})
    main(["hub"])
    main(["hub", "--listen", "127.0.0.1:8"])
    assert [arguments["listen"] for _, arguments in calls] == ["127.0.0.1:7", "127.0.0.1:8"]


def test_the_guards_message_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from openusage.cli import compose
    from openusage.errors import ListenError

    def refuse(*_: object, **__: object) -> int:
        raise ListenError('hub: refusing to listen on ":9190" without auth_token.\n  Choose one:')

    monkeypatch.setattr(compose, "run_hub", refuse)
    assert main(["hub"]) == 1
    assert capsys.readouterr().err == (
        'hub: refusing to listen on ":9190" without auth_token.\n  Choose one:\n'
    )


# --- hub-view ------------------------------------------------------------------------------------------


def test_a_hub_view_polls_at_the_dashboards_pace(home: Path, calls: Calls) -> None:
    settings_file(home, {"ui": {"refresh_interval_seconds": 12}})
    main(["hub-view", "http://hub.lan:9190/"])
    main(["hub-view", "hub.lan:9190", "--interval", "1m30s"])
    main(["hub-view", "hub.lan:9190", "--interval", "5"])
    assert [arguments["interval_s"] for _, arguments in calls] == [12, 90, 5]
    assert {arguments["url"] for _, arguments in calls} == {"http://hub.lan:9190"}


def test_the_token_of_a_hub_view(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line's wins over the environment's."""
    main(["hub-view", "x"])
    monkeypatch.setenv("OPENUSAGE_HUB_TOKEN", "from-env")
    main(["hub-view", "x"])
    main(["hub-view", "x", "--token", "given"])
    assert [arguments["token"] for _, arguments in calls] == ["", "from-env", "given"]


@pytest.mark.parametrize(
    "args", [[], ["ftp://x"], ["x", "--interval", "0"], ["x", "--interval", "soon"], ["x", "y"]]
)
def test_a_wrong_hub_view_is_refused(args: list[str], calls: Calls) -> None:
    assert main(["hub-view", *args]) == 2
    assert calls == []


# --- daemon --------------------------------------------------------------------------------------------

DEFAULTS = {
    "socket_path": None,
    "db_path": None,
    "interval_s": None,
    "collect_interval_s": None,
    "poll_interval_s": None,
    "verbose": False,
}


@pytest.mark.parametrize(
    ("args", "given"),
    [
        ([], {}),
        (["run"], {}),
        (["run", "--verbose"], {"verbose": True}),
        (["--verbose"], {"verbose": True}),
        (["run", "--interval", "0"], {}),
        (
            ["run", "--interval", "10s", "--collect-interval", "5s", "--poll-interval", "1m"],
            {"interval_s": 10, "collect_interval_s": 5, "poll_interval_s": 60},
        ),
        (["run", "--db-path", "/d.db", "--spool-dir", "/s"], {"db_path": Path("/d.db")}),
        (["run", "--socket-path", "/x.sock"], {"socket_path": Path("/x.sock")}),
        (["--socket-path", "/x.sock", "run"], {"socket_path": Path("/x.sock")}),
        (["--socket-path", "/x.sock"], {"socket_path": Path("/x.sock")}),
        (["--socket-path", "/x.sock", "run", "--socket-path", "/y.sock"], {"socket_path": Path("/y.sock")}),
    ],
)
def test_the_daemon_runs(args: list[str], given: dict[str, Any], calls: Calls) -> None:
    """With and without the word `run`, and with the Go program's place for `--socket-path`."""
    assert main(["telemetry", "daemon", *args]) == 0
    ((name, arguments),) = calls
    assert name == "run_daemon"
    assert {k: arguments[k] for k in DEFAULTS} == DEFAULTS | given


@pytest.mark.parametrize("args", [["stats"], ["--nothing"], ["run", "--interval", "-1s"], ["run", "extra"]])
def test_a_wrong_daemon_command_is_refused(args: list[str], calls: Calls) -> None:
    assert main(["telemetry", "daemon", *args]) == 2
    assert calls == []


def test_the_group_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["telemetry"]) == 2
    assert capsys.readouterr().err.startswith("Usage: openusage telemetry")
    assert main(["telemetry", "daemon", "--help"]) == 0
    assert "status" in capsys.readouterr().out
