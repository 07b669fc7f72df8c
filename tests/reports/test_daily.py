"""The daily report: rows by day, model and provider -> lines."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.reports import daily
from openusage.reports.table import Line
from openusage.wire.rollups import By, Rollup


def row(day: str, model: str | None, provider: str = "claude_code", **figures: Any) -> Rollup:
    return Rollup(key={By.DAY: day, By.MODEL: model, By.PROVIDER: provider}, **({"events": 1} | figures))


def test_days_are_ascending_whatever_the_order_of_the_rows() -> None:
    table = daily.build([row("2026-11-03", "b"), row("2026-11-01", "a")], timezone="UTC")
    assert [r.key for r in table.rows] == ["2026-11-01", "2026-11-03"]
    assert (table.kind, table.timezone, table.totals.key) == ("daily", "UTC", "total")


def test_a_day_is_the_sum_of_its_models_and_tools() -> None:
    table = daily.build(
        [
            row("2026-11-01", "b", input=1, output=2, cache_read=3, cost_nano=10),
            row("2026-11-01", "a", "codex", input=10, reasoning=5, cost_nano=5),
            row("2026-11-01", "a", cache_write_5m=7, cache_write_1h=9),
        ],
        timezone="UTC",
    )
    (day,) = table.rows
    assert (day.input, day.output, day.reasoning, day.cache_read) == (11, 2, 5, 3)
    assert (day.cache_write, day.cache_write_5m, day.cache_write_1h) == (16, 7, 9)
    assert (day.total_tokens, day.cost_nano, day.requests) == (37, 15, 3)
    assert day.models == ["a", "b"]
    assert day.provider is None
    assert day.breakdown == []


def test_a_line_of_one_tool_names_it() -> None:
    (day,) = daily.build([row("2026-11-01", "a"), row("2026-11-01", "b")], timezone="UTC").rows
    assert day.provider == "claude_code"


def test_the_breakdown_is_dearest_first_then_by_tokens() -> None:
    table = daily.build(
        [
            row("2026-11-01", "small", input=1),
            row("2026-11-01", "large", input=9),
            row("2026-11-01", "dear", cost_nano=7),
            row("2026-11-02", "dear", cost_nano=7),
        ],
        timezone="UTC",
        breakdown=True,
    )
    assert [part.key for part in table.rows[0].breakdown] == ["dear", "large", "small"]
    assert table.totals.breakdown[0].cost_nano == 14


def test_one_model_of_two_tools_is_one_line() -> None:
    rows = [row("2026-11-01", "gpt-5", "codex", input=1), row("2026-11-01", "gpt-5", "opencode", input=2)]
    (part,) = daily.build(rows, timezone="UTC", breakdown=True).rows[0].breakdown
    assert (part.key, part.input, part.provider) == ("gpt-5", 3, None)


def test_models_beyond_the_top_are_one_line() -> None:
    """Nothing is lost by a limit: the lines still add up to the day."""
    rows = [row("2026-11-01", f"m{i}", cost_nano=i, input=i) for i in range(5)]
    (day,) = daily.build(rows, timezone="UTC", breakdown=True, top_models=2).rows
    assert [part.label for part in day.breakdown] == ["m4", "m3", "3 more"]
    assert sum(part.input for part in day.breakdown) == day.input
    assert len(daily.build(rows, timezone="UTC", breakdown=True, top_models=5).rows[0].breakdown) == 5


def test_what_has_no_price_has_no_cost_rather_than_0() -> None:
    table = daily.build(
        [
            row("2026-11-01", "local", input=5, events=2, unpriced_events=2),
            row("2026-11-02", "local", events=2, unpriced_events=2),
            row("2026-11-02", "known", cost_nano=3),
        ],
        timezone="UTC",
        breakdown=True,
    )
    assert [r.cost_nano for r in table.rows] == [None, 3]
    assert [r.unpriced_requests for r in table.rows] == [2, 2]
    assert [part.cost_nano for part in table.rows[1].breakdown] == [3, None]
    assert table.unpriced_models == ["local"]


def test_a_model_without_a_name_is_called_unknown() -> None:
    (day,) = daily.build([row("2026-11-01", None), row("2026-11-01", "")], timezone="UTC").rows
    assert day.models == ["unknown"]


def test_nothing_used_is_no_rows_and_0() -> None:
    """A store answers a question without matches with no rows, or with one that is all 0."""
    for rows in ([], [row("2026-11-01", "a", events=0)]):
        table = daily.build(rows, timezone="UTC", breakdown=True)
        assert table.rows == []
        assert (table.totals.total_tokens, table.totals.cost_nano) == (0, 0)


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["2026-11-01", "2026-11-02", "2026-11-03"]),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from(["claude_code", "codex"]),
        events=st.integers(1, 9),
        input=st.integers(0, 10**12),
        output=st.integers(0, 10**9),
        reasoning=st.integers(0, 10**9),
        cache_read=st.integers(0, 10**12),
        cache_write_5m=st.integers(0, 10**9),
        cache_write_1h=st.integers(0, 10**9),
        cost_nano=st.integers(0, 10**15),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 3))
def test_every_level_adds_up(rows: list[Rollup], top: int) -> None:
    """Models to their day, days to the totals, for every figure, with any limit."""
    table = daily.build(rows, timezone="UTC", breakdown=True, top_models=top)
    names = (
        "requests",
        "input",
        "output",
        "reasoning",
        "cache_read",
        "cache_write",
        "total_tokens",
        "cost_nano",
    )

    def figures(lines: list[Line]) -> list[int]:
        return [sum(getattr(line, name) for line in lines) for name in names]

    assert figures(table.rows) == figures([table.totals])
    for line in [*table.rows, table.totals]:
        assert figures(line.breakdown) == figures([line]) or not rows
