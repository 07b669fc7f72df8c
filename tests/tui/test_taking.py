"""What is taken from a screen: a row copied, a table exported, a picture saved; and the colours it is in."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from openusage.settings import Settings
from openusage.tui.scheme import Schemes
from openusage.tui.theme_file import built_in
from tests.tui.fleet.sample import FakeFleet, pane
from tests.tui.pilots import KeptSettings, running, screen_text
from tests.tui.sample import LOCAL, FakeSource

SCHEMES = Schemes(built_in())


class Folder:
    """What was saved, in memory."""

    def __init__(self, error: OSError | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self._error = error

    def keep(self, name: str, data: bytes) -> str:
        if self._error is not None:
            raise self._error
        self.files[name] = data
        return f"~/{name}"


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


async def test_a_table_is_exported_as_it_is_shown() -> None:
    folder = Folder()
    async with running(FakeSource(LOCAL), keep=folder.keep) as (app, pilot):
        await pilot.press("e", "E")
        assert "Saved ~/openusage-tools-30d-" in screen_text(app)
    (as_csv, as_json) = folder.files.values()
    rows = table(as_csv)
    assert [row["account"] for row in rows] == [a.account_id for a in LOCAL]
    assert float(rows[0]["cost_usd"]) == LOCAL[0].totals.window_cost_usd
    assert [row["account"] for row in json.loads(as_json)["rows"]] == [row["account"] for row in rows]


async def test_rows_and_accounts_of_a_fleet_are_exported_and_copied() -> None:
    folder = Folder()
    async with running(FakeFleet(pane()), keep=folder.keep) as (app, pilot):
        await pilot.press("e", "y")
        assert app.clipboard.startswith("work-laptop  ")
        assert "Copied: work-laptop" in screen_text(app)
        await pilot.press("a", "e")
    machines, accounts = (
        list(csv.DictReader(io.StringIO(d.decode(), newline=""))) for d in folder.files.values()
    )
    assert [row["machine"] for row in machines] == [row.label for row in pane().rows]
    assert float(machines[0]["cost_usd"]) == pane().rows[0].window.cost_usd
    assert machines[0]["state"] == "live"
    assert sum(len(a.gauges) for a in pane().accounts) == len(accounts)


async def test_a_picture_is_a_drawing_of_what_is_on_the_screen() -> None:
    folder = Folder()
    async with running(FakeSource(LOCAL), keep=folder.keep) as (_, pilot):
        await pilot.press("p")
    ((name, data),) = folder.files.items()
    assert name.startswith("openusage-screen-")
    assert name.endswith(".svg")
    assert "Claude Code" in "".join(ElementTree.fromstring(data).itertext())


async def test_what_cannot_be_saved_is_said() -> None:
    async with running(FakeSource(LOCAL), keep=Folder(PermissionError(13, "Permission denied")).keep) as (
        app,
        pilot,
    ):
        await pilot.press("p")
        assert "Permission denied" in screen_text(app)
    async with running(FakeSource(LOCAL)) as (app, pilot):
        await pilot.press("e")
        assert "Nothing can be saved from here." in screen_text(app)


async def test_where_there_is_nothing_there_is_nothing_to_take() -> None:
    folder = Folder()
    async with running(FakeSource([]), keep=folder.keep) as (app, pilot):
        await pilot.press("e")
        assert "There is no table to export here." in screen_text(app)
        await pilot.press("y")
        assert "There is no row to copy here." in screen_text(app)
    assert folder.files == {}


async def test_themes_are_gone_through_both_ways_and_kept() -> None:
    kept = KeptSettings()
    async with running(FakeSource(LOCAL), schemes=SCHEMES, save=kept.save) as (app, pilot):
        await pilot.press("t", "t")
        assert app.theme == SCHEMES.names[2]
        await pilot.press("T")
        assert app.theme == kept.saved[-1].theme == SCHEMES.names[1]
        assert f"Theme: {SCHEMES.names[1]}" in screen_text(app)


@pytest.mark.parametrize("name", ["gruvbox", "Gruvbox"])
async def test_the_theme_of_the_settings_is_the_first_one_shown(name: str) -> None:
    async with running(FakeSource(LOCAL), schemes=SCHEMES, settings=Settings(theme=name)) as (app, _):
        assert app.theme == "Gruvbox"
        assert app.view().palette == SCHEMES.get("Gruvbox").palette


async def test_a_plain_screen_is_ascii() -> None:
    async with running(FakeSource(LOCAL), plain=True) as (app, _):
        assert "Claude Code" in screen_text(app)
        assert screen_text(app).isascii()
