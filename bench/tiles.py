"""The tiles: what a refresh of 60 of them costs, and a key among 500, through Textual's own pilot.

CPU time of the process, from the new data or the key to the last line on the screen, less what the pilot's
own waiting takes; medians. Memory is that of a process of its own, which shows the tiles and refreshes them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
from textual.pilot import Pilot

from bench import fleet_screen
from bench.table import Row, render
from openusage.client import Frame, SnapshotSource
from openusage.tui.app import DashboardApp
from openusage.tui.board import Account, Outcome
from openusage.wire.sections import CodeStats, Gauge, ModelRow, Sections, Share, ToolTotals, Totals
from openusage.wire.snapshot import UsageSnapshot
from openusage.wire.stranger import days_until

TILES, MANY = 60, 500
REFRESHES = 15
SIZE = (200, 60)
_NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
_DAYS = days_until(_NOW.date(), 31)
_MEMORY = "from bench.tiles import memory_mb; print(memory_mb())"


def run() -> list[Row]:
    """One row a case."""
    changed, unchanged = asyncio.run(_refreshes())
    tile_ms, row_ms = (
        asyncio.run(_key(_Hub(), _fill)),
        asyncio.run(_key(fleet_screen.InventedHub(), None)),
    )
    memory = float(subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, check=True).stdout)
    return [
        _row(f"{TILES} tiles changed, CPU", changed, "ms", 40),
        _row(f"{TILES} tiles unchanged, a second later, CPU", unchanged, "ms", 5),
        _row(f"key to screen, {MANY} tiles, CPU", tile_ms, "ms", 30),
        _row(f"key to screen, {MANY} machines of a fleet, CPU", row_ms, "ms", 30),
        _row(f"dashboard with {TILES} tiles, memory", memory, "MB", 90),
    ]


def _row(name: str, value: float, unit: str, most: float) -> Row:
    return Row(name=name, value=value, unit=unit, target=f"<= {most:g} {unit}", met=value <= most)


def accounts(count: int, step: int) -> list[Account]:
    """Accounts whose figures depend on `step`, every one of them."""
    return [_account(n, step) for n in range(count)]


def _account(n: int, step: int) -> Account:
    machine, id_ = f"machine-{n // 4:03}", f"account-{n % 4}"
    snapshot = UsageSnapshot(
        provider_id="claude_code", account_id=id_, timestamp=_NOW, status="OK", metrics={}, message=""
    )
    spent = 3.0 * n + step
    sections = Sections(
        provider_id="claude_code",
        account_id=id_,
        machine=machine,
        name="Claude Code",
        status="OK",
        message="",
        timestamp=_NOW,
        totals=Totals(
            window="30d",
            today_cost_usd=n + step / 7,
            window_cost_usd=spent,
            window_tokens=1e6 * n + step,
            window_requests=100.0 + step,
            burn_usd_per_h=step / 3,
            cache_hit_pct=90 + step % 10,
        ),
        gauges=[
            Gauge(
                key=label,
                label=label,
                used_pct=float((n * 7 + step) % 100),
                window_s=hours * 3600,
                resets_at=_NOW + dt.timedelta(hours=hours * 0.4),
            )
            for label, hours in (("5 h", 5), ("7 d", 168), ("7 d opus", 168))
        ],
        models=[
            ModelRow(
                name=f"claude-model-{m}",
                input_tokens=1e3 * n + step,
                output_tokens=1e4 * m + step,
                cache_read_tokens=1e6 + step,
                cache_write_tokens=1e5 + step,
                cost_usd=spent / (m + 1),
                requests=10.0 + step,
            )
            for m in range(4)
        ],
        projects=[Share(name=f"project-{p}", requests=9.0 * p + step, cost_usd=p + step) for p in range(5)],
        tools=[Share(name=f"Tool{t}", requests=5.0 * t + step) for t in range(6)],
        tool_totals=ToolTotals(calls=900.0 + step, success_pct=98.0),
        mcp=[Share(name="github", requests=7.0 + step)],
        languages=[Share(name=name, requests=3.0 + step) for name in ("Python", "Go", "Rust")],
        code=CodeStats(lines_added=1200.0 + step, lines_removed=300.0, files_changed=40.0),
        daily_cost=[(day, float((n + step + d) % 17)) for d, day in enumerate(_DAYS)],
        daily_tokens=[(day, 1e5 * d + step) for d, day in enumerate(_DAYS)],
    )
    return Account(f"{machine}:claude_code:{id_}", snapshot, sections)


class _Hub:
    """A hub of the Go program: asked once, it says nothing; what there is is given to the screen by hand."""

    label = "hub http://hub.lan:9190"
    is_hub = True

    def fetch(self, window: str) -> Frame:
        return Frame(snapshots={}, fetched_at=_NOW)

    def close(self) -> None:
        """Nothing to close."""


def _outcome(found: list[Account]) -> Outcome:
    return Outcome(window="30d", frame=Frame(snapshots={}, fetched_at=_NOW), accounts=found)


async def _refreshes() -> tuple[float, float]:
    """Milliseconds of CPU: (all changed, nothing but the time)."""
    moment = [_NOW]
    app = DashboardApp(_Hub(), refresh_s=3600, now=lambda: moment[0], tz=dt.UTC)
    async with app.run_test(size=SIZE) as pilot:
        while app.board.frame is None:
            await pilot.pause(0.01)
        idle = await _idle(pilot)
        taken: list[float] = []
        steps = [accounts(TILES, step) for step in range(REFRESHES + 1)]
        for found in [*steps, *([steps[-1]] * REFRESHES)]:
            moment[0] += dt.timedelta(seconds=1)
            began = time.process_time()
            app.post_message(app.Polled(_outcome(list(found))))
            await pilot.pause()
            taken.append((time.process_time() - began) * 1000 - idle)
    # The first one makes the screen.
    return statistics.median(taken[1 : REFRESHES + 1]), statistics.median(taken[REFRESHES + 1 :])


async def _idle(pilot: Pilot[None]) -> float:
    """Milliseconds of CPU that the pilot takes to find that nothing happens."""
    await pilot.pause()
    taken = []
    for _ in range(REFRESHES):
        began = time.process_time()
        await pilot.pause()
        taken.append((time.process_time() - began) * 1000)
    return statistics.median(taken)


def _fill(app: DashboardApp) -> None:
    app.post_message(app.Polled(_outcome(accounts(MANY, 0))))


async def _key(source: SnapshotSource, fill: Callable[[DashboardApp], None] | None) -> float:
    """Milliseconds of CPU from `down` to the screen that shows it."""
    app = DashboardApp(source, refresh_s=3600, now=lambda: _NOW, tz=dt.UTC)
    async with app.run_test(size=SIZE) as pilot:
        while app.board.frame is None and app.board.pane is None:
            await pilot.pause(0.01)
        if fill is not None:
            fill(app)
        idle = await _idle(pilot)
        taken = []
        for _ in range(REFRESHES):
            began = time.process_time()
            await pilot.press("down")
            taken.append((time.process_time() - began) * 1000 - idle)
    return statistics.median(taken)


def memory_mb() -> float:
    """Of this process, after it has shown and refreshed the tiles."""
    asyncio.run(_refreshes())
    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    print(render(run()))
