"""The application with keys and mouse, on a source whose answers the test sets."""

from __future__ import annotations

import threading

import pytest
from textual import events
from textual.strip import Strip
from textual.widgets import Input

from openusage.client import Frame
from openusage.errors import PeerRefused, PeerUnreachable, SettingsError
from openusage.settings import Change, Dashboard, DashboardProvider, Settings
from openusage.tui.board import Outcome
from openusage.tui.canvas import Lines, Page
from openusage.tui.detail.screen import DetailScreen
from openusage.tui.frame import HelpScreen
from openusage.tui.screens import OverviewScreen
from openusage.tui.views.wall import Wall
from openusage.wire.sections import Sections
from tests.tui.pilots import KeptSettings, app_for, running, screen_text, until
from tests.tui.sample import CLAUDE, CODEX, FLEET, LOCAL, NOW, FakeSource, key_of, later, on

HIDDEN_COSTS = Settings(dashboard=Dashboard(hide_costs=True))


async def test_the_first_answer_is_on_the_screen() -> None:
    async with running(FakeSource(LOCAL)) as (app, _):
        found = screen_text(app)
        for name in ("Claude Code", "OpenAI Codex CLI", "Gemini CLI", "OpenRouter"):
            assert name in found
        assert "this machine · 0 s ago" in found
        assert "[30d]" in found


async def test_the_hub_line_reads_as_documented() -> None:
    async with running(FakeSource(FLEET, hub=True)) as (app, _):
        assert "hub http://hub.lan:9190 · 7 machine snapshots" in screen_text(app)


async def test_arrows_and_letters_move_the_selection() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        seen = []
        for key in ("right", "down", "h", "k", "end", "g"):
            await pilot.press(key)
            seen.append(app.board.selected)
        keys = [key_of(a) for a in LOCAL]
        assert seen == [keys[1], keys[3], keys[2], keys[0], keys[3], keys[0]]


async def test_enter_opens_and_escape_goes_back() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("right", "enter")
        opened: object = app.screen
        assert isinstance(opened, DetailScreen)
        assert "OpenAI Codex CLI" in screen_text(app)
        assert "Limits" in screen_text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, OverviewScreen)
        assert app.board.selected == key_of(CODEX)


async def test_the_days_of_the_detail_change_their_measure() -> None:
    async with running(FakeSource([CLAUDE, CODEX])) as (app, pilot):
        await pilot.press("enter")
        titles = []
        for _ in range(4):
            titles.append(
                next(w for w in ("Cost", "Tokens", "Requests") if f"{w} by day" in screen_text(app))
            )
            await pilot.press("m")
            await pilot.pause()
        assert titles == ["Cost", "Tokens", "Requests", "Cost"]


async def test_an_account_that_vanishes_while_it_is_open_is_said() -> None:
    source = FakeSource(LOCAL)
    async with running(source) as (app, pilot):
        await pilot.press("enter")
        source.accounts = LOCAL[1:]
        await pilot.press("r")
        await until(pilot, lambda: len(app.board.accounts) == 3)
        assert "not reported any more" in screen_text(app)


async def test_w_asks_the_source_for_the_next_window_and_saves_it() -> None:
    source = FakeSource(LOCAL)
    kept = KeptSettings()
    async with running(source, save=kept.save) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: "all" in source.windows)
        await pilot.press("w")
        await until(pilot, lambda: "1d" in source.windows)
        assert [s.data.time_window for s in kept.saved] == ["all", "1d"]
        assert "[1d]" in screen_text(app)


async def test_on_a_hub_w_says_that_the_machines_chose() -> None:
    source = FakeSource(FLEET, hub=True)
    async with running(source) as (app, pilot):
        await pilot.press("w")
        await pilot.pause()
        assert "Each machine chose its own window: 30d." in screen_text(app)
        assert set(source.windows) == {"30d"}


async def test_c_takes_one_account_through_auto_hide_show_and_saves_it() -> None:
    kept = KeptSettings()
    async with running(FakeSource([CODEX, CLAUDE]), save=kept.save) as (app, pilot):
        assert "Costs hidden" in screen_text(app)
        await pilot.press("c")
        await pilot.pause()
        assert "Costs hidden" not in screen_text(app)
        assert "costs: hide" in screen_text(app)
        assert "$161.75" not in screen_text(app)
        assert "$402.77" in screen_text(app)  # the other account's
        await pilot.press("c")
        await pilot.pause()
        assert "$161.75" in screen_text(app)
        assert "costs: show" in screen_text(app)
        await pilot.press("c")
        await pilot.pause()
        assert "Costs hidden" in screen_text(app)
        providers = [s.dashboard.providers for s in kept.saved]
        assert [[(p.account_id, p.hide_costs) for p in saved] for saved in providers] == [
            [("codex-cli", hidden), ("claude-code", None)] for hidden in (True, False, None)
        ]


async def test_a_setting_hides_costs_from_the_start() -> None:
    async with running(FakeSource(LOCAL), settings=HIDDEN_COSTS) as (app, _):
        assert "$18.20" not in screen_text(app)


async def test_an_account_can_show_its_costs_though_all_others_hide_theirs() -> None:
    providers = [DashboardProvider(account_id="claude-code", hide_costs=False)]
    settings = Settings(dashboard=Dashboard(hide_costs=True, providers=providers))
    async with running(FakeSource(LOCAL), settings=settings) as (app, _):
        assert "$402.77" in screen_text(app)
        assert "$16.53" not in screen_text(app)


async def test_what_cannot_be_saved_is_said_and_not_shown_as_if_it_were() -> None:
    def refuse(change: Change) -> Settings:
        raise SettingsError("~/.config/openusage/settings.json: cannot be written: Permission denied")

    async with running(FakeSource(LOCAL), save=refuse) as (app, pilot):
        await pilot.press("v")
        await pilot.pause()
        flat = " ".join(screen_text(app).split())
        assert "Not saved: ~/.config/openusage/settings.json: cannot be written" in flat
        assert app.settings.dashboard.view == "grid"


async def test_the_filter_narrows_while_typing_enter_keeps_escape_clears() -> None:
    async with running(FakeSource(FLEET, hub=True)) as (app, pilot):
        await pilot.press("slash", *"build q")
        assert not app.board.visible()
        await pilot.press("backspace", "backspace")
        assert [a.sections.machine for a in app.board.visible()] == ["build-1", "build-1"]
        await pilot.press("enter")
        assert isinstance(app.focused, Wall)
        assert "desktop" not in screen_text(app)
        await pilot.press("escape")
        assert len(app.board.visible()) == 7
        assert not app.screen.query_one("#filter", Input).has_class("-open")


async def test_an_error_keeps_the_tiles_and_recovery_needs_no_restart() -> None:
    source = FakeSource(FLEET, hub=True)
    moment = [NOW]
    async with running(source, now=lambda: moment[0]) as (app, pilot):
        source.error = PeerUnreachable("hub.lan:9190 does not answer (connection refused)")
        await pilot.press("r")
        await until(pilot, lambda: app.board.error is not None)
        moment[0] = later(minutes=3, seconds=2)
        app.tick()
        await pilot.pause()
        flat = " ".join(screen_text(app).split())
        assert (
            "hub.lan:9190 does not answer (connection refused). Showing data from 12:41, 3 minutes old."
            in flat
        )
        assert "Claude Code" in flat
        source.error = None
        source.now = lambda: moment[0]
        await pilot.press("r")
        await until(pilot, lambda: app.board.error is None)
        assert "does not answer" not in screen_text(app)
        assert "7 machine snapshots · 0 s ago" in screen_text(app)


async def test_a_hub_that_is_unreachable_at_the_start_is_said_in_the_middle() -> None:
    source = FakeSource(FLEET, hub=True)
    source.error = PeerRefused("hub.lan:9190 wants a token.", "Set OPENUSAGE_HUB_TOKEN.", status=401)
    async with running(source) as (app, _):
        assert "Set OPENUSAGE_HUB_TOKEN." in screen_text(app)


async def test_a_hanging_source_blocks_neither_keys_nor_quitting() -> None:
    source = FakeSource(LOCAL)
    release = threading.Event()
    entered = threading.Event()
    answer = source.fetch

    def hang(window: str) -> Frame:
        entered.set()
        release.wait(30)
        return answer(window)

    source.fetch = hang  # type: ignore[method-assign]
    app = app_for(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, entered.is_set)
        assert "Asking this machine" in screen_text(app)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("x", "q")
        await until(pilot, lambda: not app.is_running)
    release.set()


async def test_a_defect_in_the_polling_thread_ends_the_app_with_its_error() -> None:
    """It must not leave a screen that looks alive."""
    source = FakeSource(LOCAL)

    def broken(window: str) -> Frame:
        raise ZeroDivisionError("a defect")

    source.fetch = broken  # type: ignore[method-assign]
    app = app_for(source)
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            await until(pilot, lambda: not app.is_running)


async def test_help_lists_what_the_bindings_say_and_any_key_closes_it() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("question_mark")
        found = screen_text(app)
        for words in (
            "open the account",
            "next time window: 1d, 3d, 7d, 30d, all",
            "q Ctrl+C",
            "Ctrl+P",
            "PgDn",
        ):
            assert words in found
        await pilot.press("w")
        assert isinstance(app.screen, OverviewScreen)
        assert app.board.window == "30d"


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting(key: str) -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)


async def test_a_click_selects_and_a_second_one_opens() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        box = app.screen.query_one(Wall).grid.boxes[1]
        await pilot.click(Wall, offset=(box.x + 3, box.y + 2))
        assert app.board.selected == key_of(CODEX)
        await pilot.click(Wall, offset=(box.x + 3, box.y + 2), times=2)
        assert isinstance(app.screen, DetailScreen)


async def test_the_selection_and_the_scroll_stay_when_new_data_come() -> None:
    many = [on(CLAUDE, f"m{i:02}") for i in range(20)]
    source = FakeSource(many, hub=True)
    async with running(source, size=(80, 24)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        await pilot.press("end", "up", "up")
        selected, scroll = app.board.selected, wall.scroll_y
        assert scroll > 0
        source.accounts = [on(a, a.machine, timestamp=NOW) for a in many]
        asked = len(source.windows)
        await pilot.press("r")
        await until(
            pilot, lambda: len(source.windows) > asked and app.board.accounts[0].sections.timestamp == NOW
        )
        assert (app.board.selected, wall.scroll_y) == (selected, scroll)
        chosen = app.board.chosen()
        assert chosen is not None
        assert chosen.sections.machine == "m17"


async def test_page_keys_and_the_wheel_scroll() -> None:
    source = FakeSource([on(CLAUDE, f"m{i:02}") for i in range(20)], hub=True)
    async with running(source, size=(80, 24)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        await pilot.press("pagedown")
        first = wall.scroll_y
        assert first > 0
        await pilot.press("pageup")
        assert wall.scroll_y == 0
        await pilot._post_mouse_events([events.MouseScrollDown], Wall, (5, 5))
        await until(pilot, lambda: wall.scroll_y > 0)


async def test_an_age_that_ticks_repaints_only_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [later(seconds=1)]
    async with running(FakeSource([CLAUDE, CODEX]), now=lambda: moment[0]) as (app, pilot):
        wall = app.screen.query_one(Wall)
        painted: list[int] = []
        real = wall.render_line

        def recorded(y: int) -> Strip:
            painted.append(y)
            return real(y)

        monkeypatch.setattr(wall, "render_line", recorded)
        moment[0] = later(seconds=2)
        app.tick()
        await pilot.pause()
        assert painted == [0]
        painted.clear()
        app.tick()
        await pilot.pause()
        assert painted == []


async def test_one_account_on_a_large_screen_is_drawn_whole_and_scrolls() -> None:
    async with running(FakeSource([CLAUDE]), size=(120, 40)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        assert "Cost by day" in screen_text(app)
        await pilot.press("j", "down")
        assert wall.scroll_y == 2
        await pilot.press("G")
        assert "skipped_lines" in screen_text(app)
        await pilot.press("g")
        assert wall.scroll_y == 0


@pytest.mark.parametrize("size", [(30, 8), (40, 10), (80, 24), (100, 30), (120, 40), (200, 60), (300, 20)])
async def test_every_size_draws_without_a_cut_figure(size: tuple[int, int]) -> None:
    async with running(FakeSource(FLEET, hub=True), size=size) as (app, pilot):
        assert "Claude Code" in screen_text(app)
        await pilot.press("enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.query_one(Page).lines


async def test_a_terminal_that_is_too_small_says_so_and_comes_back() -> None:
    async with running(FakeSource(LOCAL), size=(29, 7)) as (app, pilot):
        assert "29×7 is too small." in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "too small" not in screen_text(app)
        assert "Claude Code" in screen_text(app)


async def test_nothing_found_shows_the_callers_words() -> None:
    text = "No coding tool found on this machine. Looked for 22 tools.\nTo look around: `openusage demo`."
    async with running(FakeSource([]), empty_text=text) as (app, _):
        assert "No coding tool found on this machine. Looked for 22 tools." in screen_text(app)
        assert "To look around: `openusage demo`." in screen_text(app)


async def test_the_first_read_is_told_while_nothing_is_known() -> None:
    note = "Reading history: 612 MB of 1.0 GB, Claude Code, 2 s left"
    async with running(FakeSource([], notes=[note])) as (app, _):
        assert note in screen_text(app)


async def test_an_outcome_of_a_window_left_behind_is_not_shown() -> None:
    source = FakeSource(LOCAL)
    async with running(source) as (app, pilot):
        app.board.window = "7d"
        frame = app.board.frame
        app.action_refresh()
        await until(pilot, lambda: len(source.windows) >= 2)
        assert app.board.frame is frame


async def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeSource([*LOCAL])) as (app, _):
        assert app.no_color
        styles = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip]
        for style in styles:
            triplet = style.color.triplet if style and style.color else None
            assert triplet is None or max(triplet) - min(triplet) <= 1


async def test_the_light_theme_is_light() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("t")
        await pilot.pause()
        assert not app.view().palette.dark
        assert app.current_theme.dark is False


async def test_the_command_palette_offers_what_the_keys_do() -> None:
    async with running(FakeSource(LOCAL)) as (app, _):
        names = {command.title for command in app.get_system_commands(app.screen)}
        assert names == {
            *("Window", "Costs", "Refresh", "Theme", "Settings", "Help", "Quit"),
            *("Open", "Filter", "View", "Analytics"),
        }


async def test_names_from_outside_reach_no_terminal_as_commands() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[red]x"
    account: Sections = on(CLAUDE, evil, name=evil, message=evil, status="ERROR")
    async with running(FakeSource([account, CODEX], hub=True, notes=[evil])) as (app, pilot):
        for _ in range(2):
            assert "\x1b" not in screen_text(app)
            assert "[red]x" in screen_text(app)
            await pilot.press("enter")


async def test_lines_are_as_high_as_they_are_many() -> None:
    async with running(FakeSource(LOCAL)) as (app, _):
        assert app.screen.query_one("#bar", Lines).size.height == 1
        assert app.screen.query_one("#top", Lines).size.height == 5


async def test_the_days_stand_below_the_tiles_when_there_is_room_for_them() -> None:
    async with running(FakeSource(LOCAL, hub=False), size=(200, 60)) as (app, pilot):
        assert "COST BY DAY" in screen_text(app)
        wall, days = app.screen.query_one(Wall), app.screen.query_one("#days", Lines)
        assert wall.grid.height <= wall.size.height
        assert days.region.bottom < app.size.height
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: days.size.height == 0)
        assert "COST BY DAY" not in screen_text(app)
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: "COST BY DAY" in screen_text(app))


async def test_hidden_costs_leave_no_money_below_the_tiles() -> None:
    async with running(FakeSource(LOCAL), size=(200, 60), settings=HIDDEN_COSTS) as (app, _):
        assert "TOKENS BY DAY" in screen_text(app)
        assert "$" not in screen_text(app).replace("$7.02 left", "").replace("$12.98 used  of $20.00", "")


async def test_arrows_go_from_card_to_card_and_back() -> None:
    """The card is marked and at the top as far as the page can scroll; after the last comes the first."""
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("enter")
        page = app.screen.query_one(Page)
        accent = app.view().palette.accent

        def marked() -> list[str]:
            """Titles of cards in a marked frame."""
            found = []
            for line in page.lines:
                segments = [*line]
                for at, segment in enumerate(segments):
                    if segment.text == "╭─ " and segment.style == accent:
                        found.append(segments[at + 1].text)
            return found

        assert marked() == []
        seen = []
        for _ in range(5):
            await pilot.press("right")
            seen += marked()
        assert seen == ["Cost by day", "Limits", "Spending", "Forecast", "Models"]
        start = next(y for y, line in enumerate(page.lines) if line.text.startswith("╭─ Models ─"))
        assert page.scroll_y == min(start, page.max_scroll_y) > 0
        await pilot.press("left")
        assert marked() == ["Forecast"]
        for _ in range(4):
            await pilot.press("left")
        assert marked() == ["Diagnostics"]
        await pilot.press("right")
        assert marked() == ["Cost by day"]
        assert page.scroll_y == 0


async def test_a_tile_that_was_just_moved_to_is_the_one_that_opens() -> None:
    """Keys that come faster than the screen hears of the selection, as from a terminal's buffer."""
    async with running(FakeSource(LOCAL)) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, OverviewScreen)
        screen.query_one(Wall).action_move("right")
        screen.action_open()
        await pilot.pause()
        assert "OpenAI Codex CLI" in screen_text(app)


async def test_another_thread_can_ask_it_to_end() -> None:
    """As a signal does; also before the first frame."""
    async with running(FakeSource(LOCAL)) as (app, pilot):
        threading.Thread(target=app.ask_to_end).start()
        await until(pilot, lambda: not app.is_running)
    early = app_for(FakeSource(LOCAL))
    early.ask_to_end()
    async with early.run_test() as pilot:
        await until(pilot, lambda: not early.is_running)


async def test_what_is_said_instead_of_tiles_is_said_once() -> None:
    note = "Reading history: 612 MB of 1.0 GB, Claude Code, 2 s left"
    async with running(FakeSource([], notes=[note])) as (app, _):
        assert screen_text(app).count(note) == 1
    source = FakeSource(FLEET, hub=True)
    source.error = PeerUnreachable("hub.lan:9190 does not answer (connection refused)")
    async with running(source) as (app, _):
        assert screen_text(app).count("does not answer") == 1


async def test_a_first_read_is_looked_at_more_often() -> None:
    source = FakeSource([], notes=["Reading history: 1 MB of 2 MB"])
    async with running(source, refresh_s=60) as (_, pilot):
        await until(pilot, lambda: len(source.windows) >= 3)


async def test_what_is_waited_for_is_said_until_the_first_answer() -> None:
    source = FakeSource(LOCAL)
    release = threading.Event()
    answer = source.fetch

    def slow(window: str) -> Frame:
        release.wait(60)
        return answer(window)

    source.fetch = slow  # type: ignore[method-assign]
    app = app_for(source, waiting_text="Starting the daemon …")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Starting the daemon …" in screen_text(app))
        release.set()
        await until(pilot, lambda: "Claude Code" in screen_text(app))
        assert "Starting the daemon" not in screen_text(app)


async def test_t_goes_through_the_themes_and_remembers_the_last() -> None:
    kept = KeptSettings()
    async with running(FakeSource(LOCAL), save=kept.save) as (app, pilot):
        names = list(app.schemes.names)
        for _ in names:
            await pilot.press("t")
        assert [s.theme for s in kept.saved] == [*names[1:], names[0]]
    async with running(FakeSource(LOCAL), settings=Settings(theme=names[1])) as (again, _):
        assert again.theme == names[1]
    async with running(FakeSource(LOCAL), settings=Settings(theme="Nobody's")) as (other, _):
        assert other.theme == names[0]


async def test_an_answer_that_comes_while_it_ends_breaks_nothing() -> None:
    async with running(FakeSource(LOCAL)) as (app, pilot):
        same = Outcome(window="30d", frame=app.board.frame, accounts=list(app.board.accounts))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    app.on_dashboard_app_polled(app.Polled(same))
    assert app.return_code == 0


async def test_a_help_page_that_is_longer_than_the_screen_scrolls() -> None:
    """The keys that move it leave it open, all others close it; a page that fits closes by any key."""
    async with running(FakeSource(LOCAL), size=(80, 16)) as (app, pilot):
        await pilot.press("question_mark")
        assert "MOVE" in screen_text(app)
        assert "quit" not in screen_text(app)
        await pilot.press("pagedown", "end")
        assert "near a limit" in screen_text(app)
        await pilot.press("home", "down", "up")
        assert "MOVE" in screen_text(app)
        await pilot.press("x")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.resize_terminal(120, 50)
        await pilot.press("question_mark", "down")
        assert not isinstance(app.screen, HelpScreen)


async def test_two_keys_at_once_close_the_help_once() -> None:
    """Both are on their way to it before the first one is seen."""
    async with running(FakeSource(LOCAL)) as (app, pilot):
        below = app.screen
        await pilot.press("question_mark")
        screen = app.screen
        assert isinstance(screen, HelpScreen)
        for _ in range(2):
            screen.post_message(events.Key("escape", None))
        await pilot.pause()
        await pilot.pause()
        assert app.screen is below
        assert app.return_code is None
