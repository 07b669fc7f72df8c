"""The soak: a short one must find everything equal, and it must find what is not."""

from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.processes import PATIENCE_S, until
from tools.soak import Plan, soak
from tools.soak._homes import KINDS, Part, Writing, add_up, differences, invent, outside

END = dt.date(2026, 11, 20)
COUNTS = tuple(range(1, len(KINDS) + 1))


@pytest.mark.slow
def test_totals_are_true_after_everything_was_killed_at_random(tmp_path: Path) -> None:
    """Three machines that overlap, one of them offline for half of the time, and their hub."""
    told: list[str] = []
    plan = Plan(seconds=8.0, seed=5, mb=1.5, days=10, kill_every_s=0.7, settle_s=2 * PATIENCE_S)
    assert soak(plan, tmp_path, told.append) == [], told
    assert [line.partition(":")[0] for line in told] == [
        *("invented", "first half", "second half", "quiet", "hub restarted", "starts")
    ]


def test_homes_overlap_by_a_third_and_their_truths_are_those_of_their_parts(tmp_path: Path) -> None:
    parts = invent(tmp_path, seed=1, mb=6, days=5, end=END)
    sizes = {p.machines: sum(f.stat().st_size for f in p.folder.rglob("*") if f.is_file()) for p in parts}
    for machine in range(3):
        whole = sum(size for machines, size in sizes.items() if machine in machines)
        assert sizes[(machine,)] / whole == pytest.approx(2 / 3, abs=0.1)
    union = add_up(parts)
    assert sum(sums[-1] for sums in union.values()) == sum(
        sums[-1] for part in parts for sums in part.truth.values()
    )


@pytest.mark.parametrize("seed", range(5))
def test_logs_are_written_whole_whatever_pieces_they_come_in(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = tmp_path / "part"
    (folder / "a").mkdir(parents=True)
    for name in ("a/x.jsonl", "a/y.jsonl", "z.json"):
        (folder / name).write_bytes(rng.randbytes(5000))
    writing = Writing(tmp_path / "home", [Part(folder, (0,), {})], rng)
    for share in (0.2, 0.5, 0.9):
        writing.write_to(share)
        assert writing.left <= writing.size * (1 - share)
    writing.write_to(1.0)
    assert writing.left == 0
    for name in ("a/x.jsonl", "a/y.jsonl", "z.json"):
        assert (tmp_path / "home" / name).read_bytes() == (folder / name).read_bytes()


def test_any_difference_is_found_and_named() -> None:
    key = ("codex", "2026-11-20", "gpt-5")
    true = {key: COUNTS}
    assert differences(true, dict(true)) == []
    for number, kind in enumerate(KINDS):
        wrong = {key: tuple(n + (i == number) for i, n in enumerate(COUNTS))}
        assert differences(wrong, true) == [f"codex 2026-11-20 gpt-5: {kind} {number + 2}, true {number + 1}"]
    assert len(differences({}, true)) == len(differences(true, {})) == len(KINDS)
    assert outside(true, {}, true) == outside(true, true, true) == []
    assert outside({}, true, true) != []


@pytest.mark.slow
def test_an_interrupted_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.soak", "--minutes", "5", "--mb", "1"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert "invented" in process.stdout.readline()
        until(lambda: psutil.Process(process.pid).children(), "it started its programs")
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        until(lambda: not any(c.is_running() for c in children), "its programs are gone")
        assert list(tmp_path.glob("openusage-soak-*")) == []
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        process.stdout.close()
