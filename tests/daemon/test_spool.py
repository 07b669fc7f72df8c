"""The hook spool: taken in oldest first, stored before it is deleted, bounded, set aside with a reason."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from openusage.daemon import spool as module
from openusage.daemon.spool import Spool, Taken, keep_taking
from openusage.errors import StoreError
from openusage.providers import load, names
from openusage.providers._contract import ParsesHooks
from openusage.wire.events import Record, UsageEvent
from tests.support.processes import PATIENCE_S

NOW_S = 1_800_000_000.0
TOOLS = {p.SPEC.id: p for p in map(load, names()) if isinstance(p, ParsesHooks)}


class Kept:
    """Stands for the store: what it was given, and whether it fails."""

    def __init__(self) -> None:
        self.events: list[UsageEvent] = []
        self.fails = False

    def add(self, records: Sequence[Record]) -> None:
        if self.fails:
            raise StoreError("the disk is full")
        self.events += [r for r in records if isinstance(r, UsageEvent)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "hook-spool"
    folder.mkdir()
    return folder


@pytest.fixture
def spool(folder: Path, kept: Kept) -> Spool:
    return Spool(folder, TOOLS, kept.add, now_s=lambda: NOW_S)


def tool_call(number: int, **more: Any) -> dict[str, Any]:
    return {
        "session_id": "5e1f",
        "cwd": "/home/ann/shop",
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": "/home/ann/shop/a.py", "old_string": "a", "new_string": "b"},
        "tool_response": {"ok": True},
        "tool_use_id": f"toolu_{number:024d}",
    } | more


def left(folder: Path, name: str, content: Any, *, age_s: float = 1.0) -> Path:
    """A file as a hook leaves it; bytes as they are."""
    path = folder / f"{name}.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(path, ns=(0, round((NOW_S - age_s) * 1e9)))
    return path


def payload(inner: Any, source: str = "claude_code", account: str = "") -> dict[str, Any]:
    return {"source": source, "account_id": account, "payload": inner}


def test_payloads_become_records_and_their_files_go(spool: Spool, folder: Path, kept: Kept) -> None:
    left(folder, "b", payload(tool_call(1)), age_s=20)
    left(folder, "a", payload(tool_call(2), account="work"), age_s=10)
    assert spool.step().files == 2
    assert list(folder.iterdir()) == []
    assert [(e.tool, e.account, e.language) for e in kept.events] == [
        ("Edit", "claude-code", "python"),
        ("Edit", "work", "python"),
    ]
    assert [e.at_us for e in kept.events] == [round((NOW_S - 20) * 1e6), round((NOW_S - 10) * 1e6)]
    assert spool.status().taken == 2


def test_a_payload_without_a_time_is_dated_by_its_file_however_often_it_is_read(
    spool: Spool, folder: Path, kept: Kept
) -> None:
    """So that a file that could not be deleted changes nothing."""
    for _ in range(2):
        left(folder, "a", payload(tool_call(1)))
        spool.step()
    assert kept.events[0] == kept.events[1]


def test_what_cannot_be_stored_stays_and_is_taken_the_next_time(
    spool: Spool, folder: Path, kept: Kept
) -> None:
    path = left(folder, "a", payload(tool_call(1)))
    kept.fails = True
    with pytest.raises(StoreError):
        spool.step()
    assert path.exists()
    kept.fails = False
    assert spool.step().files == 1
    assert len(kept.events) == 1


def test_many_are_taken_in_steps_and_each_step_says_whether_there_is_more(
    spool: Spool, folder: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_A_STEP", 2)
    for n in range(5):
        left(folder, f"{n}", payload(tool_call(n)))
    taken = [spool.step() for _ in range(3)]
    assert [(t.files, t.more) for t in taken] == [(2, True), (2, True), (1, False)]
    assert len({e.event_key for e in kept.events}) == 5


POISON = [
    pytest.param(b"", "no payload of a hook", id="empty"),
    pytest.param(b"{half", "no payload of a hook", id="half a file"),
    pytest.param(b"\x00\xff", "no payload of a hook", id="no text"),
    pytest.param(b"[" * 5000, "no payload of a hook", id="deep"),
    pytest.param(b"[]", "no payload of a hook", id="no object"),
    pytest.param(b'{"payload":{}}', "no payload of a hook", id="no source"),
    pytest.param(b'{"source":"codex"}', "no payload of a hook", id="no payload"),
    pytest.param(payload({}, "nope\x1b[2J"), 'unknown hook source "nope', id="unknown"),
    pytest.param(payload({}, "gemini_cli"), "unknown hook source", id="a tool without hooks"),
    pytest.param(payload([1]), "hook payload", id="the tool's own parser refuses it"),
]


@pytest.mark.parametrize(("content", "why"), POISON)
def test_what_cannot_be_understood_is_set_aside_with_the_reason(
    spool: Spool, folder: Path, kept: Kept, content: Any, why: str
) -> None:
    left(folder, "bad", content, age_s=20)
    left(folder, "good", payload(tool_call(1)))
    taken = spool.step()
    assert taken.files == 1
    assert len(kept.events) == 1
    aside = folder / "refused"
    assert why in (aside / "bad.reason").read_text()
    assert stat.S_IMODE((aside / "bad.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    [problem] = taken.problems
    assert why in problem
    assert "\x1b" not in problem
    assert spool.status().set_aside == 1
    assert spool.step() == Taken()


def test_a_surprise_in_a_parser_holds_up_nothing(
    folder: Path, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    class Surprising:
        SPEC = TOOLS["codex"].SPEC

        def parse_hook(self, payload: bytes, account: str, now_us: int) -> list[Record]:
            raise KeyError("hunter2")

    spool = Spool(folder, TOOLS | {"codex": Surprising()}, kept.add, now_s=lambda: NOW_S)
    left(folder, "bad", payload({}, "codex"))
    left(folder, "good", payload(tool_call(1)))
    taken = spool.step()
    assert taken.files == 1
    assert "KeyError at daemon/spool.py:" in caplog.text
    assert "hunter2" not in "".join(taken.problems) + caplog.text


def test_only_the_newest_of_what_was_set_aside_are_kept(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_ASIDE", 2)
    for n in range(4):
        left(folder, f"{n}", b"x", age_s=10 - n)
    spool.step()
    assert sorted(p.name for p in (folder / "refused").iterdir()) == [
        "2.json",
        "2.reason",
        "3.json",
        "3.reason",
    ]


def test_a_cut_payload_only_wakes_the_daemon(spool: Spool, folder: Path, kept: Kept) -> None:
    """A hook stops at 64 KiB: what the tool did is in its log."""
    whole = json.dumps(payload(tool_call(1, tool_response="x" * (1 << 17)))).encode()
    left(folder, "cut", whole[: module.CUT_BYTES] + b"}\n")
    left(folder, "whole", whole)
    taken = spool.step()
    assert (taken.files, taken.problems, len(kept.events)) == (2, [], 1)


def test_payloads_of_go_hooks_and_odd_texts_are_read(spool: Spool, folder: Path, kept: Kept) -> None:
    odd = b'{"source":"claude_code","account_id":null,"payload":{"hook_event_name":"PostToolUse",'
    odd += b'"tool_use_id":"toolu_01","tool_name":"Bash","tool_input":{"command":"\\ud800 \xff \n"}}}'
    left(folder, "123abc", odd)
    assert spool.step().files == 1
    assert [e.tool for e in kept.events] == ["Bash"]


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        ("MOST_FILES", 2, "more than 2 were waiting"),
        ("MOST_BYTES", 1 << 20, "more than 1 MiB were waiting"),
        ("MOST_AGE_S", 86_400.0, "older than 1 days"),
    ],
)
def test_too_old_or_too_many_are_dropped_the_oldest_first_and_said(
    spool: Spool,
    folder: Path,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    why: str,
) -> None:
    monkeypatch.setattr(module, limit, value)
    for n in range(4):
        left(folder, f"{n}", payload(tool_call(n, pad="x" * 400_000)), age_s=(4 - n) * 80_000.0 / 2)
    if limit == "MOST_AGE_S":
        os.utime(folder / "0.json", ns=(0, round((NOW_S - 90_000) * 1e9)))
        os.utime(folder / "1.json", ns=(0, round((NOW_S - 89_000) * 1e9)))
    taken = spool.step()
    assert taken.files == 2
    assert {e.at_us for e in kept.events} == {round((NOW_S - s) * 1e6) for s in (80_000, 40_000)}
    assert why in "".join(taken.problems)
    status = spool.status()
    assert (status.dropped, status.dropped_why) == (2, why)


def test_what_is_being_written_is_left_alone_and_what_nobody_finishes_goes(
    spool: Spool, folder: Path
) -> None:
    fresh, old = folder / ".a.tmp", folder / "b.json.tmp"
    for path, age_s in ((fresh, 10.0), (old, 7200.0)):
        path.write_text("{")
        os.utime(path, (0, NOW_S - age_s))
    (folder / "c.json").symlink_to(fresh)
    (folder / "d.json").mkdir()
    os.mkfifo(folder / "e.json")
    assert spool.step() == Taken()
    assert fresh.exists()
    assert not old.exists()


def test_no_folder_is_nothing_to_do(tmp_path: Path, kept: Kept) -> None:
    spool = Spool(tmp_path / "none", TOOLS, kept.add, now_s=lambda: NOW_S)
    assert spool.step() == Taken()
    assert spool.status().waiting == 0


async def test_the_spool_is_emptied_at_the_start_when_woken_and_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    answers: list[Taken | None] = [Taken(files=2, more=True), Taken(files=1), None, Taken(), Taken(files=1)]
    woken, stop, took = asyncio.Event(), asyncio.Event(), []
    asked = 0

    async def step() -> Taken | None:
        nonlocal asked
        answer = answers[asked]
        asked += 1
        if asked in (2, 4):
            woken.set()  # while it was taken in: nothing of it may be missed
        if asked == len(answers):
            stop.set()
        return answer

    await asyncio.wait_for(keep_taking(step, lambda: took.append(asked), woken, stop), PATIENCE_S)
    assert (asked, took) == (5, [1, 2, 5])
