"""The cards of an account: which, in which order, and what they say of the days to come."""

from __future__ import annotations

import re

import msgspec

from openusage.tui import choice
from openusage.tui.detail import cards
from openusage.tui.lines import blank
from openusage.tui.sections.daily import Measure
from openusage.wire.sections import Sections, Totals
from tests.tui.sample import CLAUDE, NOW, VIEW


def titles(
    width: int, sections: tuple[str, ...] = choice.DETAIL_IDS, account: Sections = CLAUDE
) -> list[str]:
    view = msgspec.structs.replace(VIEW, detail_sections=sections)
    sheet = cards.draw(account, width, view, Measure.COST)
    assert {line.cell_length for line in sheet.lines} <= {width}
    found = [re.findall(r"╭─ ([A-Z][\w ]*?) ─", line.text) for line in sheet.lines]
    assert len([t for row in found for t in row]) == len(sheet.starts)
    return [t for row in found for t in row]


def test_sections_are_in_the_order_of_the_settings_and_those_switched_off_are_not_there() -> None:
    assert titles(90, ("models", "usage", "tools")) == ["Models", "Limits", "Tools"]
    assert titles(90, ()) == []


def test_small_ones_stand_beside_each_other_where_there_is_room() -> None:
    assert titles(90, ("projects", "clients", "models", "tools")) == [
        "Projects",
        "Clients",
        "Models",
        "Tools",
    ]
    sheet = cards.draw(
        CLAUDE, 140, msgspec.structs.replace(VIEW, detail_sections=("projects", "clients")), Measure.COST
    )
    assert sheet.starts == [0, 0]


def test_what_has_no_data_is_no_card() -> None:
    bare = Sections(
        provider_id="x",
        account_id="x",
        machine="",
        name="X",
        status="OK",
        message="",
        timestamp=NOW,
        totals=Totals(),
    )
    assert titles(90, account=bare) == []


def test_a_block_takes_the_place_of_a_section() -> None:
    block = [blank(90), blank(90)]
    view = msgspec.structs.replace(VIEW, detail_sections=("trends", "usage"))
    sheet = cards.draw(CLAUDE, 90, view, Measure.COST, blocks={"trends": block})
    assert sheet.lines[:2] == block
    assert sheet.starts == [2]


def test_the_pace_of_the_window_is_told_for_a_day_and_for_thirty() -> None:
    def said(**totals: object) -> str:
        account = msgspec.structs.replace(CLAUDE, totals=msgspec.structs.replace(CLAUDE.totals, **totals))
        lines = cards.draw(account, 90, VIEW, Measure.COST, only=("forecast",)).lines
        return " ".join(line.text for line in lines)

    assert "at the rate of the last 30 days: $13.43 a day, $402.77 in 30 days" in said()
    assert "$6.00 a day, $180.00 in 30 days" in said(window="7d", window_cost_usd=42.0)
    assert "1.0M tokens a day, 30.0M in 30 days" in said(
        window="7d", window_cost_usd=None, window_tokens=7_000_000
    )
    assert said(window="1d") == said(window="all") == said(partial_since=NOW) == ""


def test_what_figures_do_not_hold_is_in_the_card_unless_it_is_said_elsewhere() -> None:
    account = msgspec.structs.replace(CLAUDE, totals=Totals(week_cost_usd=1.0, unpriced_requests=12))

    def said(*, caveats: bool) -> str:
        sheet = cards.draw(account, 90, VIEW, Measure.COST, only=("spending",), caveats=caveats)
        return "\n".join(line.text for line in sheet.lines)

    assert "12 requests unpriced" in said(caveats=True)
    assert "unpriced" not in said(caveats=False)
    assert "7 d $1.00" in said(caveats=False)
