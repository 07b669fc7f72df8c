"""The whole way with real processes: a log line on one machine becomes a tile on another."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.processes import Process, run, until
from tools.ports import free_port

pytestmark = pytest.mark.slow

TOKEN = "s3cret"


def today(hour: int = 0) -> str:
    """A time of today that has passed already."""
    now = dt.datetime.now(dt.UTC)
    return now.replace(minute=0, second=0, microsecond=0, hour=min(hour, now.hour)).isoformat()


class Hub:
    """A headless hub process, and what it answers."""

    def __init__(self, home: Path, port: int, *args: str, **extra: str) -> None:
        self.port = port
        self.home = home
        self.args = args
        self.extra = extra
        self.process = self.start()

    def start(self) -> Process:
        listen = f"127.0.0.1:{self.port}"
        self.process = Process(self.home, "hub", "--headless", "--listen", listen, *self.args, **self.extra)
        until(lambda: self.health() is not None or not self.process.running, "the hub answers")
        assert self.process.running, self.process.said
        return self.process

    def get(self, path: str, token: str = "") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def health(self) -> Any:
        try:
            return self.get("/healthz")
        except (urllib.error.URLError, ConnectionError):
            return None

    def keys(self) -> list[str]:
        return sorted(self.get("/v1/snapshots", TOKEN))


def worker(tmp_path: Path, name: str, port: int) -> Path:
    """A home whose daemon pushes to the hub as `name`."""
    home = tmp_path / name
    home.mkdir()
    write_settings(
        home,
        export={"target": f"http://127.0.0.1:{port}/", "interval_seconds": 1, "machine_name": name},
    )
    return home


def test_two_machines_one_hub_and_everything_that_can_be_killed(tmp_path: Path) -> None:
    port = free_port()
    a, b = worker(tmp_path, "a", port), worker(tmp_path, "b", port)
    write_claude(a, claude_line("1", at=today()))
    write_codex(b, at=today())
    hub_home = tmp_path / "hub"
    hub_home.mkdir()
    write_settings(hub_home, hub={"stale_timeout_seconds": 3})
    with ExitStack() as stack:
        hub = Hub(hub_home, port, OPENUSAGE_HUB_TOKEN=TOKEN)
        stack.callback(lambda: hub.process.__exit__())
        daemon_a = stack.enter_context(Process(a, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        daemon_b = stack.enter_context(Process(b, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        both = ["a:claude_code:claude-code", "b:codex:codex-cli"]
        until(lambda: hub.keys() == both, "both machines are on the hub")

        # A new turn reaches the hub within an interval, counted once.
        write_claude(a, claude_line("2", at=today(), output=7), claude_line("2", at=today(), output=50))
        until(lambda: requests(hub) == 2, "the new turn is on the hub")

        # A killed machine leaves after the stale time; its numbers are right when it comes back.
        daemon_a.kill()
        until(lambda: hub.keys() == both[1:], "the killed machine's tiles leave")
        stack.enter_context(Process(a, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: hub.keys() == both, "the machine is back")
        assert requests(hub) == 2

        # A killed hub has everybody back within one interval.
        hub.process.kill()
        until(lambda: exporter_of(b)["state"] == "failing", "the exporter notices")
        assert "connection refused" in exporter_of(b)["last_error"]
        hub.start()
        until(lambda: hub.keys() == both, "both are on the restarted hub", timeout_s=6)
        assert daemon_b.running
        said = daemon_b.said
        assert said.count("cannot push") == 1
        assert TOKEN not in said

        code, seconds = daemon_b.terminate()
        assert code == 0
        assert seconds < 1.5


def exporter_of(home: Path) -> Any:
    status = json.loads(run(home, "telemetry", "daemon", "status", "--json").stdout)
    return status["exporters"][0]


def requests(hub: Hub) -> float:
    snapshot = hub.get("/v1/snapshots", TOKEN).get("a:claude_code:claude-code")
    if snapshot is None:
        return -1
    used: float = snapshot["metrics"]["window_requests"]["used"]
    return used


def test_a_push_carries_no_personal_data_and_no_text(tmp_path: Path) -> None:
    port = free_port()
    home = worker(tmp_path, "a", port)
    write_claude(home, claude_line("1", at=today()))
    account = {
        "oauthAccount": {"accountUuid": "u-1", "emailAddress": "ann@example.com", "displayName": "Ann"}
    }
    (home / ".claude.json").write_text(json.dumps(account))
    hub_home = tmp_path / "hub"
    hub_home.mkdir()
    with ExitStack() as stack:
        hub = Hub(hub_home, port, OPENUSAGE_HUB_TOKEN=TOKEN)
        stack.callback(lambda: hub.process.__exit__())
        stack.enter_context(Process(home, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: hub.keys(), "the machine is on the hub")
        text = json.dumps(hub.get("/v1/snapshots", TOKEN))
    for private in ("ann@example.com", "Ann", str(home), "a secret sentence"):
        assert private not in text


def test_one_process_is_a_hub_that_collects_its_own_machine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    write_claude(home, claude_line("1", at=today()))
    write_settings(home, export={"machine_name": "solo"})
    hub = Hub(home, free_port(), "--collect")
    with hub.process:
        until(lambda: hub.keys() == ["solo:claude_code:claude-code"], "its own machine is on it")
        assert f"http://127.0.0.1:{hub.port}" in hub.process.said
        code, seconds = hub.process.terminate()
    assert code == 0
    assert seconds < 3


def test_an_empty_home_is_told_what_was_looked_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    hub = Hub(home, free_port(), "--collect")
    with hub.process:
        until(lambda: "make demo" in hub.process.said, "it names what to do")
        assert "~/.claude/projects" in hub.process.said
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
        served = json.loads(run(tmp_path, "daily", "--json", "--tz", "UTC").stdout)
    assert served["totals"]["total_tokens"] == 2 * 1110 + 1200


def test_a_hub_changes_nothing_about_collecting(tmp_path: Path) -> None:
    """Without `export.target` nothing leaves the machine; with it the machine's own answers are the same."""
    port = free_port()
    pushing = worker(tmp_path, "pushing", port)
    silent = tmp_path / "silent"
    silent.mkdir()
    for home in (pushing, silent):
        write_claude(home, claude_line("1", at="2026-11-20T10:00:00.000Z"))
        write_codex(home, at="2026-11-21T10:00:00.000Z")
    hub_home = tmp_path / "hub"
    hub_home.mkdir()
    with ExitStack() as stack:
        hub = Hub(hub_home, port, OPENUSAGE_HUB_TOKEN=TOKEN)
        stack.callback(lambda: hub.process.__exit__())
        for home in (pushing, silent):
            stack.enter_context(Process(home, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: len(hub.keys()) == 2, "the pushing machine is on the hub")
        until(
            lambda: run(silent, "telemetry", "daemon", "status").returncode == 0, "the silent daemon answers"
        )
        reports = [run(home, "daily", "--json", "-b", "--tz", "UTC").stdout for home in (pushing, silent)]
        assert reports[0] == reports[1]
        assert {key.split(":")[0] for key in hub.keys()} == {"pushing"}
        status = json.loads(run(silent, "telemetry", "daemon", "status", "--json").stdout)
        assert status["exporters"] == []


def test_machines_with_copies_of_each_other_add_up_to_the_truth(tmp_path: Path) -> None:
    """Homes overlap: the hub's totals are those of the union, also after it and a machine were killed."""
    port = free_port()
    shared = [claude_line(f"shared-{n}", at=f"2026-11-{10 + n}T10:00:00.000Z") for n in range(4)]
    homes = [worker(tmp_path, name, port) for name in ("a", "b", "c")]
    for n, home in enumerate(homes):
        own = [claude_line(f"own-{n}-{i}", at="2026-11-20T10:00:00.000Z") for i in range(n + 1)]
        write_claude(home, *shared, *own)
    hub_home = tmp_path / "hub"
    hub_home.mkdir()

    def total() -> int:
        report = run(tmp_path, "fleet", f"http://127.0.0.1:{port}", "--json", OPENUSAGE_HUB_TOKEN=TOKEN)
        return int(json.loads(report.stdout)["totals"]["total_tokens"]) if report.returncode == 0 else -1

    with ExitStack() as stack:
        hub = Hub(hub_home, port, OPENUSAGE_HUB_TOKEN=TOKEN)
        stack.callback(lambda: hub.process.__exit__())
        daemons = [
            stack.enter_context(Process(h, "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN)) for h in homes
        ]
        until(lambda: total() == (4 + 1 + 2 + 3) * 1110, "the union is on the hub")
        hub.process.kill()
        daemons[0].kill()
        write_claude(homes[1], claude_line("while-away", at="2026-11-21T10:00:00.000Z"))
        hub.start()
        stack.enter_context(Process(homes[0], "telemetry", "daemon", OPENUSAGE_HUB_TOKEN=TOKEN))
        until(lambda: total() == (4 + 1 + 2 + 3 + 1) * 1110, "what came meanwhile is there too")
        by_machine = run(
            tmp_path, "fleet", f"127.0.0.1:{port}", "--json", "--tz", "UTC", OPENUSAGE_HUB_TOKEN=TOKEN
        )
        rows = {row["key"]: row for row in json.loads(by_machine.stdout)["rows"]}
        assert set(rows) == {"a", "b", "c"}
        assert sum(row["total_tokens"] for row in rows.values()) == 11 * 1110
        assert "on more than one machine and are counted once" in by_machine.stderr


def test_fleet_says_what_is_wrong_with_a_hub(tmp_path: Path) -> None:
    """Nobody there and a wrong token are sentences, with the exit status of an unreachable peer."""
    assert "does not answer" in run(tmp_path, "fleet", "http://127.0.0.1:1").stderr
    port = free_port()
    hub = Hub(tmp_path, port, OPENUSAGE_HUB_TOKEN=TOKEN)
    with hub.process:
        refused = run(tmp_path, "fleet", f"http://127.0.0.1:{port}", OPENUSAGE_HUB_TOKEN="wrong")
    assert refused.returncode == 3
    assert "does not accept this token" in refused.stderr
