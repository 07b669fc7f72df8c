"""Hubs that refuse, break, lie or hang. Collection never notices, and each is said once."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.support import bad_hub
from tests.support.bad_hub import Answer, BadHub
from tests.support.daemons import DaemonProcess, daily, told_status
from tests.support.homes import claude_line, write_claude, write_settings
from tests.support.processes import PROMPTLY_S, WATCHED_S, Process, until
from tools.ports import free_port

pytestmark = pytest.mark.slow

TOKEN = "s3cret-word"
ELSEWHERE = "203.0.113.7"

BAD: dict[str, tuple[Answer, str]] = {
    "drips": (bad_hub.drips, "no answer within 10 s"),
    "hangs": (bad_hub.hangs, "no answer within 10 s"),
    "no token": (bad_hub.says("401 Unauthorized"), "refuses the token"),
    "fault": (bad_hub.says("500 Oops", b"<h1>oops</h1>"), "answers 500"),
    "web page": (bad_hub.says("200 OK", b"<html>hello</html>"), "not a hub"),
    "redirect": (bad_hub.says("307 There", Location=f"http://{ELSEWHERE}/?t={TOKEN}"), ELSEWHERE),
    "odd redirect": (bad_hub.says("302 There", Location="http://[x/\x1b[31m"), "redirects to"),
    "closes": (bad_hub.closes, "without an answer"),
    "resets": (bad_hub.resets, "broke off"),
    "half": (bad_hub.half_an_answer, "middle of its answer"),
    "no http": (bad_hub.no_http, "does not speak HTTP"),
    "endless": (bad_hub.never_ends, "not a hub"),
}


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def worker(home: Path, url: str) -> Path:
    home.mkdir()
    write_settings(home, export={"target": url, "interval_seconds": 1, "machine_name": "a"})
    write_claude(home, claude_line("1", at=now()))
    return home


def wait_failures(daemon: DaemonProcess, count: int, what: str) -> None:
    until(lambda: daemon.exporter().failures >= count, what)


def test_a_bad_hub_stops_no_collection_and_is_told_once(tmp_path: Path) -> None:
    """All bad hubs at once, each with a daemon of its own, so that the 10 s of those that hang pass once."""
    with ExitStack() as stack:
        daemons: dict[str, DaemonProcess] = {}
        for name, (answer, _) in BAD.items():
            hub = stack.enter_context(BadHub(answer))
            home = worker(tmp_path / name.replace(" ", "-"), hub.url)
            daemons[name] = DaemonProcess(home, OPENUSAGE_HUB_TOKEN=TOKEN)
            stack.callback(daemons[name].__exit__)
        for daemon in daemons.values():
            daemon.wait_read()
        for daemon in daemons.values():
            write_claude(daemon.home, claude_line("2", at=now()))
            daemon.wait_events(2, "the new turn while the hub is bad", timeout_s=WATCHED_S)
        for name, daemon in reversed(daemons.items()):  # those that hang take longest
            wait_failures(daemon, 1, f"{name}: the exporter notices")
            assert BAD[name][1] in daemon.said
            assert daemon.exporter().last_error in daemon.said
            assert daemon.exporter().state == "failing"
            assert daemon.exporter().last_ok_at is None
        for name, daemon in daemons.items():
            if not name.startswith(("drips", "hangs")):
                wait_failures(daemon, 3, f"{name}: it tries again")
            memory = psutil.Process(daemon.pid).memory_info().rss
            assert memory < 120e6, (name, memory)
            shown = json.dumps(told_status(daemon.home)) if name == "redirect" else str(daemon.status())
            code, seconds = daemon.terminate()
            assert code == 0
            assert seconds < PROMPTLY_S, (name, "a hub that hangs holds nobody up", seconds)
            warnings = [line for line in daemon.said.splitlines() if "cannot push" in line]
            assert len(warnings) == len(set(line.split("W ", 1)[1] for line in warnings)), (name, warnings)
            assert TOKEN not in daemon.said + shown, name
            assert "\x1b" not in daemon.said + shown, name
        assert daily(daemons["half"].home)["total"]["requests"] == 2


def test_a_token_goes_to_the_target_and_nowhere_else(tmp_path: Path) -> None:
    with BadHub(bad_hub.says("200 OK")) as elsewhere:
        moved = bad_hub.says("308 Moved", Location=f"{elsewhere.url}/v1/push")
        with BadHub(moved) as hub:
            home = worker(tmp_path / "a", hub.url)
            with DaemonProcess(home, OPENUSAGE_HUB_TOKEN=TOKEN) as daemon:
                until(lambda: daemon.exporter().failures > 1, "it was redirected twice")
            assert all(f"Bearer {TOKEN}".encode() in head for head in hub.requests)
        assert elsewhere.requests == []


def test_a_hub_that_appears_later_gets_everything(tmp_path: Path) -> None:
    port = free_port()
    home = worker(tmp_path / "a", f"http://127.0.0.1:{port}")
    hub_home = tmp_path / "hub"
    hub_home.mkdir()
    with DaemonProcess(home) as daemon:
        until(lambda: daemon.exporter().failures > 1, "nobody is there")
        assert daemon.exporter().last_error == "connection refused"
        write_claude(home, claude_line("2", at=now()))
        daemon.wait_events(2, "the new turn")
        with Process(hub_home, "hub", "--headless", "--listen", f"127.0.0.1:{port}"):
            until(lambda: daemon.exporter().state == "ok", "the hub is found")
            assert daemon.exporter().failures == 0
            assert told_status(home)["exporters"][0]["last_error"] == ""
        assert daemon.said.count("cannot push") == 1
