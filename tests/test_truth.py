"""Tokens per day and model equal the truth of generated homes to the token, however they are read."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from openusage.daemon.collect import Collector
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.providers import load, names
from openusage.providers._contract import Env
from openusage.store import Store
from openusage.wire.events import EventKind
from openusage.wire.rollups import By, Filter, Window
from tests.support import databases
from tools.genlogs import AGENTS, write_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
FIELDS = ("input", "output", "reasoning", "cache_read", "cache_write_5m", "cache_write_1h", "messages")
Sums = dict[tuple[str, str, str], tuple[int, ...]]
PRICES = PriceBook.load()
PROVIDERS = {
    "claude": "claude_code",
    "codex": "codex",
    "opencode": "opencode",
    "gemini": "gemini_cli",
}
"""Who reads what an agent wrote."""


def opened(database: Path) -> Store:
    return Store.open(
        database, machine=Machine("ab" * 16, "m"), price=PRICES.price, now=lambda: int(NOW.timestamp() * 1e6)
    )


def read(home: Path, database: Path) -> None:
    """What a daemon does between its start and its end, once."""
    store = opened(database)
    try:
        passed = Collector(
            store, [load(n) for n in names()], lambda: Env(home=home, environ={}, now=NOW)
        ).run()
        assert not [p for p in passed.problems if "Error" in p.what]
    finally:
        store.close()


def counted(database: Path) -> Sums:
    """(provider, day, model) -> sums, from rollups."""
    store = opened(database)
    try:
        rows = store.usage(
            Window("all"), (By.PROVIDER, By.DAY, By.MODEL), Filter(kinds=(EventKind.MESSAGE,)), "UTC"
        )
    finally:
        store.close()
    return {
        (r.key["provider"] or "", r.key["day"] or "", r.key["model"] or ""): (
            r.input,
            r.output,
            r.reasoning,
            r.cache_read,
            r.cache_write_5m,
            r.cache_write_1h,
            r.events,
        )
        for r in rows
    }


def true(truth: Mapping[str, Any]) -> Sums:
    return {
        (PROVIDERS[agent], day, model): tuple(sums[f] for f in FIELDS)
        for agent, told in truth["agents"].items()
        for day, models in told["days"].items()
        for model, sums in models.items()
    }


@pytest.fixture(scope="module", params=[7, 21, 1234], ids="seed {}".format)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A home of all agents, and what is true of it."""
    home = tmp_path_factory.mktemp("generated")
    return home, write_home(home, seed=request.param, days=40, mb=50, agents=tuple(AGENTS))


@pytest.fixture(scope="module")
def generated(written: tuple[Path, dict[str, Any]]) -> tuple[Path, Sums]:
    home, truth = written
    return home, true(truth)


def test_one_read_and_a_second_one_equal_the_truth(generated: tuple[Path, Sums], tmp_path: Path) -> None:
    home, truth = generated
    read(home, tmp_path / "t.db")
    assert counted(tmp_path / "t.db") == truth
    read(home, tmp_path / "t.db")
    assert counted(tmp_path / "t.db") == truth


@pytest.mark.parametrize("agent", ["codex", "opencode", "gemini"])
def test_sessions_equal_the_truth(written: tuple[Path, dict[str, Any]], tmp_path: Path, agent: str) -> None:
    """Also of messages that forks and replays repeat: they are of the session that they were first in.

    Not of Claude Code, which writes a resumed session's lines anew under its own id: both are true.
    """
    home, truth = written
    read(home, tmp_path / "t.db")
    store = opened(tmp_path / "t.db")
    messages = Filter(kinds=(EventKind.MESSAGE,), providers=(PROVIDERS[agent],))
    rows = store.usage(Window("all"), (By.SESSION,), messages, "UTC")
    store.close()
    assert {(r.key["session"] or ""): (r.total_tokens, r.events) for r in rows} == {
        name: (sum(sums[f] for f in FIELDS[:-1]), sums["messages"])
        for name, sums in truth["agents"][agent]["sessions"].items()
    }


def test_twenty_random_slices_with_restarts_equal_the_truth(
    generated: tuple[Path, Sums], tmp_path: Path
) -> None:
    """Every file grows by random pieces, cut anywhere; each piece is read by a daemon that starts anew."""
    home, truth = generated
    rng = random.Random(99)
    growing = tmp_path / "growing"
    files = sorted(p for p in home.rglob("*") if p.is_file() and p.suffix != ".db")
    grown = [databases.Growing(p, growing / p.relative_to(home), "session") for p in home.rglob("*.db")]
    left = {p: p.read_bytes() for p in files}
    for step in range(20):
        for file in files:
            rest = left[file]
            whole = step == 19 or file.suffix == ".json"
            size = len(rest) if whole else rng.choice((0, rng.randrange(len(rest) + 1)))
            copy = growing / file.relative_to(home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with copy.open("ab") as f:
                f.write(rest[:size])
            left[file] = rest[size:]
        for database in grown:
            database.grow(1.0 if step == 19 else rng.random())
        read(growing, tmp_path / "t.db")
    assert counted(tmp_path / "t.db") == truth


def test_deleting_half_of_the_files_changes_nothing(generated: tuple[Path, Sums], tmp_path: Path) -> None:
    home, truth = generated
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    read(copy, tmp_path / "t.db")
    for i, file in enumerate(sorted(copy.rglob("*.jsonl"))):
        if i % 2:
            file.unlink()
    read(copy, tmp_path / "t.db")
    assert counted(tmp_path / "t.db") == truth


def test_the_parts_of_the_day_add_up_to_the_days_of_any_zone(
    generated: tuple[Path, Sums], tmp_path: Path
) -> None:
    home, truth = generated
    read(home, tmp_path / "t.db")
    totals: dict[str, list[int]] = {}
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"):
        store = opened(tmp_path / "t.db")
        rows = store.usage(Window("all"), (By.DAY,), Filter(kinds=(EventKind.MESSAGE,)), zone)
        store.close()
        totals[zone] = [sum(r.total_tokens for r in rows), sum(r.events for r in rows)]
    by_field: defaultdict[int, int] = defaultdict(int)
    for sums in truth.values():
        for i, value in enumerate(sums):
            by_field[i] += value
    expected = [sum(by_field[i] for i in range(6)), by_field[6]]
    assert all(total == expected for total in totals.values())
