"""The tab of accounts."""

from __future__ import annotations

from pathlib import Path

from openusage.settings import Dashboard, DashboardProvider, Settings
from openusage.tui.settings.accounts import AccountsTab
from openusage.tui.settings.tab import Deed
from tests.tui.sample import CLAUDE, FLEET, on
from tests.tui.settings.sample import state, written

TAB = AccountsTab()


def settings(*providers: DashboardProvider, hide_costs: bool | None = None) -> Settings:
    return Settings(dashboard=Dashboard(providers=list(providers), hide_costs=hide_costs))


def test_accounts_stand_in_the_order_of_their_tiles() -> None:
    chosen = settings(
        DashboardProvider(account_id="gemini-cli", enabled=False),
        DashboardProvider(account_id="away", hide_costs=True),
    )
    rows = TAB.rows(state(chosen))
    assert [(r.mark, r.name, r.value, r.note) for r in rows] == [
        ("", "All accounts", "costs: auto", "hidden for plans with a flat price"),
        ("[ ]", "gemini-cli", "", "Gemini CLI"),
        ("[x]", "away", "costs: hide", "not there now"),
        ("[x]", "claude-code", "", "Claude Code"),
        ("[x]", "codex-cli", "", "OpenAI Codex CLI"),
        ("[x]", "openrouter", "", "OpenRouter"),
    ]


def test_an_account_of_several_machines_is_one_row() -> None:
    rows = TAB.rows(state(accounts=[on(CLAUDE, "a"), on(CLAUDE, "b"), *FLEET[3:4]]))
    assert [(r.key, r.note) for r in rows[1:]] == [
        ("claude-code", "Claude Code, 2 machines"),
        ("gemini-cli", "Gemini CLI, home"),
    ]


def test_switching_off_keeps_the_order_and_switching_on_again_too(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    off = written(file, TAB.act(Deed.PICK, state(), "codex-cli"))["dashboard"]["providers"]
    assert [(p["account_id"], p["enabled"]) for p in off] == [
        ("claude-code", True),
        ("codex-cli", False),
        ("gemini-cli", True),
        ("openrouter", True),
    ]
    is_off = settings(DashboardProvider(account_id="codex-cli", enabled=False))
    on_again = written(file, TAB.act(Deed.PICK, state(is_off), "codex-cli"))["dashboard"]["providers"]
    assert all(p["enabled"] for p in on_again)


def test_moving_an_account(tmp_path: Path) -> None:
    act = TAB.act(Deed.UP, state(), "gemini-cli")
    providers = written(tmp_path / "s.json", act)["dashboard"]["providers"]
    assert [p["account_id"] for p in providers] == ["claude-code", "gemini-cli", "codex-cli", "openrouter"]


def test_costs_of_one_account_go_through_auto_hide_show(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    seen = []
    now = settings()
    for _ in range(3):
        tree = written(file, TAB.act(Deed.COSTS, state(now), "codex-cli"))
        entry = next(p for p in tree["dashboard"]["providers"] if p["account_id"] == "codex-cli")
        seen.append(entry.get("hide_costs"))
        now = settings(DashboardProvider(account_id="codex-cli", hide_costs=seen[-1]))
    assert seen == [True, False, None]


def test_the_first_row_is_for_all_accounts() -> None:
    assert TAB.act(Deed.COSTS, state(), "") == {"dashboard.hide_costs": True}
    assert TAB.act(Deed.PICK, state(settings(hide_costs=True)), "") == {"dashboard.hide_costs": False}
    assert TAB.act(Deed.PICK, state(settings(hide_costs=False)), "") == {"dashboard.hide_costs": None}
    assert TAB.act(Deed.UP, state(), "") is None


def test_other_keys_mean_nothing_here() -> None:
    assert TAB.act(Deed.REMOVE, state(), "codex-cli") is None
