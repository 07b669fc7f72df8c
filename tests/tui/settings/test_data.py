"""The tab of time window and links."""

from __future__ import annotations

from pathlib import Path

from openusage.settings import Settings, Telemetry
from openusage.tui.settings.data import DataTab
from openusage.tui.settings.tab import Deed
from tests.tui.sample import CLAUDE, CODEX, OPENROUTER, on
from tests.tui.settings.sample import state, written

TAB = DataTab()
BORROWER = on(OPENROUTER, "", provider_id="opencode", account_id="opencode", unassigned=["anthropic"])


def linked(**links: str) -> Settings:
    return Settings(telemetry=Telemetry(provider_links=links))


def test_windows_then_vendors_of_which_nobody_knows_whose_they_are() -> None:
    rows = TAB.rows(state(linked(google="gemini_cli"), accounts=[CLAUDE, BORROWER]))
    assert [(r.mark, r.name, r.value) for r in rows] == [
        ("( )", "today", ""),
        ("( )", "3 days", ""),
        ("( )", "7 days", ""),
        ("(●)", "30 days", ""),
        ("( )", "all time", ""),
        ("", "anthropic", "unassigned"),
        ("", "google", "→ gemini_cli"),
    ]
    assert "whose tile" in TAB.about(state(accounts=[BORROWER]))
    assert TAB.about(state()) == "The time window."


def test_keys_are_those_that_do_something_on_the_row() -> None:
    assert TAB.keys("window:7d") == (("Space", "choose"),)
    assert dict(TAB.keys("link:anthropic")) == {"Space": "next account", "x": "no link"}


def test_choosing_a_window() -> None:
    assert TAB.act(Deed.PICK, state(), "window:7d") == {"data.time_window": "7d"}
    assert TAB.act(Deed.REMOVE, state(), "window:7d") is None


def test_a_link_goes_through_providers_and_accounts_and_back_to_none(tmp_path: Path) -> None:
    file, seen, now = tmp_path / "s.json", [], Settings()
    accounts = [CLAUDE, on(CLAUDE, "", account_id="work"), CODEX, BORROWER]
    for _ in range(7):
        tree = written(file, TAB.act(Deed.PICK, state(now, accounts=accounts), "link:anthropic"))
        seen.append(tree["telemetry"]["provider_links"].get("anthropic"))
        now = linked(**tree["telemetry"]["provider_links"])
    assert seen == ["claude-code", "claude_code", "codex", "opencode", "work", None, "claude-code"]


def test_removing_a_link_leaves_the_others(tmp_path: Path) -> None:
    before = {"telemetry": {"provider_links": {"a": "x", "b": "y"}, "other": 1}}
    tree = written(tmp_path / "s.json", TAB.act(Deed.REMOVE, state(), "link:a"), before=before)
    assert tree == {"telemetry": {"provider_links": {"b": "y"}, "other": 1}}
