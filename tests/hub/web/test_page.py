"""Everything of one page in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from openusage.hub.web.address import Address, Show
from openusage.hub.web.page import Figure, Material, View, view
from openusage.wire.fleet import AccountMember, AccountState
from openusage.wire.pane import Pane, Used
from openusage.wire.rollups import By
from tests.hub.web.samples import NOON, account, gauge, machine, pane, row, totals


def made(said: Pane, address: Address | None = None, **more: Any) -> View:
    return view(Material(address=address or Address(), host="hub.lan:9190", pane=said, **more))


def figures(said: Pane, address: Address | None = None, **more: Any) -> dict[str, Figure]:
    return {f.label: f for f in made(said, address, **more).figures}


def test_the_four_figures_say_how_much_how_fast_and_what_is_near() -> None:
    soon = NOON + dt.timedelta(hours=1)
    said = pane(
        row("laptop"),
        row("desktop"),
        active=1,
        totals=totals(
            today=Used(cost_usd=41.87, tokens=18.2e6, requests=812),
            today_before=Used(cost_usd=37.4),
            burn_usd_per_h=3.1,
            sessions=34,
            partial_since=NOON - dt.timedelta(days=2),
        ),
        accounts=[
            account("Gemini", gauges=[gauge(12.0)]),
            account("Codex", gauges=[gauge(83.0, resets_at=soon)], machines=["laptop", "desktop"]),
        ],
    )
    found = figures(said)
    assert list(found) == ["Today", "Last 7 days", "Burn now", "Nearest limit"]
    today, window, burn, nearest = found.values()
    assert (today.value, today.lines) == ("$41.87", ["18.2M tokens", "812 requests"])
    assert today.trend is not None
    assert today.trend.words == "12 % more than yesterday up to this time"
    assert window.lines == ["20.0k tokens", "20 requests", "34 sessions", "partial, since 20 Nov"]
    assert (burn.value, burn.unit, burn.lines) == ("$3.10", "/h", ["1 of 2 active"])
    assert (nearest.value, nearest.unit, nearest.lines) == ("Codex", "5 h", ["2 machines share it"])


def test_what_is_not_known_is_a_dash_and_has_no_unit() -> None:
    burn = figures(pane(row("laptop")))["Burn now"]
    assert (burn.value, burn.unit) == ("–", "")


def test_today_is_shown_once() -> None:
    assert list(figures(pane(row("a"), window="1d"), Address(window="1d"))) == ["Today", "Burn now"]


def test_without_any_cost_tokens_are_shown() -> None:
    said = pane(row("a", None), totals=totals(today=Used(tokens=5.0), window=Used(tokens=1500.0)))
    assert figures(said)["Last 7 days"].value == "1.5k"
    assert [s.text for s in made(said).shows if s.is_on] == ["tokens"]
    asked = Address(show=Show.COST)
    assert figures(said, asked)["Last 7 days"].value == "–"


def test_the_window_and_the_group_in_force_are_marked() -> None:
    drawn = made(pane(row("a"), window="30d", group=By.MODEL), Address(window="30d", group=By.MODEL))
    assert [w.text for w in drawn.windows if w.is_on] == ["30d"]
    assert [g.text for g in drawn.groups if g.is_on] == ["model"]
    assert drawn.live == "/live?window=30d&group=model"


def test_filters_can_be_taken_away_one_by_one() -> None:
    address = Address(where=(("model", "opus"), ("provider", "claude_code")), q="lap")
    drawn = made(pane(row("a")), address)
    assert drawn.chips == [
        ("model: opus", "/?provider=claude_code&q=lap"),
        ("tool: Claude Code", "/?model=opus&q=lap"),
    ]
    assert drawn.hidden == [("model", "opus"), ("provider", "claude_code")]


def test_a_machine_page_has_its_machine_and_only_its_limits() -> None:
    said = pane(
        row("opus", machine=None),
        group=By.MODEL,
        accounts=[account("Codex", machines=["laptop"]), account("Other", machines=["desktop"])],
    )
    laptop = machine("laptop", clock_skew_s=360.0, backlog=3, copies=2)
    drawn = made(said, Address(parts=("machines", "laptop")), machine=laptop)
    assert drawn.heading is not None
    assert (drawn.title, drawn.heading.title) == ("laptop · openusage", "laptop")
    assert drawn.heading.facts == [
        *("openusage 0.9.0", "known since 13 Nov", "10 records"),
        *("2 copies that count elsewhere", "3 records still to come"),
    ]
    assert [a.name for a in drawn.accounts] == ["Codex"]
    assert drawn.notes == ["laptop's clock is 6 m ahead of the hub's."]
    assert "machine" not in [g.text for g in drawn.groups]
    assert drawn.live == "/live/machines/laptop"


def test_an_account_page_has_its_machines() -> None:
    state = AccountState(
        provider="codex",
        account="work",
        account_key=None,
        machines=["laptop"],
        members=[AccountMember(machine="laptop", machine_id="a" * 32, account="work")],
        facts={},
        quotas=[],
    )
    said = pane(
        row("laptop"),
        accounts=[account(account="work", plan="Plus"), account(account="work", machines=["other"])],
    )
    drawn = made(said, Address(parts=("accounts", "codex", "work")), account=state)
    assert drawn.heading is not None
    assert (drawn.heading.title, drawn.heading.facts) == ("Codex", ["work", "Plus"])
    assert drawn.heading.machines == [("laptop", "/machines/laptop")]
    assert [a.machines for a in drawn.accounts] == [[("laptop", "/machines/laptop")]]


def test_the_foot_says_what_the_figures_do_not_hold() -> None:
    said = pane(
        row("a"),
        copies=412,
        totals=totals(unpriced_requests=3, estimated_requests=7),
        accounts=[account("Claude Code", flat_plan=True)],
    )
    assert made(said).foot == [
        "412 events were on more than one machine and are counted once.",
        "3 requests unpriced, not in any cost.",
        "7 requests with estimated token counts.",
        "Claude Code is a flat plan: costs are what the API would have charged.",
    ]
    assert made(pane(row("a"))).foot == []


def test_many_clocks_that_are_off_are_summed_up() -> None:
    rows = [row(f"m{n}", machine=machine(f"m{n}", clock_skew_s=120.0)) for n in range(9)]
    notes = made(pane(*rows, notes=["The disk is full."])).notes
    assert notes[0] == "The disk is full."
    assert notes[1:] == [
        "m0's clock is 2 m ahead of the hub's.",
        "m1's clock is 2 m ahead of the hub's.",
        "The clocks of 7 more machines are off.",
    ]


def test_accounts_of_other_tools_and_machines_are_left_out_of_a_filtered_view() -> None:
    said = pane(
        row("a"), accounts=[account("Codex"), account("Claude Code", provider="claude_code", machines=["b"])]
    )
    assert [a.name for a in made(said, Address(where=(("provider", "codex"),))).accounts] == ["Codex"]
    assert [a.name for a in made(said, Address(where=(("machine", "b"),))).accounts] == ["Claude Code"]


def test_rows_and_rankings_are_by_tokens_when_tokens_are_shown() -> None:
    said = pane(row("dear", 9.0, 10.0), row("cheap", 1.0, 30.0))
    models = [row("opus", 9.0, 10.0), row("haiku", 1.0, 30.0)]
    drawn = made(said, Address(show=Show.TOKENS), rankings={By.MODEL: models})
    assert [r.name for r in drawn.table.rows] == ["cheap", "dear"]
    assert [r.name for r in drawn.rankings[0].rows] == ["haiku", "opus"]
    assert drawn.chart is not None
    assert drawn.chart.series[0].name == "cheap"
    assert msgspec.structs.asdict(drawn)["crowd"] == "2 machines"
