"""What is taken along from a history: rankings, sessions and turns as CSV and JSON, a row as text."""

from __future__ import annotations

import json

import pytest

from openusage.client import DaemonClient
from openusage.tui.app import DashboardApp
from tests.tui.test_taking import Folder, table
from tests.tui.world import sees, shown

pytestmark = pytest.mark.timeout(90)


async def test_a_ranking_sessions_and_turns_are_exported_with_exact_figures(local: DaemonClient) -> None:
    folder = Folder()
    async with shown(local, "enter", "2", keep=folder.keep) as pilot:
        await sees(pilot, "SHARE")
        await pilot.press("e")
        await pilot.press("4")
        await sees(pilot, "LAST▼")
        await pilot.press("e", "enter")
        await sees(pilot, "WHY THIS COST")
        await pilot.press("e", "E")
        await sees(pilot, "Saved ~/openusage-turns-")
    models, sessions, turns = (table(data) for name, data in folder.files.items() if name.endswith(".csv"))
    whole = sum(float(row["cost_usd"]) for row in models if row["cost_usd"])
    assert whole == pytest.approx(sum(float(row["cost_usd"]) for row in sessions if row["cost_usd"]))
    assert [row["cost_usd"] for row in models if row["model"].startswith("claude-haiku")] == [""]
    cost = sum(float(row["cost_usd"]) for row in turns if row["cost_usd"])
    assert cost == pytest.approx(float(sessions[0]["cost_usd"]))
    (as_json,) = (data for name, data in folder.files.items() if name.endswith(".json"))
    assert json.loads(as_json)["about"]["session"] == sessions[0]["session"]


async def test_the_chosen_row_is_copied(local: DaemonClient) -> None:
    async with shown(local, "enter", "3") as pilot:
        await sees(pilot, "SHARE")
        await pilot.press("down", "y")
        found = await sees(pilot, "Copied: ")
        app = pilot.app
        assert isinstance(app, DashboardApp)
        name = app.clipboard.split("  ")[0]
        assert f"▌ ■ {name}" in found


async def test_the_ranking_of_the_analytics_is_exported(local: DaemonClient) -> None:
    folder = Folder()
    async with shown(local, "A", keep=folder.keep) as pilot:
        await sees(pilot, "WHAT CHANGED MOST")
        await pilot.press("e")
        await sees(pilot, "Saved ~/openusage-models-30d-")
    (data,) = folder.files.values()
    assert {"model", "cost_usd", "cost_before_usd"} <= table(data)[0].keys()
