"""The whole way with real processes: a log line on one machine becomes a tile on another."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from openusage.providers import names
from tests.support.bad_hub import BadHub, says
from tests.support.daemons import DaemonProcess, told_status
from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.hubs import TOKEN, Hub, worker
from tests.support.processes import PROMPTLY_S, Process, run, until

pytestmark = pytest.mark.slow


def today(hour: int = 0) -> str:
    """A time of today that has passed already."""
    now = dt.datetime.now(dt.UTC)
    return now.replace(minute=0, second=0, microsecond=0, hour=min(hour, now.hour)).isoformat()


def test_two_machines_one_hub_and_everything_that_can_be_killed(tmp_path: Path) -> None:
    hub_home = tmp_path / "hub"
    hub_home.mkdir()
    write_settings(hub_home, hub={"stale_timeout_seconds": 3})
    with Hub(hub_home) as hub, ExitStack() as stack:
        a, b = worker(tmp_path, "a", hub.url), worker(tmp_path, "b", hub.url)
        write_claude(a, claude_line("1", at=today()))
        write_codex(b, at=today())
        daemon_a = stack.enter_context(Process(a, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        daemon_b = stack.enter_context(Process(b, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        both = ["a:claude_code:claude-code", "b:codex:codex-cli"]
        until(lambda: hub.keys() == both, "both machines are on the hub")

        # A new turn reaches the hub, counted once.
        write_claude(a, claude_line("2", at=today(), output=7), claude_line("2", at=today(), output=50))
        until(lambda: requests(hub) == 2, "the new turn is on the hub")

        # A killed machine leaves after the stale time; its numbers are right when it comes back.
        daemon_a.kill()
        until(lambda: hub.keys() == both[1:], "the killed machine's tiles leave")
        stack.enter_context(Process(a, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: hub.keys() == both, "the machine is back")
        until(lambda: requests(hub) == 2, "with the numbers that it had")

        # A killed hub has everybody back.
        hub.kill()
        until(lambda: "connection refused" in exporter_of(b)["last_error"], "the exporter notices")
        assert exporter_of(b)["state"] == "failing"
        hub.start()
        until(lambda: hub.keys() == both, "both are on the restarted hub")
        assert daemon_b.running
        told = [line.partition("cannot push")[2] for line in daemon_b.said.splitlines()]
        told = [why for why in told if why]
        assert len(told) == len(set(told)), "each reason once, however many pushes failed"
        assert TOKEN not in daemon_b.said

        code, seconds = daemon_b.terminate()
        assert code == 0
        assert seconds < PROMPTLY_S


def exporter_of(home: Path) -> Any:
    status = json.loads(run(home, "telemetry", "daemon", "status", "--json").stdout)
    return status["exporters"][0]


def requests(hub: Hub) -> float:
    snapshot = hub.get("/v1/snapshots").get("a:claude_code:claude-code")
    if snapshot is None:
        return -1
    used: float = snapshot["metrics"]["window_requests"]["used"]
    return used


def test_a_push_carries_no_personal_data_and_no_text(tmp_path: Path) -> None:
    with Hub(tmp_path / "hub") as hub:
        home = worker(tmp_path, "a", hub.url)
        write_claude(home, claude_line("1", at=today()))
        account = {
            "oauthAccount": {"accountUuid": "u-1", "emailAddress": "ann@example.com", "displayName": "Ann"}
        }
        (home / ".claude.json").write_text(json.dumps(account))
        with Process(home, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN):
            until(lambda: hub.keys(), "the machine is on the hub")
            text = json.dumps(hub.get("/v1/snapshots"))
    for private in ("ann@example.com", "Ann", str(home), "a secret sentence"):
        assert private not in text


def test_one_process_is_a_hub_that_collects_its_own_machine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    write_claude(home, claude_line("1", at=today()))
    write_settings(home, export={"machine_name": "solo"})
    with Hub(home, "--collect", token="") as hub:
        until(lambda: hub.keys() == ["solo:claude_code:claude-code"], "its own machine is on it")
        until(lambda: hub.requests() == 1, "and in its history")
        until(lambda: hub.url in hub.said, "it says where to look")
        code, seconds = hub.process.terminate()
    assert code == 0
    assert seconds < PROMPTLY_S


def test_a_hub_that_collects_tells_its_own_token_to_no_other_hub(tmp_path: Path) -> None:
    """That of `export.target` is the one this machine joined with."""
    home = tmp_path / "home"
    home.mkdir()
    write_claude(home, claude_line("1", at=today()))
    env_file = home / ".local/state/openusage/daemon.env"
    with BadHub(says("200 OK")) as other:
        write_settings(home, export={"machine_name": "solo", "target": other.url})
        with Hub(home, "--collect") as hub:
            until(lambda: hub.keys() == ["solo:claude_code:claude-code"], "its own machine is on it")
            until(lambda: other.requests, "the other hub is pushed to")
        assert b"authorization" not in b"".join(other.requests).lower()
        env_file.write_text('OPENUSAGE_HUB_TOKEN="of the other"\n')
        with Hub(home, "--collect") as hub:
            until(lambda: hub.keys() == ["solo:claude_code:claude-code"], "its own machine is on it again")
            until(lambda: b"Bearer of the other" in b"".join(other.requests), "the other gets its own")
        assert TOKEN.encode() not in b"".join(other.requests)


def test_a_hub_beside_a_running_daemon_gets_its_records_too(tmp_path: Path) -> None:
    """`hub --collect` where a daemon runs already: its snapshots and its records, and what comes later."""
    home = tmp_path / "home"
    home.mkdir()
    write_claude(home, claude_line("1", at=today()))
    write_settings(home, export={"machine_name": "solo", "records": "no_projects"})
    with DaemonProcess(home, "--db-path", str(home / "elsewhere.db")) as daemon:
        with Hub(home, "--collect", token="") as hub:
            until(lambda: hub.keys() == ["solo:claude_code:claude-code"], "its tiles are on the hub")
            until(lambda: hub.requests() == 1, "its records are")
            write_claude(home, claude_line("2", at=today()))
            until(lambda: hub.requests() == 2, "the next turn follows")
            (machine,) = hub.machines().values()
            assert (machine["name"], machine["records"], machine["backlog"]) == ("solo", 2, 0)
            projects = {row["key"]["project"] for row in hub.get("/v1/usage?window=all&by=project")["rows"]}
            shown = json.dumps(hub.get("/v1/snapshots"))
            assert all(name.startswith("project-") and name in shown for name in projects)
            assert "shop" not in shown
            assert hub.process.terminate()[0] == 0
        assert daemon.running
        assert daemon.status().exporters == []


def test_an_empty_home_is_told_what_was_looked_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Hub(home, "--collect", token="") as hub:
        until(lambda: "openusage demo" in hub.said, "it names what to do")
        assert f"Looked for {len(names())} tools, see `openusage detect`" in hub.said
        assert hub.get("/v1/snapshots") == {}


def test_a_second_daemon_says_who_is_there(tmp_path: Path) -> None:
    with Process(tmp_path, "telemetry", "daemon") as first:
        until(lambda: run(tmp_path, "telemetry", "daemon", "status").returncode == 0, "the daemon answers")
        second = run(tmp_path, "telemetry", "daemon")
        assert second.returncode == 1
        assert "A daemon is already running on" in second.stderr
        assert f"(process {first.pid})" in second.stderr


def test_daily_agrees_with_and_without_a_daemon(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("1", at="2026-11-20T10:00:00.000Z"))
    write_codex(tmp_path, at="2026-11-21T10:00:00.000Z")
    alone = run(tmp_path, "daily", "--json", "--tz", "UTC")
    assert alone.returncode == 0, alone.stderr
    report = json.loads(alone.stdout)
    assert [row["key"] for row in report["rows"]] == ["2026-11-20", "2026-11-21"]
    assert report["totals"]["total_tokens"] == 1110 + 1200
    with Process(tmp_path, "telemetry", "daemon"):
        until(lambda: run(tmp_path, "telemetry", "daemon", "status").returncode == 0, "the daemon answers")
        write_claude(tmp_path, claude_line("2", at="2026-11-21T11:00:00.000Z"))

        def served() -> int:
            report = json.loads(run(tmp_path, "daily", "--json", "--tz", "UTC").stdout)
            return int(report["totals"]["total_tokens"])

        until(lambda: served() == 2 * 1110 + 1200, "the new turn is in the daemon's answer")


def test_a_hub_changes_nothing_about_collecting(tmp_path: Path) -> None:
    """Without `export.target` nothing leaves the machine; with it the machine's own answers are the same."""
    silent = tmp_path / "silent"
    silent.mkdir()
    with Hub(tmp_path / "hub") as hub, ExitStack() as stack:
        pushing = worker(tmp_path, "pushing", hub.url)
        for home in (pushing, silent):
            write_claude(home, claude_line("1", at="2026-11-20T10:00:00.000Z"))
            write_codex(home, at="2026-11-21T10:00:00.000Z")
            stack.enter_context(DaemonProcess(home, OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: len(hub.keys()) == 2, "the pushing machine is on the hub")
        reports = [run(home, "daily", "--json", "-b", "--tz", "UTC").stdout for home in (pushing, silent)]
        assert reports[0] == reports[1]
        assert {key.split(":")[0] for key in hub.keys()} == {"pushing"}
        assert told_status(silent)["exporters"] == []


def test_machines_with_copies_of_each_other_add_up_to_the_truth(tmp_path: Path) -> None:
    """Homes overlap: the hub's totals are those of the union, also after it and a machine were killed."""
    shared = [claude_line(f"shared-{n}", at=f"2026-11-{10 + n}T10:00:00.000Z") for n in range(4)]
    with Hub(tmp_path / "hub") as hub, ExitStack() as stack:
        homes = [worker(tmp_path, name, hub.url) for name in ("a", "b", "c")]
        for n, home in enumerate(homes):
            own = [claude_line(f"own-{n}-{i}", at="2026-11-20T10:00:00.000Z") for i in range(n + 1)]
            write_claude(home, *shared, *own)

        def fleet() -> subprocess.CompletedProcess[str]:
            return run(tmp_path, "fleet", hub.url, "--json", "--tz", "UTC", OPENUSAGE_HUB_TOKEN=TOKEN)

        def total() -> int:
            report = fleet()
            return int(json.loads(report.stdout)["totals"]["total_tokens"]) if report.returncode == 0 else -1

        daemons = [
            stack.enter_context(Process(h, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN)) for h in homes
        ]
        until(lambda: total() == (4 + 1 + 2 + 3) * 1110, "the union is on the hub")
        hub.kill()
        daemons[0].kill()
        write_claude(homes[1], claude_line("while-away", at="2026-11-21T10:00:00.000Z"))
        hub.start()
        stack.enter_context(Process(homes[0], "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: total() == (4 + 1 + 2 + 3 + 1) * 1110, "what came meanwhile is there too")
        by_machine = fleet()
        rows = {row["key"]: row for row in json.loads(by_machine.stdout)["rows"]}
        assert set(rows) == {"a", "b", "c"}
        assert sum(row["total_tokens"] for row in rows.values()) == 11 * 1110
        assert "on more than one machine and are counted once" in by_machine.stderr


def test_fleet_says_what_is_wrong_with_a_hub(tmp_path: Path) -> None:
    """Nobody there and a wrong token are sentences, with the exit status of an unreachable peer."""
    assert "does not answer" in run(tmp_path, "fleet", "http://127.0.0.1:1").stderr
    with Hub(tmp_path / "hub") as hub:
        refused = run(tmp_path, "fleet", hub.url, OPENUSAGE_HUB_TOKEN="wrong")
    assert refused.returncode == 3
    assert "does not accept this token" in refused.stderr
