"""A daemon that runs follows settings.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusage.wire.problems import Problem
from tests.support.bad_hub import BadHub, says
from tests.support.daemons import DaemonProcess, told_status
from tests.support.homes import claude_line, write_claude, write_settings
from tests.support.hubs import TOKEN, Hub
from tests.support.processes import until
from tests.support.tools import Machine

pytestmark = pytest.mark.slow

LINKS = {"provider_links": {"anthropic": "claude_code"}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_claude(tmp_path, claude_line("a", at="2026-03-02T10:00:00Z"))
    Machine.of_fixture("opencode", tmp_path)
    return tmp_path


def vendors(daemon: DaemonProcess) -> set[str]:
    """Whose answers nobody pays for."""
    return {found.upstream for found in daemon.status().unassigned}


def faults(daemon: DaemonProcess) -> list[Problem]:
    return [problem for problem in daemon.status().problems if "settings.json" in problem.what]


def test_links_hold_from_the_moment_they_are_written(home: Path) -> None:
    """Also in a folder that was not there when the daemon started; taken back, they are gone."""
    with DaemonProcess(home, "--collect-interval", "1") as daemon:
        assert "anthropic" in vendors(daemon)
        write_settings(home, telemetry=LINKS)
        until(lambda: "anthropic" not in vendors(daemon), "the link is known")
        write_settings(home, telemetry={})
        until(lambda: "anthropic" in vendors(daemon), "the link is forgotten")


def test_a_damaged_file_keeps_what_was_there_and_is_told(home: Path) -> None:
    write_settings(home, telemetry=LINKS)
    file = home / ".config/openusage/settings.json"
    with DaemonProcess(home) as daemon:
        assert "anthropic" not in vendors(daemon)
        file.write_text('{"telemetry": ')
        until(lambda: faults(daemon), "it is told")
        assert all(problem.hint for problem in faults(daemon))
        assert "anthropic" not in vendors(daemon)
        write_settings(home, telemetry=LINKS)
        until(lambda: not faults(daemon), "it is whole again")
        assert daemon.said.count("settings.json") == 1


def test_an_account_that_is_switched_off_leaves_the_hub_and_a_new_hub_waits(home: Path) -> None:
    """The token is the first hub's: the second one is not told it."""
    with BadHub(says("200 OK")) as other, Hub(home / "hub") as hub:
        export = {"machine_name": "box", "target": hub.url}
        write_settings(home, export=export)
        with DaemonProcess(home, OPENUSAGE_HUB_TOKEN=TOKEN) as daemon:
            until(lambda: "box:claude_code:claude-code" in hub.keys(), "it is on the hub")
            off = [{"account_id": "claude-code", "enabled": False}]
            write_settings(home, export=export | {"interval_seconds": 1}, dashboard={"providers": off})
            until(lambda: hub.keys() == ["box:opencode:opencode"], "the account leaves")
            write_settings(home, export=export | {"target": other.url})
            until(lambda: daemon.status().restart_for == ["export.target"], "it is said")
            assert told_status(home)["restart_for"] == ["export.target"]
            until(lambda: "box:claude_code:claude-code" in hub.keys(), "all else is taken up")
        assert other.requests == []
