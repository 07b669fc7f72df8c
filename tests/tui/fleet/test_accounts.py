"""The accounts of a fleet, by their exact characters."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from openusage.tui.fleet import accounts
from openusage.tui.view import Costs, View
from openusage.wire.pane import PaneAccount
from openusage.wire.sections import Credit
from tests.tui.fleet.sample import ACCOUNTS, account, gauge
from tests.tui.sample import NOW, VIEW

TWO = account(
    "Claude Code",
    83.0,
    "work-laptop",
    "home",
    gauges=[gauge(83.0), gauge(97.0, label="7 d", key="seven", window="7d", window_s=604_800)],
)


def drawn(
    found: list[PaneAccount], width: int, *, chosen: int = -1, focused: bool = False, view: View = VIEW
) -> list[str]:
    made = accounts.sheet(found, width)
    lines = [made.head(view)]
    lines += [made.line(n, view, selected=n == chosen, focused=focused) for n in range(len(made))]
    assert {line.cell_length for line in lines} == {width}
    return [line.text.rstrip() for line in lines]


def test_a_shared_account_stands_once_with_its_machines() -> None:
    assert drawn(ACCOUNTS, 120) == [
        "  ACCOUNTS",
        "  Claude Code max   5 h ━━━━━━━━━━━━━╸─┤  83 % ▲ 1 h 18 m    work-laptop, home",
        "  Codex plus        5 h ━━━━━─┤─────────  31 %   1 h 18 m    desktop",
        "  OpenRouter        credit balance $7.02 left                ci",
    ]


def test_two_gauges_stand_beside_each_other_where_the_machines_still_have_room() -> None:
    assert drawn([TWO], 120)[1] == (
        "  Claude Code max   5 h ━━━━━━━━━━━━━╸─┤  83 % ▲ 1 h 18 m    7 d ━━━━━━━━━━━━━━━╸  97 % ! 1 h 18 m"
        "    work-laptop, home"
    )
    assert drawn([TWO], 80)[1] == ("  Claude Code max   5 h ━━━━━━╸┤  83 % ▲ 1 h 18 m    work-laptop, home")


@pytest.mark.parametrize("width", [30, 40, 60, 70, 80, 99, 100, 120, 200])
def test_no_figure_is_cut(width: int) -> None:
    for line in drawn([TWO, *ACCOUNTS], width)[1:3]:
        assert "83 %" in line or "━" not in line


def test_a_narrow_screen_has_the_figures_alone() -> None:
    assert drawn([TWO], 46)[1] == "  Claude Code max   5 h   83 % ▲ 1 h 18 m"


def test_the_selected_one_is_marked_while_it_has_the_keys() -> None:
    assert drawn(ACCOUNTS, 80, chosen=1, focused=True)[2].startswith("▌ Codex")
    assert "▌" not in "".join(drawn(ACCOUNTS, 80, chosen=1))


def test_hidden_costs_hide_balances_but_no_limit() -> None:
    hidden = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    found = "\n".join(drawn(ACCOUNTS, 120, view=hidden))
    assert "$" not in found
    assert "83 %" in found


@pytest.mark.parametrize(
    ("credit", "said"),
    [
        (Credit(key="c", label="credits", used=3.0, limit=10.0), "credits $3.00 of $10.00"),
        (Credit(key="c", label="credits", used=3.0), "credits $3.00"),
        (Credit(key="c", label="tokens", remaining=2.5, unit="credits"), "tokens 2.5 credits left"),
        (Credit(key="c", label="credits"), "me"),
    ],
)
def test_credits_are_told_in_their_unit(credit: Credit, said: str) -> None:
    assert said in drawn([account("X", None, "me", plan="", credits=[credit])], 100)[1]


def test_an_old_reading_says_so() -> None:
    old = account("Old", 5.0, "a", read_at=NOW - dt.timedelta(hours=2))
    assert "a, read 2 h ago" in drawn([old], 120)[1]


def test_accounts_are_known_over_refreshes_by_who_they_are() -> None:
    first, again = accounts.sheet(ACCOUNTS, 80), accounts.sheet(list(reversed(ACCOUNTS)), 120)
    assert [first.key(n) for n in range(3)] == [again.key(n) for n in (2, 1, 0)]
