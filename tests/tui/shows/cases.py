"""Which pictures there are: screen, keys that lead to it, size, colours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from textual.pilot import Pilot

from openusage.settings import Dashboard, Settings
from openusage.tui.app import DashboardApp
from openusage.tui.palette import DARK, LIGHT
from openusage.tui.scheme import Schemes
from openusage.tui.settings.screen import Outside
from openusage.tui.settings.tab import KeyState
from openusage.tui.theme_file import built_in
from tests.tui.shows.world import NOW, World
from tests.tui.test_history_pictures import answered, settled
from tests.tui.world import lent

SIZES = ((80, 24), (120, 40), (200, 60))
MIDDLE = SIZES[1]


class Screen(NamedTuple):
    """One screen, and how one comes to it."""

    name: str
    keys: tuple[str, ...] = ()
    sees: str = ""
    """What is on it when it is whole; empty: it is with the first answer."""
    hub: bool = False
    view: str = "grid"


class Case(NamedTuple):
    """One picture."""

    screen: Screen
    size: tuple[int, int]
    look: str = DARK
    """A theme, or `no colour`, or `ascii`."""

    def __str__(self) -> str:
        look = "" if self.look == DARK else f" {self.look.removeprefix('openusage-')}"
        return f"{self.screen.name} {self.size[0]}x{self.size[1]}{look}".replace(" ", "-")


NO_COLOUR, ASCII = "no colour", "ascii"

SCREENS = (
    Screen("fleet", hub=True),
    Screen("fleet by model", ("g", "g", "g"), "MODEL", hub=True),
    Screen("fleet accounts", ("a",), hub=True),
    Screen("fleet tiles", ("v",), "Claude Code", hub=True),
    Screen("grid"),
    Screen("stacked", ("down",), view="stacked"),
    Screen("tabs", ("right",), view="tabs"),
    Screen("split", ("down",), view="split"),
    Screen("compare", ("right",), view="compare"),
    Screen("split of a hub", ("v", "down"), "Claude Code", hub=True, view="split"),
    Screen("settings accounts", ("comma", "down"), "Accounts"),
    Screen("settings sections", ("comma", "2", "down"), "Sections"),
    Screen("settings theme", ("comma", "3", "down"), "Theme"),
    Screen("settings keys", ("comma", "5"), "OPENROUTER_API_KEY"),
    Screen("settings data", ("comma", "6"), "window"),
    Screen("help", ("question_mark",), "MOVE"),
    Screen("help of the fleet", ("question_mark",), "MOVE", hub=True),
)

HISTORY = (
    Screen("detail overview", ("enter",), "[1 Overview]"),
    Screen("detail models", ("enter", "2"), "[2 Models]"),
    Screen("detail projects", ("right", "enter", "3"), "[3 Projects]"),
    Screen("detail sessions", ("enter", "4"), "LAST▼"),
    Screen("detail session", ("enter", "4", "enter"), "WHY THIS COST"),
    Screen("detail tools", ("enter", "5"), "[5 Tools]"),
    Screen("detail limits", ("enter", "6"), "5-HOUR BLOCKS"),
    Screen("detail raw", ("enter", "7"), "provider_id"),
    Screen("analytics", ("A",), "COST BY DAY"),
    Screen("analytics of a hub", ("A",), "COST BY DAY", hub=True),
)
"""What is on them stands in `test_history_pictures` for all sizes; here it is how they look."""

COLOURED = ("fleet", "fleet accounts", "grid", "split", "tabs", "settings accounts", "settings theme", "help")
"""Of the others the middle size in dark shows what there is to see."""


def cases() -> Iterator[Case]:
    """Screens at all sizes in dark, and at the middle size light and without colours.

    What stands in the middle of the screen, or differs from another in its rows alone, gains nothing by the
    large size.
    """
    for screen in SCREENS:
        is_small = screen.name.startswith(("settings", "help", "fleet "))
        yield from (Case(screen, size) for size in (SIZES[:2] if is_small else SIZES))
    for screen in (*HISTORY, *(s for s in SCREENS if s.name in COLOURED)):
        looks = (LIGHT, NO_COLOUR) if screen in SCREENS else (DARK, LIGHT, NO_COLOUR)
        yield from (Case(screen, MIDDLE, look) for look in looks)
    yield from (Case(screen, MIDDLE, ASCII) for screen in SCREENS if screen.name in ("fleet", "grid"))


def app_of(case: Case, world: World) -> DashboardApp:
    """As the command builds it, but with a clock that stands still."""
    source = world.fleet if case.screen.hub else world.local
    theme = "" if case.look in (NO_COLOUR, ASCII) else case.look
    return DashboardApp(
        lent(source),
        settings=Settings(
            theme=theme,
            dashboard=Dashboard(view=case.screen.view, hide_costs=False),  # type: ignore[arg-type]
        ),
        window="7d",
        refresh_s=3600,
        now=lambda: NOW,
        tz=dt.UTC,
        outside=OUTSIDE,
        schemes=Schemes(built_in()),
        plain=case.look == ASCII,
        history=source,
    )


OUTSIDE = Outside(
    keys=lambda: [
        KeyState(provider="openrouter", variable="OPENROUTER_API_KEY", masked="sk-o…9f21", source="env"),
        KeyState(provider="deepseek", variable="DEEPSEEK_API_KEY"),
    ]
)
"""What the settings ask the machine."""


async def come_to(pilot: Pilot[None], case: Case) -> None:
    """Wait for the first answer, press the keys, wait until the screen is whole."""
    app = pilot.app
    assert isinstance(app, DashboardApp)
    while app.board.frame is None and app.board.pane is None:
        await pilot.pause(0.005)
    for key in case.screen.keys:
        await answered(pilot)  # a key means what is on the screen
        await pilot.press(key)
    await settled(pilot, case.screen.sees)
