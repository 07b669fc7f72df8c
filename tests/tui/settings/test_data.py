"""The tab of time window and links."""

from __future__ import annotations

from pathlib import Path

from openusage.settings import Settings, Telemetry
from openusage.tui.settings.data import DataTab
from openusage.tui.settings.tab import Deed
from tests.tui.settings.sample import state, written

TAB = DataTab()


def linked(**links: str) -> Settings:
    return Settings(telemetry=Telemetry(provider_links=links))


def test_windows_then_vendors_that_records_name() -> None:
    rows = TAB.rows(state(linked(Novita="openrouter", away="codex")))
    assert [(r.mark, r.name, r.value) for r in rows] == [
        ("( )", "today", ""),
        ("( )", "3 days", ""),
        ("( )", "7 days", ""),
        ("(●)", "30 days", ""),
        ("( )", "all time", ""),
        ("", "DeepInfra", "as it is"),
        ("", "Novita", "→ openrouter"),
        ("", "away", "→ codex"),
    ]


def test_choosing_a_window() -> None:
    assert TAB.act(Deed.PICK, state(), "window:7d") == {"data.time_window": "7d"}
    assert TAB.act(Deed.REMOVE, state(), "window:7d") is None


def test_a_link_goes_through_all_names_and_back_to_none(tmp_path: Path) -> None:
    file, seen, now = tmp_path / "s.json", [], Settings()
    for _ in range(7):
        tree = written(file, TAB.act(Deed.PICK, state(now), "link:Novita"))
        seen.append(tree["telemetry"]["provider_links"].get("Novita"))
        now = linked(**tree["telemetry"]["provider_links"])
    assert seen == ["DeepInfra", "claude_code", "codex", "gemini_cli", "openrouter", None, "DeepInfra"]


def test_removing_a_link_leaves_the_others(tmp_path: Path) -> None:
    before = {"telemetry": {"provider_links": {"a": "x", "b": "y"}, "other": 1}}
    tree = written(tmp_path / "s.json", TAB.act(Deed.REMOVE, state(), "link:a"), before=before)
    assert tree == {"telemetry": {"provider_links": {"b": "y"}, "other": 1}}
