"""What `telemetry daemon status` prints."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusage.cli import compose, daemon_status
from openusage.cli.__main__ import main
from openusage.errors import PeerUnreachable
from openusage.wire.local import DaemonStatus, ExporterStatus, SpoolStatus, Unassigned
from openusage.wire.problems import Problem

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
STATUS = DaemonStatus(
    pid=42,
    version="0.1.0",
    api_version="v1",
    started_at=NOW - dt.timedelta(hours=2),
    machine="work-laptop",
    socket="/s/telemetry.sock",
    database="/s/openusage.db",
    size_bytes=12_000_000,
    accounts=[("claude_code", "claude-code"), ("codex", "codex-cli")],
    events=50_242,
    last_collected_at=NOW - dt.timedelta(seconds=4),
)
PUSHING = ExporterStatus(
    target="http://hub.lan:9190",
    state="ok",
    machine="work-laptop",
    last_ok_at=NOW - dt.timedelta(seconds=40),
)
FAILING = ExporterStatus(
    target="http://hub.lan:9190", state="failing", last_error="connection refused", failures=3, next_try_s=8
)


def text(details: bool = False, **changes: Any) -> str:
    status = msgspec.structs.replace(STATUS, **changes)
    return daemon_status.as_text(status, [], now=NOW, details=details, own_version="0.1.0")


def test_a_daemon_of_another_version_is_told_how_to_be_of_this_one() -> None:
    assert "Version:  0.0.9 (API v1); this program is 0.1.0: openusage telemetry daemon restart" in text(
        version="0.0.9"
    )


def test_lines_of_the_service_follow_the_first() -> None:
    rows = [("Service", "systemd, active (running)")]
    shown = daemon_status.as_text(STATUS, rows, now=NOW, details=False, own_version="0.1.0").splitlines()
    assert shown[2] == "  Service:  systemd, active (running)"
    assert (
        daemon_status.not_running(Path("/s"), rows).splitlines()[2].strip()
        == "Service: systemd, active (running)"
    )


def test_for_people() -> None:
    assert text().splitlines() == [
        "Telemetry daemon",
        "  Running:  yes, for 2 h (process 42)",
        "  Version:  0.1.0 (API v1)",
        "  Machine:  work-laptop",
        "  Socket:   /s/telemetry.sock",
        "  Database: /s/openusage.db (12 MB)",
        "  Records:  50.2k",
        "  Accounts: claude-code, codex-cli",
        "  Reading:  up to date, last round 4 s ago",
        "  Hub:      none (export.target is not set)",
    ]


def test_the_exporters_state_is_seen() -> None:
    assert "http://hub.lan:9190 as work-laptop: ok, last push 40 s ago" in text(exporters=[PUSHING])
    failing = "http://hub.lan:9190: failing, 3 failed in a row (connection refused), next in 8 s"
    assert failing in text(exporters=[FAILING])


@pytest.mark.parametrize(
    ("state", "sent", "waiting", "error", "shown"),
    [
        ("off", 0, 0, "", "50.2k"),
        ("sending", 412_000, 1_200_000, "", "50.2k; 412.0k sent, 1.2M waiting (26 %)"),
        ("ok", 50_242, 0, "", "50.2k; all sent"),
        ("unsupported", 0, 0, "", "50.2k; the hub keeps none"),
        (
            "failing",
            10,
            30,
            "the hub answers 500",
            "50.2k; 10 sent, 30 waiting (25 %), failing (the hub answers 500)",
        ),
    ],
)
def test_what_the_hub_has_of_the_records_is_seen(
    state: str, sent: int, waiting: int, error: str, shown: str
) -> None:
    exporter = msgspec.structs.replace(
        PUSHING, records_state=state, records_sent=sent, records_waiting=waiting, records_error=error
    )
    assert f"  Records:  {shown}" in text(exporters=[exporter]).splitlines()


def test_how_long_a_back_fill_takes_and_what_it_leaves_out_is_seen() -> None:
    exporter = msgspec.structs.replace(
        PUSHING, records_state="sending", records_sent=5000, records_waiting=7000, records_left_s=150.0
    )
    assert "  Records:  50.2k; 5.0k sent, 7.0k waiting (42 %), about 2 m left" in text(exporters=[exporter])
    exporter = msgspec.structs.replace(PUSHING, records_state="ok", records_sent=12, records_set_aside=3)
    assert "  Records:  50.2k; 12 sent, 3 left out (refused by the hub)\n" in text(exporters=[exporter])


def test_a_long_read_is_seen() -> None:
    assert "Reading:  Reading history: 612 MB of 1.0 GB" in text(
        collecting="Reading history: 612 MB of 1.0 GB"
    )
    assert "Reading:  not yet" in text(last_collected_at=None)
    assert "Accounts: none found" in text(accounts=[])


def test_settings_that_wait_for_a_start_are_named() -> None:
    said = text(restart_for=["accounts", "export.target"])
    assert "Settings: accounts, export.target changed, in force from the next start on: openusage" in said
    assert "Settings" not in text()


CUT = Problem(what="cut", path="a.jsonl", offset=3)


def test_notes_and_problems_are_seen() -> None:
    assert "Note:     the disk is full" in text(notes=["the disk is full"])
    assert "2 places not readable, see --details" in text(problems=[CUT, CUT])
    detailed = text(details=True, problems=[CUT, msgspec.structs.replace(CUT, hint="mend it")])
    assert detailed.count("Problem:  a.jsonl, byte 3: cut") == 2
    assert detailed.count("To do:    mend it") == 1
    assert "claude-code (claude_code)" in detailed


def test_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def status(*_: object, socket_path: Path | None) -> DaemonStatus:
        assert socket_path == Path("/x.sock")
        return msgspec.structs.replace(STATUS, exporters=[FAILING])

    monkeypatch.setattr(compose, "daemon_status", status)
    assert main(["telemetry", "daemon", "--socket-path", "/x.sock", "status", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["running"], document["pid"], document["events"]) == (True, 42, 50_242)
    assert document["accounts"][0] == {"provider": "claude_code", "account": "claude-code"}
    assert document["exporters"][0]["last_error"] == "connection refused"
    assert document["started_at"] == "2026-11-22T10:00:00Z"


@pytest.mark.parametrize("as_json", [False, True])
def test_when_none_runs(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is on stdout, the reason on stderr, and the exit status tells it apart."""

    def unreachable(*_: object, **__: object) -> DaemonStatus:
        raise PeerUnreachable("No daemon answers at /x.sock.", "Start one: openusage")

    monkeypatch.setattr(compose, "daemon_status", unreachable)
    args = ["telemetry", "daemon", "status", "--socket-path", "/x.sock", *(["--json"] if as_json else [])]
    assert main(args) == 3
    out, err = capsys.readouterr()
    if as_json:
        said = json.loads(out)
        assert said.pop("service")["state"] == {
            "installed": False,
            "running": False,
            "pid": None,
            "detail": "",
            "restarts": None,
        }
        assert said == {"running": False, "socket": "/x.sock"}
    else:
        assert "Running: no" in out
    assert err == "openusage: No daemon answers at /x.sock.\nStart one: openusage\n"


def test_what_is_unassigned_is_told_and_with_details_the_setting() -> None:
    found = Unassigned(
        provider="opencode",
        account="opencode",
        upstream="anthropic",
        requests=1200,
        tokens=5,
        cost_usd=None,
        last_at=None,
        hint="Set this.",
    )
    said = (
        "  Unassigned: 1.2k requests of OpenCode, answered by anthropic: no account is known to pay for that."
    )
    assert said in text(unassigned=[found]).splitlines()
    assert "  To assign:  Set this." in text(details=True, unassigned=[found]).splitlines()


def test_hooks_are_told_when_there_are_any_and_what_went_wrong_with_them() -> None:
    assert "Hooks" not in text(hooks=SpoolStatus())
    assert "  Hooks:    1.2k payloads taken in" in text(hooks=SpoolStatus(taken=1200)).splitlines()
    bad = SpoolStatus(
        taken=3, waiting=2, waiting_bytes=4_000_000, dropped=5, dropped_why="older than 14 days", set_aside=1
    )
    assert text(hooks=bad).splitlines()[-2] == (
        "  Hooks:    3 payloads taken in, 2 waiting (4 MB), 5 dropped (older than 14 days), "
        "1 not understood, set aside"
    )
