"""The fleet screen with 500 machines: what one refresh costs, through Textual's own pilot.

Every figure of every machine differs from the refresh before, as in a fleet that works. CPU time of the
process, from the new pane to the last line on the screen; the median of several.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time

from bench.table import Row, render
from openusage.client import Frame, PaneFrame
from openusage.tui.app import DashboardApp
from openusage.tui.board import Outcome
from openusage.wire.fleet import MachineState, State
from openusage.wire.pane import Pane, PaneRow, PaneTotals, Used, placed, total_of
from openusage.wire.rollups import By
from openusage.wire.stranger import days_until

MACHINES = 500
REFRESHES = 15
SIZE = (200, 60)
_NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
_DAYS = days_until(_NOW.date(), 31)


def run() -> list[Row]:
    """One row a case: all figures changed, nothing changed."""
    changed, unchanged = asyncio.run(_measure())
    return [
        Row(
            name=f"fleet screen, {MACHINES} machines changed, CPU",
            value=changed,
            unit="ms",
            target="<= 50 ms",
            met=changed <= 50,
        ),
        Row(name=f"fleet screen, {MACHINES} machines unchanged, CPU", value=unchanged, unit="ms"),
    ]


def pane(step: int) -> Pane:
    """A fleet whose figures depend on `step`."""
    rows = []
    machines = {}
    for n in range(MACHINES):
        name = f"machine-{n:03}"
        used = Used(cost_usd=n + step / 7, tokens=1e6 * n + step, requests=90 + step)
        rows.append(
            PaneRow(
                label=name,
                today=Used(cost_usd=n / 7 + step, tokens=1e5 * n, requests=9),
                window=used,
                top="claude-opus-4-6",
                costs=[float((n + step) % (day + 2)) for day in range(len(_DAYS))],
                tokens=[1e4 * n for _ in _DAYS],
            )
        )
        machines[name] = MachineState(
            name=name,
            id=f"{n:032x}",
            version="1.0",
            first_seen=_NOW,
            last_seen=_NOW - dt.timedelta(seconds=(n + step) % 60),
            state=State.FRESH,
            clock_skew_s=0.0,
            lag_s=0.0,
            backlog=0,
            records=100,
            copies=0,
            accounts=[],
        )
    whole = total_of(row.window for row in rows)
    return Pane(
        now=_NOW,
        window="30d",
        tz="UTC",
        group=By.MACHINE,
        labels=_DAYS,
        rows=placed(rows, whole, machines, []),
        totals=PaneTotals(today=total_of(row.today for row in rows), window=whole),
        accounts=[],
        machines=MACHINES,
        active=MACHINES,
        snapshots=MACHINES,
        copies=0,
        notes=[],
        history=True,
    )


class InventedHub:
    """Answers once; every further pane is given to the screen by hand."""

    label = "hub http://hub.lan:9190"
    is_hub = True

    def fetch(self, window: str) -> Frame:
        return Frame(snapshots={}, fetched_at=_NOW)

    def pane(self, window: str, group: By, tz: str) -> PaneFrame:
        return PaneFrame(pane=pane(0), fetched_at=_NOW)

    def close(self) -> None:
        """Nothing to close."""


async def _measure() -> tuple[float, float]:
    """Milliseconds of CPU: (all changed, nothing changed)."""
    app = DashboardApp(InventedHub(), refresh_s=3600, now=lambda: _NOW, tz=dt.UTC)
    async with app.run_test(size=SIZE) as pilot:
        while app.board.pane is None:
            await pilot.pause(0.01)
        await pilot.pause()
        taken: list[float] = []
        panes = [pane(step) for step in range(1, REFRESHES + 1)]
        for said in [*panes, *([panes[-1]] * REFRESHES)]:
            outcome = Outcome(window="30d", pane=PaneFrame(pane=said, fetched_at=_NOW))
            began = time.process_time()
            app.post_message(app.Polled(outcome))
            await pilot.pause()
            taken.append((time.process_time() - began) * 1000)
    return statistics.median(taken[:REFRESHES]), statistics.median(taken[REFRESHES:])


if __name__ == "__main__":
    print(render(run()))
