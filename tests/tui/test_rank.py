"""Rankings: columns give way by priority, numbers stay whole, absence is told from zero."""

from __future__ import annotations

import pytest

from openusage.tui import rank
from openusage.tui.cuts import Ranked
from openusage.tui.sections.daily import Measure
from openusage.wire.rollups import Rollup
from tests.tui.sample import VIEW


def ranked(
    name: str, usd: float, *, earlier: float | None = None, colour: int | None = None, **more: int
) -> Ranked:
    fields = {"events": 10, "input": 1200, "output": 30_000, "cache_read": 5_000_000} | more
    before = None if earlier is None else Rollup(events=1, cost_nano=round(earlier * 1e9))
    row = Rollup(key={}, cost_nano=round(usd * 1e9), **fields)
    return Ranked(label=name, name=name, row=row, earlier=before, colour=colour)


ROWS = [
    ranked("claude-opus-4-6", 71.04, earlier=50.0),
    ranked("claude-sonnet-4-5", 9.01, earlier=18.02),
    ranked("preview", 0.0, earlier=0.0, unpriced_events=10),
]


def texts(width: int, measure: Measure = Measure.COST) -> list[str]:
    sheet = rank.sheet(ROWS, "MODEL", measure, width)
    lines = [sheet.line(n, VIEW, selected=n == 0, focused=True) for n in range(len(sheet))]
    found = [sheet.head(VIEW), *lines]
    assert {line.cell_length for line in found} == {width}
    return [line.text for line in found]


@pytest.mark.parametrize("width", [24, 30, 38, 60, 80, 120, 200])
def test_figures_are_whole_at_every_width(width: int) -> None:
    for text, figure in zip(texts(width), ("COST", "$71.04", "$9.01", "unpriced"), strict=True):
        assert text.rstrip().endswith(figure)


def test_columns_drop_out_by_priority() -> None:
    assert [word for word in ("SHARE", "CHANGE", "IN", "$/1M") if word in texts(36)[0].split()] == ["SHARE"]
    wide = texts(120)[0].split()
    assert wide == [
        "MODEL",
        "SHARE",
        "CHANGE",
        "IN",
        "OUT",
        "CACHE",
        "R",
        "CACHE",
        "TOKENS",
        "REQ",
        "$/1M",
        "COST",
    ]


def test_changes_and_what_is_not_known() -> None:
    lines = texts(120)
    assert "▲ 42 %" in lines[1]
    assert "▼ 50 %" in lines[2]
    assert lines[3].count("–") >= 2


def test_by_tokens_there_is_no_price_and_cost_stays_a_column() -> None:
    lines = texts(120, Measure.TOKENS)
    assert lines[0].split()[-1] == "TOKENS"
    assert "$/1M" not in lines[0]
    assert lines[1].rstrip().endswith("5.0M")


def test_a_ranking_beside_a_chart_has_its_colours_and_another_none() -> None:
    parts = [ranked("a", 2.0, colour=1), ranked("b", 1.0, colour=0)]
    coloured = rank.sheet(parts, "MODEL", Measure.COST, 60)
    assert rank.PARTED in coloured.line(0, VIEW, selected=False, focused=False).text
    assert rank.PARTED not in texts(60)[1]


def test_a_long_name_is_cut_in_its_middle_rather_than_a_figure() -> None:
    sheet = rank.sheet([ranked("m" * 60 + "-tail", 5.0)], "MODEL", Measure.COST, 40)
    text = sheet.line(0, VIEW, selected=False, focused=False).text
    assert "…" in text
    assert "-tail" in text
    assert text.endswith("$5.00")


def test_shares_are_of_what_is_known() -> None:
    assert rank.share_cells([3.0, 1.0, None]) == ["75 %", "25 %", "–"]
    assert rank.share_cells([0.0]) == ["–"]


def test_trends_in_words() -> None:
    assert [rank.trend_cell(v) for v in (None, 0.0, -6.4, 5000.0)] == ["–", "▲ 0 %", "▼ 6 %", "▲ >999 %"]
