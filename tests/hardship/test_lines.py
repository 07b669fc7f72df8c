"""Lines that are huge, cut, binary, absurdly deep, or that claim impossible things and times."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.daemons import DaemonProcess, daily, told_problems
from tests.support.homes import claude_file, claude_line, write_claude, write_codex
from tests.support.processes import PATIENCE_S, WATCHED_S, run, until

pytestmark = pytest.mark.slow

DAY = "2026-11-20"
AT = f"{DAY}T10:00:00.000Z"
HUGE = 50_000_000


def line(message: str, *, at: str = AT) -> bytes:
    return claude_line(message, at=at).encode()


def with_output(message: str, written: str) -> bytes:
    """A line whose output tokens are written so."""
    return line(message).replace(b'"output_tokens": 100', b'"output_tokens": ' + written.encode())


def log_files(home: Path, **content: bytes) -> None:
    """A transcript of its own for each, so that none can hide behind another."""
    for name, text in content.items():
        (claude_file(home).parent / f"{name}.jsonl").write_bytes(text + b"\n")


def snapshots(
    daemon: DaemonProcess, window: str, timeout_s: float = PATIENCE_S
) -> dict[str, dict[str, float]]:
    """Account -> metric -> what was used."""
    transport = httpx.HTTPTransport(uds=str(daemon.socket))
    with contextlib.closing(httpx.Client(transport=transport, timeout=timeout_s)) as client:
        reply = client.post("http://daemon/v1/read-model", json={"time_window": window}).json()
    return {
        account: {name: m["used"] for name, m in s["metrics"].items() if "used" in m}
        for account, s in reply["snapshots"].items()
    }


def test_odd_lines_cost_only_themselves_and_each_is_told_once(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    log_files(
        tmp_path,
        # These count,
        huge=line("huge").replace(b"a secret sentence", b"x" * HUGE),
        nuls_around=b"\0\0" + line("nuls") + b"\0",
        no_utf8=line("utf8").replace(b"a secret", b"\xff\xfe\x80"),
        surrogate=line("surrogate").replace(b"a secret", rb"\ud800"),
        after_huge=b"x" * HUGE + b"\n" + line("after"),
        leap_second=line("leap", at=f"{DAY}T23:59:60Z"),
        deep_tool=line("tool").replace(b'"a secret sentence"', b"[" * 500 + b"]" * 500),
        # these count without the count that cannot be,
        infinite=with_output("infinite", "1e999"),
        negative=with_output("negative", "-5"),
        immense=with_output("immense", "1" + "0" * 30),
        # and these have nothing that could.
        nuls=b"\0" * 1000,
        deep=deep,
        deep_answer=line("deep").replace(b'"a secret sentence"', deep + b"]" * 100_000),
        digits=with_output("digits", "1" + "0" * 5000),
        year_1=line("old", at="0001-01-01T00:00:00Z"),
        year_9999=line("late", at="9999-12-31T23:59:59Z"),
    )
    with DaemonProcess(tmp_path) as daemon:
        found = daily(tmp_path)
        assert found["total"]["requests"] == 10
        assert found["total"]["output_tokens"] == 7 * 100
        assert found["total"]["total_tokens"] == 7 * 1110 + 3 * 1010
        assert set(found) == {DAY, "total"}
        problems = told_problems(tmp_path)
        for name, what in {
            "after_huge.jsonl, byte 0": "not JSON",
            "nuls.jsonl, byte 0": "NUL",
            "deep.jsonl, byte 0": "not JSON",
            "deep_answer.jsonl, byte 0": "not JSON",
            "digits.jsonl, byte 0": "not JSON",
            "infinite.jsonl, byte 0": "count",
            "negative.jsonl, byte 0": "count",
            "immense.jsonl, byte 0": "count",
            "2 records": "a time or a count that cannot be",
        }.items():
            (told,) = [text for text in problems if name in text]
            assert what in told
            assert daemon.said.count(told) == 1
        assert len(problems) == 9
        assert "secret" not in daemon.said
        assert psutil.Process(daemon.pid).memory_info().rss < 600e6

        write_claude(tmp_path, claude_line("new", at=AT))
        daemon.wait_events(11, "a new turn is read as ever", timeout_s=WATCHED_S)


def test_odd_lines_of_codex_cost_only_themselves(tmp_path: Path) -> None:
    rollout = write_codex(tmp_path, at=AT)
    count = rollout.read_bytes().splitlines()[2]
    bad = [
        b"[" * 100_000,
        b"\0" * 100,
        b"\xff\xfe",
        b"x" * HUGE,
        count.replace(b"1200", b"1e999"),
        count.replace(b"1200", b"-1200"),
        count.replace(b"1200", b"1" + b"0" * 30),
        count.replace(DAY.encode(), b"0001-01-01"),
    ]
    with rollout.open("ab") as f:
        f.write(b"\n".join(bad) + b"\n")
    with DaemonProcess(tmp_path) as daemon:
        assert daily(tmp_path)["total"]["total_tokens"] == 1200
        write_codex(tmp_path, at=AT, total=2400)
        until(lambda: daily(tmp_path)["total"]["total_tokens"] == 2400, "it goes on after them")
        assert daemon.running


def test_a_line_that_is_finished_later_counts_once(tmp_path: Path) -> None:
    whole = line("1")
    file = write_claude(tmp_path, claude_line("0", at=AT))
    with file.open("ab") as f, DaemonProcess(tmp_path) as daemon:
        for part in (whole[:40], whole[40:-1], whole[-1:]):
            f.write(part)
            f.flush()
            assert daily(tmp_path)["total"]["requests"] == 1
        f.write(b"\n")
        f.flush()
        daemon.wait_events(2, "the line is whole")
        assert daemon.status().problems == []
    assert daily(tmp_path)["total"]["total_tokens"] == 2 * 1110


def test_a_clock_that_was_wrong_spoils_no_other_day(tmp_path: Path) -> None:
    """Dated a year ahead: in its own day and in all time, in no window until then."""
    now = dt.datetime.now(dt.UTC)
    write_claude(
        tmp_path,
        claude_line("now", at=now.isoformat()),
        claude_line("fast", at=(now + dt.timedelta(minutes=10)).isoformat()),
        claude_line("ahead", at=(now + dt.timedelta(days=365)).isoformat()),
        claude_line("behind", at="1970-01-02T00:00:00Z"),
    )
    with DaemonProcess(tmp_path) as daemon:
        for window in ("1d", "3d", "7d", "30d"):
            used = snapshots(daemon, window)["claude-code"]
            assert used["window_requests"] == 2, window
            assert used["today_output_tokens"] == used["7d_output_tokens"] == 200
            assert used["all_time_output_tokens"] == 400
        assert snapshots(daemon, "all")["claude-code"]["window_requests"] == 4
        days = daily(tmp_path)
        assert days[f"{now + dt.timedelta(days=365):%Y-%m-%d}"]["requests"] == 1
        assert days["1970-01-02"]["requests"] == 1
        assert days["total"]["requests"] == 4


def test_a_time_thousands_of_years_ahead_delays_no_answer(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("1", at=AT), claude_line("2", at="9998-01-01T00:00:00Z"))
    with DaemonProcess(tmp_path) as daemon:
        assert snapshots(daemon, "all", timeout_s=WATCHED_S)["claude-code"]["window_requests"] >= 1


def test_a_report_without_a_daemon_says_what_it_could_not_read(tmp_path: Path) -> None:
    file = write_claude(tmp_path, claude_line("1", at=AT))
    with file.open("ab") as f:
        f.write(b"no json\n" * 9)
    first, second = (run(tmp_path, "daily") for _ in range(2))
    assert f"{file}, byte {len(line('1')) + 1}: a line that is not JSON" in first.stderr
    assert "6 more places could not be read" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout
