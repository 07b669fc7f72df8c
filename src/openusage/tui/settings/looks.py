"""Theme and view: one out of several."""

from __future__ import annotations

import msgspec
from rich.style import Style
from textual.strip import Strip

from openusage.tui import tile
from openusage.tui.settings.tab import Act, Deed, Keys, Plain, Row, State, dot
from openusage.tui.view import View
from openusage.tui.views.layout import ABOUT, Layout


class ThemeTab:
    """One row a theme; a tile beside them wears the selected one."""

    title = "Theme"

    def about(self, state: State) -> str:
        return "Colours. t goes through them outside, too."

    def rows(self, state: State) -> list[Row]:
        return [Row(key=name, name=name, mark=dot(name == state.theme)) for name in state.schemes.names]

    def keys(self, key: str) -> Keys:
        return (("Space", "choose"),)

    def act(self, deed: Deed, state: State, key: str) -> Act:
        return {"theme": key} if deed is Deed.PICK else None

    def preview(self, state: State, key: str, width: int, height: int, view: View) -> list[Strip]:
        if not state.accounts or width < tile.LEAST_WIDTH:
            return []
        scheme = state.schemes.get(key)
        view = msgspec.structs.replace(view, palette=scheme.palette)
        ground = Style(color=scheme.theme.foreground, bgcolor=scheme.theme.background)
        account = state.accounts[0].sections
        lines = tile.draw(account, width, min(height, tile.heights(account, view).most), view, True)
        return [line.apply_style(ground) for line in lines]


class ViewTab(Plain):
    """One row a layout of the tiles."""

    title = "View"

    def about(self, state: State) -> str:
        return "How tiles are laid out. v goes through these outside, too."

    def rows(self, state: State) -> list[Row]:
        chosen = Layout.of(state.settings.dashboard.view)
        return [Row(key=str(one), name=str(one), mark=dot(one is chosen), note=ABOUT[one]) for one in Layout]

    def keys(self, key: str) -> Keys:
        return (("Space", "choose"),)

    def act(self, deed: Deed, state: State, key: str) -> Act:
        return {"dashboard.view": key} if deed is Deed.PICK else None
