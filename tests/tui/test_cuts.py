"""Cuts: rankings and charts out of rows, and what may not be claimed of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from openusage.tui import cuts
from openusage.tui.cuts import Cut
from openusage.tui.sections.daily import Measure
from openusage.tui.spans import Moment, Span, us
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window

NOW = dt.datetime(2026, 11, 22, 12, 41, 30, tzinfo=dt.UTC)
MOMENT = Moment(NOW, dt.UTC, "UTC")
DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")


def row(key: dict[str, str | None] | None = None, usd: float = 0.0, **more: Any) -> Rollup:
    fields: dict[str, Any] = {"events": 10, "output": 1000, "cost_nano": round(usd * 1e9)}
    return Rollup(key=key or {}, **(fields | more))


def model(name: str | None, usd: float = 0.0, **more: Any) -> Rollup:
    return row({"model": name}, usd, **more)


def cut(sums: list[Rollup], **more: Any) -> Cut:
    fields: dict[str, Any] = {"by": By.MODEL, "unit": By.DAY, "labels": DAYS, "drawn": []}
    return Cut(sums=sums, **(fields | more))


class Source:
    """Answers with what a test sets, and keeps the questions."""

    label, is_hub = "this machine", False

    def __init__(self, oldest: str = "2026-01-01") -> None:
        self.oldest_us = us(dt.datetime.fromisoformat(oldest).replace(tzinfo=dt.UTC))
        self.asked: list[tuple[Window, tuple[By, ...]]] = []

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        self.asked.append((window, tuple(by)))
        if not by:
            return [row(first_us=self.oldest_us)]
        key: dict[str, str | None] = {str(b): "2026-11-22" if b is By.DAY else "a" for b in by}
        return [row(key), row(key | {"model": None}, events=3, tool_calls=3)]


def test_what_has_no_requests_is_no_row() -> None:
    found = cuts.ask(Source(), Span("7d"), By.MODEL, MOMENT)  # type: ignore[arg-type]
    assert [r.key["model"] for r in found.sums] == ["a"]
    tools = cuts.ask(Source(), Span("7d"), By.MODEL, MOMENT, tools=True)  # type: ignore[arg-type]
    assert [r.key["model"] for r in tools.sums] == [None]


@pytest.mark.parametrize(
    ("oldest", "is_compared"), [("2026-11-01", True), ("2026-11-10", False), ("2026-11-21", False)]
)
def test_only_what_our_data_reach_is_compared(oldest: str, is_compared: bool) -> None:
    source = Source(oldest)
    known = cuts.oldest_us(source, MOMENT)  # type: ignore[arg-type]
    found = cuts.ask(source, Span("7d"), By.MODEL, MOMENT, oldest_us=known)  # type: ignore[arg-type]
    assert (found.before is not None) is is_compared


def test_a_window_that_began_before_our_data_is_partial() -> None:
    begun = us(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    assert cuts.partial_since(Span("7d"), MOMENT, begun) == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert cuts.partial_since(Span("1d"), MOMENT, begun) is None
    assert cuts.partial_since(Span("all"), MOMENT, begun) is None
    assert cuts.partial_since(Span("7d"), MOMENT, None) is None


def test_a_cost_is_not_known_when_no_request_has_a_price() -> None:
    assert cuts.cost_usd(row(unpriced_events=10)) is None
    assert cuts.cost_usd(row(usd=2.0, unpriced_events=9)) == 2.0
    assert cuts.cost_usd(Rollup()) == 0.0


def test_a_million_tokens_cost_what_the_priced_ones_do() -> None:
    assert cuts.usd_per_mtok(row(usd=2.0, output=3_000_000, unpriced_tokens=1_000_000)) == 1.0
    assert cuts.usd_per_mtok(row(unpriced_events=10)) is None


def test_a_cache_that_nothing_tells_of_has_no_hit_rate() -> None:
    assert cuts.cache_hit_pct(row(input=10)) is None
    assert cuts.cache_hit_pct(row(input=10, cache_read=90)) == 90.0


def test_the_largest_comes_first_and_the_unpriced_last() -> None:
    found = cuts.ranking(
        cut([model("cheap", 1), model("new", unpriced_events=10), model("dear", 5), model(None, 2)]),
        Measure.COST,
    )
    assert [r.name for r in found] == ["dear", "unknown", "cheap", "new"]


def test_changes_are_told_of_what_was_there_before() -> None:
    found = cuts.ranking(
        cut([model("a", 3), model("b", 1)], before=[model("a", 2)]),
        Measure.COST,
    )
    assert [r.trend_pct(Measure.COST) for r in found] == [50.0, None]
    assert cuts.ranking(cut([model("a", 3)]), Measure.COST)[0].trend_pct(Measure.COST) is None


def test_names_without_the_date_of_their_release_where_that_tells_them_apart() -> None:
    assert cuts.names(["m-20250929", None, "x"], By.MODEL) == ["m", "unknown", "x"]
    assert cuts.names(["m-20250929", "m-20251001"], By.MODEL) == ["m-20250929", "m-20251001"]
    assert cuts.names(["claude_code"], By.PROVIDER) == ["Claude Code"]


def drawn(day: str, name: str, usd: float) -> Rollup:
    return row({"day": day, "model": name}, usd)


def test_the_parts_of_a_chart_add_up_and_their_colours_are_those_of_the_ranking() -> None:
    names = [f"m{n}" for n in range(7)]
    sums = [model(name, 7 - n) for n, name in enumerate(names)]
    found = cut(sums, drawn=[drawn(DAYS[n % 3], name, 7 - n) for n, name in enumerate(names)])
    stack = cuts.stacked(found, Measure.COST)
    assert stack is not None
    assert sum(day.whole for day in stack.days) == pytest.approx(28)
    assert stack.names[-1] == "3 others"
    ranked = cuts.ranking(found, Measure.COST, stack)
    assert [r.colour is not None for r in ranked] == [True] * 4 + [False] * 3
    assert len({r.colour for r in ranked[:4]}) == 4


def test_what_lies_outside_of_the_labels_is_not_drawn() -> None:
    found = cut([model("a", 1)], drawn=[drawn("2026-11-23", "a", 9), drawn(DAYS[0], "a", 1)])
    stack = cuts.stacked(found, Measure.COST)
    assert stack is not None
    assert [day.whole for day in stack.days] == [1.0, 0.0, 0.0]
    assert cuts.stacked(cut([model("a", unpriced_events=10)]), Measure.COST) is None


def stack_of(labels: Sequence[str]) -> Any:
    unit = "hour" if "T" in labels[0] else "day"
    rows = [row({unit: label, "model": "a"}, 1.0) for label in labels]
    return cuts.stacked(
        cut([model("a", len(labels))], labels=tuple(labels), drawn=rows, unit=By(unit)), Measure.COST
    )


def days(count: int) -> list[str]:
    last = NOW.date()
    return [(last - dt.timedelta(days=n)).isoformat() for n in reversed(range(count))]


@pytest.mark.parametrize(
    ("count", "width", "unit", "newest"),
    [
        (30, 76, "day", ""),
        (90, 76, "week", "this week"),
        (400, 76, "month", "this month"),
    ],
)
def test_days_that_have_no_room_become_weeks_then_months(
    count: int, width: int, unit: str, newest: str
) -> None:
    bars = cuts.fitted(stack_of(days(count)), width, NOW.date())
    assert (bars.unit, bars.newest) == (unit, newest)
    assert sum(day.whole for day in bars.days) == count


def test_hours_that_have_no_room_are_added_up() -> None:
    labels = [f"{day}T{hour:02}" for day in days(3) for hour in range(24)]
    bars = cuts.fitted(stack_of(labels), 76, NOW.date())
    assert bars.unit == "3 hours"
    assert [day.whole for day in bars.days] == [3.0] * 24
    assert bars.days[1].date.endswith("T03")


def test_weeks_of_a_range_that_is_over_have_no_present_one() -> None:
    old = [(dt.date(2026, 1, 1) + dt.timedelta(days=n)).isoformat() for n in range(120)]
    assert cuts.fitted(stack_of(old), 76, NOW.date()).newest == ""


def test_what_a_reader_must_know() -> None:
    since = dt.datetime(2026, 11, 20, 9, 5, tzinfo=dt.UTC)
    total = row(unpriced_events=3, estimated_events=2)
    assert cuts.caveats(total, Measure.COST, since, dt.UTC) == [
        "partial: our data begin 20 Nov 2026 09:05",
        "3 requests unpriced, not in any cost",
        "2 requests with estimated token counts",
    ]
    assert cuts.caveats(row(), Measure.COST, None, dt.UTC) == []
