"""Theme and view: one out of several."""

from __future__ import annotations

from openusage.tui.settings.tab import Act, Deed, Keys, Plain, Row, State, dot
from openusage.tui.views.layout import ABOUT, Layout


class ThemeTab(Plain):
    """One row a theme."""

    title = "Theme"

    def about(self, state: State) -> str:
        return "Colours. t goes through them outside, too."

    def rows(self, state: State) -> list[Row]:
        return [Row(key=name, name=name, mark=dot(name == state.theme)) for name in state.themes]

    def keys(self) -> Keys:
        return (("Space", "choose"),)

    def act(self, deed: Deed, state: State, key: str) -> Act:
        return {"theme": key} if deed is Deed.PICK else None


class ViewTab(Plain):
    """One row a layout of the tiles."""

    title = "View"

    def about(self, state: State) -> str:
        return "How tiles are laid out. v goes through these outside, too."

    def rows(self, state: State) -> list[Row]:
        chosen = Layout.of(state.settings.dashboard.view)
        return [Row(key=str(one), name=str(one), mark=dot(one is chosen), note=ABOUT[one]) for one in Layout]

    def keys(self) -> Keys:
        return (("Space", "choose"),)

    def act(self, deed: Deed, state: State, key: str) -> Act:
        return {"dashboard.view": key} if deed is Deed.PICK else None
