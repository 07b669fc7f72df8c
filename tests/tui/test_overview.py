"""The top zone: what adds up, what does not."""

from __future__ import annotations

import msgspec
import pytest

from openusage.tui import overview
from openusage.tui.board import Account
from openusage.tui.view import Costs
from openusage.wire.sections import Gauge, Sections, Totals
from tests.tui.sample import (
    BROKEN,
    CLAUDE,
    CODEX,
    FLEET,
    GEMINI,
    LOCAL,
    VIEW,
    key_of,
    later,
    on,
    snapshot,
)


def text(accounts: list[Sections], width: int, rows: int) -> str:
    lines = overview.draw(overview.summed(accounts, VIEW), width, rows, VIEW)
    assert {line.cell_length for line in lines} <= {width}
    return "\n".join(line.text.rstrip() for line in lines)


def test_a_fleet_at_120() -> None:
    assert (
        text(FLEET, 120, 4)
        == """\
  TODAY                LAST 30 DAYS          BURN NOW          NEAREST LIMIT  Gemini CLI, 1 d pro, home
  $38.76               $824.03               $4.80/h           ██████████████████████████████████████▊┤  97 %
  15.6M tokens         489.9M tokens         4 of 7 live       full in 35 m, resets in 5 h
  2 flat plans not in the costs, c on a tile shows it · 12 requests unpriced"""
    )


def test_one_machine_at_80() -> None:
    assert (
        text(LOCAL, 80, 3)
        == """\
  TODAY          LAST 30 DAYS    BURN NOW      NEAREST  Gemini CLI, 1 d pro
  $20.56         $421.26         $2.40/h       ████████████████████████▎  97 %
  7.8M tokens    249.5M tokens   3 of 4 live   full in 35 m, resets in 5 h"""
    )


def test_costs_add_up_over_machines() -> None:
    found = overview.summed([on(CLAUDE, "a"), on(CLAUDE, "b")], VIEW)
    assert found.today_usd == pytest.approx(36.4)
    assert found.burn_usd_per_h == pytest.approx(4.8)


def test_limits_never_add_up_the_worst_one_is_shown() -> None:
    found = overview.summed([on(CLAUDE, "a"), on(CLAUDE, "b"), on(CODEX, "c")], VIEW)
    assert found.nearest is not None
    assert found.nearest[1].used_pct == 83.0


def test_flat_plans_count_only_when_costs_are_shown() -> None:
    assert overview.summed([CODEX], VIEW).today_usd is None
    shown = msgspec.structs.replace(VIEW, costs=Costs.SHOW)
    assert overview.summed([CODEX], shown).today_usd == 12.9


def test_nothing_reported_is_missing_not_zero() -> None:
    found = overview.summed([BROKEN], VIEW)
    assert (found.today_usd, found.window_usd, found.today_tokens, found.nearest) == (None, None, None, None)
    assert "–" in text([BROKEN], 80, 3)
    assert "0" not in text([BROKEN], 80, 3).replace("30 DAYS", "")


def test_the_today_of_an_earlier_day_is_not_today() -> None:
    """A snapshot three days old: its machine's clock is wrong, or it pushes what it read then."""
    old = on(CLAUDE, "b", timestamp=later(hours=-72))
    found = overview.summed([on(CLAUDE, "a"), old], VIEW)
    assert found.today_usd == pytest.approx(18.2)
    assert overview.summed([old], VIEW).today_usd is None
    assert (
        overview.summed([on(CLAUDE, "a"), old], VIEW).today_trend_pct
        == overview.summed([on(CLAUDE, "a")], VIEW).today_trend_pct
    )


def test_machines_that_chose_different_windows_share_no_heading() -> None:
    seven = on(CLAUDE, "b", totals=Totals(window="7d", window_cost_usd=1.0))
    assert overview.summed([CLAUDE, seven], VIEW).window == ""
    assert "LAST" not in text([CLAUDE, seven], 120, 3)


def test_today_is_not_said_twice() -> None:
    today = on(CLAUDE, "", totals=Totals(window="1d", today_cost_usd=1.0, window_cost_usd=1.0))
    assert text([today], 100, 3).count("TODAY") == 1


@pytest.mark.parametrize("width", [40, 60, 76, 80, 100, 120, 200])
def test_every_width_holds_its_lines(width: int) -> None:
    long = Gauge(key="k", label="a very long label indeed", used_pct=120.0, resets_at=later(hours=1))
    accounts = [on(GEMINI, "ビルド機" * 6, gauges=[long]), CLAUDE]
    assert len(text(accounts, width, 3).splitlines()) == 3


@pytest.mark.parametrize(
    ("width", "height", "rows"), [(80, 24, 3), (120, 40, 4), (200, 60, 4), (80, 12, 0), (36, 40, 0)]
)
def test_the_zone_gives_way_on_small_screens(width: int, height: int, rows: int) -> None:
    assert overview.rows(width, height) == rows


def tending(machine: str, before_usd: float | None, window: str = "7d") -> Sections:
    totals = Totals(window=window, window_cost_usd=50.0, window_cost_before_usd=before_usd)
    return on(CLAUDE, machine, totals=totals)


@pytest.mark.parametrize(("before_usd", "said"), [(44.6, "▲ 12 %"), (53.2, "▼ 6 %"), (50.0, "▲ 0 %")])
def test_the_window_says_how_it_compares_with_the_one_before(before_usd: float, said: str) -> None:
    assert f"$100.00  {said}" in text([tending("a", before_usd), tending("b", before_usd)], 120, 3)


def test_today_is_compared_with_yesterday_up_to_this_time() -> None:
    totals = Totals(window="7d", window_cost_usd=50.0, today_cost_usd=3.0, today_cost_before_usd=2.0)
    assert "$3.00  ▲ 50 %" in text([on(CLAUDE, "a", totals=totals)], 120, 3)


@pytest.mark.parametrize(
    "accounts",
    [
        [tending("a", None)],
        [tending("a", 40.0), tending("b", None)],
        [tending("a", 0.0)],
        [tending("a", None, window="all")],
    ],
    ids=["data begin later", "one machine knows too little", "nothing before", "no fixed length"],
)
def test_no_comparison_is_invented(accounts: list[Sections]) -> None:
    found = text(accounts, 120, 3)
    assert "▲" not in found
    assert "▼" not in found


def test_an_account_without_costs_is_no_reason_to_say_nothing_of_the_others() -> None:
    free = on(GEMINI, "a", totals=Totals(window="7d", window_tokens=5.0))
    assert "$50.00  ▲ 25 %" in text([tending("a", 40.0), free], 120, 3)


def test_tokens_are_compared_where_tokens_are_shown() -> None:
    """A flat plan hides its costs: then the figure and what it is compared with are tokens."""
    totals = Totals(window="7d", window_tokens=9e6, window_tokens_before=6e6)
    flat = on(CODEX, "a", daily_tokens=[], totals=totals)
    assert "9.0M tokens  ▲ 50 %" in text([flat], 120, 3)


def test_sums_are_worked_out_once_for_the_same_accounts_and_seconds() -> None:
    accounts = [Account(key_of(a), snapshot(a), a) for a in LOCAL]
    sums = overview.Sums()
    first = sums.of(accounts, VIEW)
    assert first == overview.summed(LOCAL, VIEW)
    assert sums.of(accounts, VIEW) is first
    assert sums.of(list(accounts), VIEW) is not first
    hidden = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    assert sums.of(accounts, hidden).today_usd is None
    old = msgspec.structs.replace(VIEW, now=later(minutes=10))
    assert sums.of(accounts, old).live == 0
