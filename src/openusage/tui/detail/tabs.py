"""The tabs of a detail, and the line that names them. Pure but for the widget that is clicked."""

from __future__ import annotations

import enum

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from openusage.tui.canvas import Lines
from openusage.tui.lines import Part, cells, spread
from openusage.tui.view import View
from openusage.wire.rollups import By


class Tab(enum.StrEnum):
    """What is told of an account."""

    OVERVIEW = "Overview"
    MODELS = "Models"
    PROJECTS = "Projects"
    SESSIONS = "Sessions"
    TOOLS = "Tools"
    LIMITS = "Limits"
    RAW = "Raw"

    def beside(self, step: int) -> Tab:
        """The next one, or the one before; after the last comes the first."""
        order = list(Tab)
        return order[(order.index(self) + step) % len(order)]


STACKED_BY = {
    Tab.MODELS: By.MODEL,
    Tab.PROJECTS: By.PROJECT,
    Tab.TOOLS: By.TOOL,
}
"""What the chart of a tab is made of."""


def line(chosen: Tab, note: str, width: int, view: View) -> Strip:
    """` 1 Overview  2 Models …`, the chosen one marked, and at the right what is drawn."""
    start = [part for part, _ in _laid(chosen, width, view)]
    end: list[Part] = [(note + " ", view.palette.dim)] if note else []
    if cells(start) + cell_len(note) + 3 > width:
        end = []
    return spread(start, end, width)


def at(x: int, chosen: Tab, width: int, view: View) -> Tab | None:
    """The tab that stands there."""
    edge = 0
    for (text, _), tab in _laid(chosen, width, view):
        edge += cell_len(text)
        if x < edge:
            return tab
    return None


def _laid(chosen: Tab, width: int, view: View) -> list[tuple[Part, Tab | None]]:
    """All pieces of the line. Where there is no room, the other tabs are their digits alone."""
    palette = view.palette
    for names in (True, False):
        found: list[tuple[Part, Tab | None]] = [((" ", palette.text), None)]
        for number, tab in enumerate(Tab, start=1):
            if tab is chosen:
                found.append(((f"[{number} {tab}]", palette.accent), tab))
            else:
                found.append(((f" {number} {tab} " if names else f" {number} ", palette.dim), tab))
        if sum(cell_len(text) for (text, _), _ in found) <= width:
            break
    return found


class TabBar(Lines):
    """The line of tabs; a click chooses one."""

    class Clicked(Message):
        """So many cells from the left."""

        def __init__(self, x: int) -> None:
            super().__init__()
            self.x = x

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Clicked(event.x))
