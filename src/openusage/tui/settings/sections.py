"""Sections: which of them a tile and an account's page have, in which order; with a tile to look at."""

from __future__ import annotations

import msgspec
from textual.strip import Strip

from openusage.tui import choice, tile
from openusage.tui.settings import lists
from openusage.tui.settings.tab import Act, Deed, Keys, Row, State, box
from openusage.tui.view import View


class SectionsTab:
    """Two lists: those of tiles, those of the page."""

    title = "Sections"

    def __init__(self) -> None:
        self._is_detail = False

    def about(self, state: State) -> str:
        where = "an account's own page" if self._is_detail else "the tiles"
        other = "the tiles" if self._is_detail else "an account's own page"
        empty = "left out" if state.settings.dashboard.hide_sections_with_no_data else "named"
        return f"Sections of {where}; < and > for {other}. Those without data are {empty} (h)."

    def _choices(self, state: State) -> list[choice.Choice]:
        dashboard = state.settings.dashboard
        if self._is_detail:
            return choice.ordered(choice.DETAIL, dashboard.detail_sections)
        return choice.ordered(choice.TILE, dashboard.widget_sections)

    def rows(self, state: State) -> list[Row]:
        return [
            Row(key=c.kind.id, name=c.kind.title, mark=box(c.enabled), note=c.kind.id)
            for c in self._choices(state)
        ]

    def keys(self, key: str) -> Keys:
        return (("Space", "on/off"), ("K J", "up/down"), ("< >", "tile/page"), ("h", "empty ones"))

    def act(self, deed: Deed, state: State, key: str) -> Act:
        field = "detail_sections" if self._is_detail else "widget_sections"
        choices = self._choices(state)
        ids = [c.kind.id for c in choices]
        if deed is Deed.OTHER:
            self._is_detail = not self._is_detail
        elif deed is Deed.EMPTY:
            hides = state.settings.dashboard.hide_sections_with_no_data
            return {"dashboard.hide_sections_with_no_data": not hides}
        elif deed is Deed.PICK:
            is_on = next(c.enabled for c in choices if c.kind.id == key)
            return lists.changed("dashboard", field, "id", ids, key, enabled=not is_on)
        elif deed in (Deed.UP, Deed.DOWN):
            order = lists.moved(ids, key, -1 if deed is Deed.UP else 1)
            return lists.changed("dashboard", field, "id", order)
        return None

    def preview(self, state: State, key: str, width: int, height: int, view: View) -> list[Strip]:
        if self._is_detail or not state.accounts or width < tile.LEAST_WIDTH:
            return []
        dashboard = state.settings.dashboard
        view = msgspec.structs.replace(
            view,
            tile_sections=choice.drawn(dashboard.widget_sections),
            hides_empty=dashboard.hide_sections_with_no_data,
        )
        account = state.accounts[0].sections
        return tile.draw(account, width, min(height, tile.heights(account, view).most), view, False)
