"""An account's tabs with keys and mouse, on a real daemon and real hubs."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from openusage.client import DaemonClient, HubClient
from openusage.errors import PeerUnreachable
from openusage.tui import rank
from openusage.tui.canvas import Page
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.detail.session import SessionScreen
from openusage.tui.detail.sessions import Sheet
from openusage.tui.detail.tabs import Tab
from openusage.tui.fleet.rows import Rows
from openusage.tui.screens import OverviewScreen
from tests.tui.sample import NOW
from tests.tui.world import on, picked, sees, shown, text, wait

pytestmark = pytest.mark.timeout(90)


async def test_keys_go_through_the_tabs(local: DaemonClient) -> None:
    async with shown(local, "enter") as pilot:
        seen = []
        for key in ("tab", "right_square_bracket", "left_square_bracket", "shift+tab", "shift+tab", "4"):
            await pilot.press(key)
            line = next(row for row in picked(pilot.app) if "Overview" in row)
            seen.append(next(tab for tab in Tab if f"{tab}]" in line))
        assert seen == [Tab.MODELS, Tab.PROJECTS, Tab.MODELS, Tab.OVERVIEW, Tab.RAW, Tab.SESSIONS]


async def test_a_click_chooses_a_tab(local: DaemonClient) -> None:
    async with shown(local, "enter") as pilot:
        line = next(row for row in picked(pilot.app) if "Overview" in row)
        await pilot.click("#tabs", offset=(line.index("Limits") + 2, 0))
        assert "5-HOUR BLOCKS" in await sees(pilot, "[6 Limits]")


async def test_the_overview_compares_with_the_window_before_and_says_when(local: DaemonClient) -> None:
    async with shown(local, "enter") as pilot:
        found = await sees(pilot, "LAST 7 DAYS BY HOUR")
        for words in ("COST BY DAY", "LAST 30 DAYS", "CALENDAR", "cache hit", "Limits", "requests unpriced"):
            assert words in found
        assert found.count("unpriced, not in any cost") == 1
        cost = next(row for row in found.splitlines() if "cost  " in row)
        assert "$" in cost
        assert "▲" in cost or "▼" in cost


async def test_models_have_a_chart_and_the_ranking_beside_it(local: DaemonClient) -> None:
    async with shown(local, "enter", "2") as pilot:
        found = await sees(pilot, "SHARE")
        head = next(row for row in found.splitlines() if "COST BY DAY" in row)
        assert "MODEL" in head
        assert "unpriced" in found
        for measure in ("TOKENS", "REQUESTS", "COST"):
            await pilot.press("m")
            await sees(pilot, f"{measure} BY DAY")


async def test_on_a_narrow_screen_the_ranking_stands_below_the_chart(local: DaemonClient) -> None:
    async with shown(local, "enter", "2", size=(80, 24)) as pilot:
        rows = (await sees(pilot, "SHARE")).splitlines()
        chart = next(y for y, row in enumerate(rows) if "COST BY DAY" in row)
        ranking = next(y for y, row in enumerate(rows) if "SHARE" in row)
        assert ranking > chart + 5


async def test_hours_and_days(local: DaemonClient) -> None:
    async with shown(local, "enter", "3", window="3d") as pilot:
        await sees(pilot, "COST BY DAY")
        await pilot.press("u")
        await sees(pilot, "HOURS")
        await pilot.press("u")
        await sees(pilot, "COST BY DAY")


async def test_a_model_opens_its_sessions_a_session_its_turns_and_a_turn_its_price(
    local: DaemonClient,
) -> None:
    async with shown(local, "enter", "2") as pilot:
        await sees(pilot, "SHARE")
        ranked = pilot.app.screen.query_one(Rows).rows
        assert isinstance(ranked, rank.Sheet)
        model = ranked.rows[0].name
        await pilot.press("enter")
        await sees(pilot, f"of {model}")
        sheet = pilot.app.screen.query_one(Rows).rows
        assert isinstance(sheet, Sheet)
        assert len(sheet)
        assert all(model in row.models for row in sheet.rows)
        await pilot.press("enter")
        found = await sees(pilot, "WHY THIS COST")
        assert "CACHE R" in found
        assert "edition tests/1" in found or "Unpriced" in found
        await pilot.press("escape")
        assert on(pilot, DetailScreen)
        await pilot.press("escape")
        await sees(pilot, "[2 Models]")
        await pilot.press("escape")
        await pilot.pause()
        assert on(pilot, OverviewScreen)


async def test_the_parts_of_a_price_add_up_to_the_cost_of_the_turn(local: DaemonClient) -> None:
    async with shown(local, "enter", "4") as pilot:
        await sees(pilot, "LAST▼")
        await pilot.press("enter")
        rows = (await sees(pilot, "WHY THIS COST")).splitlines()
        cost = next(row for row in rows if "computed from its tokens" in row).split()[0].rstrip(",")
        assert next(row for row in rows if row.strip().startswith("sum")).split()[-1] == cost
        first = next(row for row in rows if row.startswith("▌"))
        assert round(float(cost[1:]), 4) == float(first.split()[-1][1:])


async def test_all_events_of_a_session_are_shown_when_asked_for(local: DaemonClient) -> None:
    async with shown(local, "enter", "4") as pilot:
        await sees(pilot, "LAST▼")
        await pilot.press("enter")
        await sees(pilot, "WHY THIS COST")
        rows = pilot.app.screen.query_one(Rows)
        assert rows.rows is not None
        messages = len(rows.rows)
        await pilot.press("a")
        assert len(rows.rows) > messages
        await sees(pilot, "· ")


async def test_sessions_are_searched_and_sorted(local: DaemonClient) -> None:
    async with shown(local, "enter", "4") as pilot:
        await sees(pilot, "LAST▼")
        await pilot.press("s")
        await sees(pilot, "▼COST")
        sheet = pilot.app.screen.query_one(Rows).rows
        assert isinstance(sheet, Sheet)
        costs = [row.used.cost_nano for row in sheet.rows]
        assert costs == sorted(costs, reverse=True)
        await pilot.press("slash", *"site")
        await sees(pilot, "with “site”")
        await pilot.press("enter")
        narrowed = pilot.app.screen.query_one(Rows).rows
        assert isinstance(narrowed, Sheet)
        assert 0 < len(narrowed) < len(sheet)
        await pilot.press("escape")
        await wait(pilot, lambda: "with “site”" not in text(pilot.app))
        await pilot.press("slash", *"nowhere")
        await sees(pilot, "No session has “nowhere”")


async def test_a_click_on_a_heading_sorts(local: DaemonClient) -> None:
    async with shown(local, "enter", "4") as pilot:
        head = next(row for row in (await sees(pilot, "LAST▼")).splitlines() if "LAST▼" in row)
        await pilot.click("#rows", offset=(head.index("TOKENS") + 1, 0))
        await sees(pilot, "▼TOKENS")


async def test_any_days_can_be_typed(local: DaemonClient) -> None:
    async with shown(local, "enter", "2") as pilot:
        await sees(pilot, "SHARE")
        await pilot.press("d", *"2026-11-02..2026-11-08", "enter")
        found = await sees(pilot, "2 Nov – 8 Nov 2026")
        assert "[2 Nov – 8 Nov 2026]" in found
        await wait(pilot, lambda: " 8 Nov" in text(pilot.app))
        await pilot.press("w")
        await sees(pilot, "[30d]")


async def test_days_that_do_not_exist_are_said_and_can_be_typed_again(local: DaemonClient) -> None:
    async with shown(local, "enter", "2") as pilot:
        await pilot.press("d", *"2026-02-31", "enter")
        await sees(pilot, "has a day that does not exist")
        await pilot.press("escape")
        assert on(pilot, DetailScreen)
        assert not pilot.app.screen.query_one("#days").has_class("-open")


async def test_a_window_without_use_says_so(local: DaemonClient) -> None:
    async with shown(local, "enter", "2") as pilot:
        await pilot.press("d", *"2025-01-01..2025-01-31", "enter")
        await sees(pilot, "No model answered: 1 Jan – 31 Jan 2025.")


async def test_limits_project_the_running_block(local: DaemonClient) -> None:
    async with shown(local, "enter", "6") as pilot:
        found = await sees(pilot, "5-HOUR BLOCKS")
        assert "RUNNING BLOCK" in found
        assert "at this rate" in found
        assert "runs" in found


async def test_raw_is_the_snapshot_as_it_travels_and_can_be_searched(local: DaemonClient) -> None:
    async with shown(local, "enter", "7") as pilot:
        assert "provider_id  claude_code" in await sees(pilot, "metrics")
        await pilot.press("slash", *"5h_block", "enter")
        found = await sees(pilot, "5h_block_cost")
        assert "provider_id" not in found


async def test_on_a_hub_the_detail_is_of_that_machine_and_w_asks_for_another_window(fleet: HubClient) -> None:
    async with shown(fleet, "v") as pilot:
        await sees(pilot, "work-laptop")
        await pilot.press("enter", "2")
        await sees(pilot, "SHARE")
        await pilot.press("w")
        await sees(pilot, "[all]")
        await pilot.press("4")
        assert "all time" in await sees(pilot, "LAST▼")
        await pilot.press("enter")
        await sees(pilot, "WHY THIS COST")
        assert on(pilot, SessionScreen)


async def test_a_hub_without_a_history_says_so_and_the_snapshot_is_shown(plain_hub: HubClient) -> None:
    async with shown(plain_hub, "v") as pilot:
        await sees(pilot, "Claude Code")
        await pilot.press("enter", "2")
        found = await sees(pilot, "keeps no history. The Go program's hub does not. Shown is")
        assert "╭─ Models" in found
        await pilot.press("4")
        await sees(pilot, "[4 Sessions]")
        await sees(pilot, "keeps no history")
        await pilot.press("6")
        assert "LIMITS" in await sees(pilot, "[6 Limits]")


async def test_a_source_that_hangs_holds_up_no_key(
    local: DaemonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, entered = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        entered.set()
        release.wait(60)
        return []

    monkeypatch.setattr(local, "usage", hang)
    async with shown(local, "enter", "2") as pilot:
        await wait(pilot, entered.is_set)
        await pilot.press("7")
        await sees(pilot, "provider_id  claude_code")
        await pilot.press("escape")
        await pilot.pause()
        assert on(pilot, OverviewScreen)
        release.set()


async def test_a_daemon_that_is_lost_keeps_what_was_known_and_says_since_when(
    local: DaemonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [NOW]
    async with shown(local, "enter", "2", now=lambda: moment[0]) as pilot:
        before = await sees(pilot, "SHARE")

        def lost(*_: object, **__: object) -> list[object]:
            raise PeerUnreachable("No daemon answers.")

        monkeypatch.setattr(local, "usage", lost)
        moment[0] = NOW + dt.timedelta(seconds=70)
        app = pilot.app
        app.tick()  # type: ignore[attr-defined]
        found = await sees(pilot, "No daemon answers.")
        assert "Shown is what was known at 12:41" in " ".join(found.split())
        assert next(r for r in before.splitlines() if r.startswith("  COST BY")) in found
        monkeypatch.undo()
        moment[0] = NOW + dt.timedelta(seconds=80)
        app.tick()  # type: ignore[attr-defined]
        await wait(pilot, lambda: "No daemon answers." not in text(app))


async def test_the_selected_row_and_the_scroll_stay_when_the_answer_comes_again(local: DaemonClient) -> None:
    async with shown(local, "enter", "4", size=(80, 24)) as pilot:
        await sees(pilot, "LAST▼")
        rows = pilot.app.screen.query_one(Rows)
        await pilot.press("end", "up")
        at, scroll = rows.chosen, rows.scroll_y
        assert scroll > 0
        screen = pilot.app.screen
        assert isinstance(screen, DetailScreen)
        answers = dict(screen._answers.values)
        screen._answers.asked.clear()
        screen.draw()
        await wait(pilot, lambda: screen._answers.values != answers or bool(screen._answers.asked))
        await wait(pilot, lambda: any(screen._answers.values[k] is not v for k, v in answers.items()))
        assert (rows.chosen, rows.scroll_y) == (at, scroll)


async def test_small_screens_still_show_rows(local: DaemonClient) -> None:
    async with shown(local, "enter", "4", size=(40, 10)) as pilot:
        found = await sees(pilot, "LAST▼")
        assert "▌" in found
        await pilot.press("2")
        assert "▌" in await sees(pilot, "SHARE")
        await pilot.press("1")
        await sees(pilot, "[1 Overview]")
        assert pilot.app.screen.query_one(Page).display
