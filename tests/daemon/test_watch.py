"""The watcher on real folders."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openusage.daemon.watch import existing, watch
from tests.support.processes import PATIENCE_S

Bursts = list[set[str]]


@asynccontextmanager
async def watching(root: Path, *, recursive: bool = True) -> AsyncIterator[Bursts]:
    """What `watch` tells of the folder; the first burst is through."""
    bursts: Bursts = []
    stop, moved = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(watch(lambda: [str(root)], bursts.append, stop, moved, recursive=recursive))
    try:
        await until(bursts, str(root))
        yield bursts
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def until(bursts: Bursts, path: str, after: int = 0) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(path in burst for burst in bursts[after:]):
            await asyncio.sleep(0.01)


async def test_at_the_start_everything_may_have_changed_and_then_only_what_did(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    async with watching(tmp_path) as bursts:
        before = len(bursts)
        file.touch()
        await until(bursts, str(file), before)
        assert not any(str(tmp_path) in burst for burst in bursts[before:])


async def test_a_flat_root_is_watched_without_what_is_below(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    async with watching(tmp_path, recursive=False) as bursts:
        before = len(bursts)
        (below / "deep.txt").touch()
        (tmp_path / "a.db-wal").touch()
        await until(bursts, str(tmp_path / "a.db-wal"), before)
        assert not any(str(below / "deep.txt") in burst for burst in bursts)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
async def test_a_name_that_cannot_be_told_ends_no_watching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was is to be looked for everywhere, at once and when the watch stands again."""
    odd = tmp_path / os.fsdecode(b"\xff")
    plain = tmp_path / "a.jsonl"
    async with watching(tmp_path) as bursts:
        at_once = len(bursts)
        odd.touch()
        await until(bursts, str(tmp_path), at_once)
        again = len(bursts)
        await until(bursts, str(tmp_path), again)
        before = len(bursts)
        plain.touch()
        await until(bursts, str(plain), before)
    assert len([r for r in caplog.records if "cannot watch" in r.getMessage()]) == 1


def test_only_folders_that_are_there_and_none_twice(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "ab").mkdir()
    (tmp_path / "link").symlink_to("a")
    roots = [str(tmp_path / name) for name in ("a", "a/b", "ab", "link", "nowhere")]
    assert existing(roots) == [str(tmp_path / "a"), str(tmp_path / "ab")]
