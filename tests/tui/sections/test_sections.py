"""Every section by its exact text, at widths where columns come and go."""

from __future__ import annotations

import datetime as dt
from types import ModuleType

import msgspec
import pytest

from openusage.tui import detail
from openusage.tui.sections import (
    clients,
    code,
    credits,
    daily,
    gauges,
    header,
    languages,
    mcp,
    models,
    money,
    notice,
    projects,
    ranking,
    tools,
    upstreams,
)
from openusage.tui.view import Costs
from openusage.wire.sections import CodeStats, Credit, Gauge, ModelRow, Sections, Share, ToolTotals, Totals
from tests.tui.sample import BROKEN, CLAUDE, CODEX, GEMINI, NOW, OPENROUTER, VIEW, later, on

ALL = (
    money,
    gauges,
    models,
    credits,
    clients,
    projects,
    tools,
    mcp,
    languages,
    upstreams,
    code,
    daily,
    notice,
)

BARE = Sections(
    provider_id="x",
    account_id="x",
    machine="",
    name="X",
    status="OK",
    message="",
    timestamp=NOW,
    totals=Totals(),
)


def text(section: ModuleType, account: Sections, width: int, rows: int = 3) -> str:
    lines = section.draw(account, width, rows, VIEW)
    assert {line.cell_length for line in lines} <= {width}
    return "\n".join(line.text.rstrip() for line in lines)


@pytest.mark.parametrize("section", ALL, ids=lambda s: s.__name__.rpartition(".")[2])
def test_a_section_without_data_is_not_drawn(section: ModuleType) -> None:
    assert section.rows(BARE, VIEW) == 0


@pytest.mark.parametrize("section", ALL, ids=lambda s: s.__name__.rpartition(".")[2])
@pytest.mark.parametrize("account", [CLAUDE, CODEX, GEMINI, OPENROUTER, BROKEN], ids=lambda a: a.provider_id)
@pytest.mark.parametrize("width", [20, 34, 56, 108])
def test_every_line_is_as_wide_as_asked_and_there_are_not_more_than_asked(
    section: ModuleType, account: Sections, width: int
) -> None:
    for rows in (1, 2, 5):
        lines = section.draw(account, width, rows, VIEW) if section.rows(account, VIEW) else []
        assert len(lines) <= rows
        assert {line.cell_length for line in lines} <= {width}


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (36, "$18.20 today   $402.77 in 30 d"),
        (60, "$18.20 today   $402.77 in 30 d   $2.40/h now   182.4M tokens"),
        (90, "$18.20 today   $402.77 in 30 d   $2.40/h now   182.4M tokens   4.3k requests"),
    ],
)
def test_money(width: int, line: str) -> None:
    assert text(money, CLAUDE, width) == line


def test_a_flat_plan_shows_tokens_where_others_show_money() -> None:
    assert text(money, CODEX, 60) == "387.9k tokens today   58.0M tokens   1.7k requests"


def test_a_partial_window_and_unpriced_requests_are_said() -> None:
    totals = Totals(window="7d", window_cost_usd=1.5, unpriced_requests=3, partial_since=later(days=-3))
    account = msgspec.structs.replace(BARE, totals=totals)
    assert text(money, account, 80) == "$1.50 in 7 d   3 unpriced   partial, since 19 Nov"


def test_today_as_the_window_is_not_said_twice() -> None:
    account = msgspec.structs.replace(
        BARE, totals=Totals(window="1d", today_cost_usd=1.5, window_cost_usd=1.5)
    )
    assert text(money, account, 80) == "$1.50 today"


def test_the_today_of_a_snapshot_of_an_earlier_day_has_its_date() -> None:
    old = msgspec.structs.replace(CLAUDE, timestamp=later(hours=-72))
    assert text(money, old, 80).startswith("$18.20 on 19 Nov   ")
    assert "19 Nov $18.20" in "\n".join(
        line.text for line in detail.draw(old, 100, VIEW, daily.Measure.COST).lines
    )


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            36,
            """\
5 h       ██████▋┤  83 % ▲  1 h 18 m
7 d       ████▉─┤░  61 %    2 d 3 h
7 d opus  █▉┤░░░░░  24 %    2 d 3 h""",
        ),
        (
            60,
            """\
5 h       ██████████████████▎──┤  83 % ▲  resets in 1 h 18 m
7 d       █████████████▍────┤░░░  61 %    resets in 2 d 3 h
7 d opus  █████▎─┤░░░░░░░░░░░░░░  24 %    resets in 2 d 3 h""",
        ),
        (
            72,
            """\
5 h       ███████████████▊──┤  83 % ▲  resets in 1 h 18 m · full in 45 m
7 d       ███████████▋────┤░░  61 %    resets in 2 d 3 h · 88 % by then
7 d opus  ████▌─┤░░░░░░░░░░░░  24 %    resets in 2 d 3 h · 34 % by then""",
        ),
    ],
)
def test_gauges(width: int, lines: str) -> None:
    assert text(gauges, CLAUDE, width) == lines


def test_a_gauge_without_a_reset_says_what_is_left() -> None:
    account = msgspec.structs.replace(
        BARE, gauges=[Gauge(key="k", label="spend", used_pct=98, limit=10, remaining=0.2, unit="USD")]
    )
    assert text(gauges, account, 60) == "spend  ██████████████████████▌  98 % !  $0.20 of $10.00 left"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            36,
            """\
MODEL  +1            TOKENS     COST
claude-opus-4-6       81.6M  $271.04
claude-sonnet-4-5     41.1M  $109.01""",
        ),
        (
            54,
            """\
MODEL  +1            IN    OUT CACHE R CACHE W    COST
claude-opus-4-6    3.3k   1.4M   77.0M    3.2M $271.04
claude-sonnet-4-5  2.0k 900.0k   38.1M    2.1M $109.01""",
        ),
        (
            100,
            """\
MODEL  +1                                                IN     OUT  CACHE R  CACHE W   REQ     COST
claude-opus-4-6    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━    3.3k    1.4M    77.0M     3.2M  2.1k  $271.04
claude-sonnet-4-5  ━━━━━━━━━━━━━                       2.0k  900.0k    38.1M     2.1M  1.6k  $109.01""",
        ),
    ],
)
def test_models(width: int, lines: str) -> None:
    assert text(models, CLAUDE, width) == lines


def test_a_model_without_a_price_is_unpriced_and_one_without_a_report_is_missing() -> None:
    account = msgspec.structs.replace(
        BARE,
        totals=Totals(unpriced_models=["new"]),
        models=[
            ModelRow(name="old", cost_usd=2.0, input_tokens=1.0),
            ModelRow(name="new", input_tokens=5.0),
            ModelRow(name="silent"),
        ],
    )
    assert (
        text(models, account, 30, 9)
        == """\
MODEL             IN      COST
old                1     $2.00
new                5  unpriced
silent             –         –"""
    )


@pytest.mark.parametrize(
    ("section", "account", "width", "line"),
    [
        (projects, CLAUDE, 36, "PROJECTS  openusage 62 %  +4"),
        (projects, CLAUDE, 60, "PROJECTS  openusage 62 %  site 21 %  infra 9 %  +2"),
        (projects, CLAUDE, 90, "PROJECTS  openusage 62 %  site 21 %  infra 9 %  notes 5 %  thesis 3 %"),
        (clients, CLAUDE, 60, "CLIENTS   cli 93 %  vscode 7 %"),
        (tools, CLAUDE, 36, "TOOLS     Edit 812  +4     98.7 % ok"),
        (tools, CLAUDE, 60, "TOOLS     Edit 812  Bash 640  Read 511  +2         98.7 % ok"),
        (mcp, CLAUDE, 60, "MCP       github 214  context7 88"),
        (languages, CLAUDE, 36, "LANGUAGES Python 67 %  +2"),
        (upstreams, OPENROUTER, 60, "UPSTREAM  DeepInfra 61 %  Novita 39 %"),
        (code, CLAUDE, 36, "CODE      +12.0k −3.1k lines"),
        (code, CLAUDE, 60, "CODE      +12.0k −3.1k lines  412 files  377 prompts"),
        (credits, OPENROUTER, 60, "BALANCE   $7.02 left  $12.98 used  of $20.00"),
        (daily, CLAUDE, 60, "DAILY     ▅_██▇▅▃__▁▂▄▆▇_█▇▅▃▁▁▁_▄▆▇██_▅   cache hit 95.9 %"),
    ],
)
def test_one_line_sections(section: ModuleType, account: Sections, width: int, line: str) -> None:
    assert text(section, account, width, 1) == line


def test_tool_totals_without_tools() -> None:
    account = msgspec.structs.replace(BARE, tool_totals=ToolTotals(calls=12.0))
    assert text(tools, account, 40) == "TOOLS     12 calls"


def test_code_leaves_out_what_is_not_reported() -> None:
    account = msgspec.structs.replace(BARE, code=CodeStats(lines_added=5.0, commits=0.0))
    assert text(code, account, 60) == "CODE      +5 −– lines  0 commits"


@pytest.mark.parametrize(
    ("unit", "line"),
    [("USD", "$2.50 left"), ("credits", "2.5 credits left"), ("%", "2 % left")],
)
def test_credits_in_their_unit(unit: str, line: str) -> None:
    account = msgspec.structs.replace(BARE, credits=[Credit(key="k", label="", remaining=2.5, unit=unit)])
    assert text(credits, account, 60) == f"K         {line}"


def test_a_cache_hit_without_days() -> None:
    account = msgspec.structs.replace(BARE, totals=Totals(cache_hit_pct=50.0))
    assert text(daily, account, 40) == "CACHE     cache hit 50.0 %"


def test_days_are_the_viewers() -> None:
    """At 23:30 UTC it is tomorrow in Tokyo: today's cell is the one of that day."""
    view = msgspec.structs.replace(
        VIEW,
        now=dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC),
        tz=dt.timezone(dt.timedelta(hours=9)),
    )
    account = msgspec.structs.replace(BARE, daily_cost=[("2026-11-22", 1.0), ("2026-11-23", 2.0)])
    assert daily.draw(account, 40, 1, view)[0].text.rstrip() == "DAILY     __ __ __ __ __ ▄▄ ██"


def test_the_chart_of_the_days() -> None:
    """The axis ends at a round figure; today is named."""
    account = msgspec.structs.replace(
        BARE, totals=Totals(window="7d"), daily_tokens=[("2026-11-20", 500.0), ("2026-11-22", 1900.0)]
    )
    lines = daily.chart(account, 50, 6, VIEW, daily.Measure.TOKENS)
    assert (
        "\n".join(line.text.rstrip() for line in lines)
        == """\
  2.0k ┤                                    ▆▆▆▆
       │                                    ████
  1.0k ┤                                    ████
       │                        ████        ████
     0 └────────────────────────────────────────
        16 Nov     18 Nov      20 Nov      today"""
    )


@pytest.mark.parametrize(
    ("status", "age_s", "sign", "word"),
    [
        ("OK", 4, "●", ""),
        ("OK", 400, "◐", ""),
        ("OK", 90_000, "○", ""),
        ("NEAR_LIMIT", 4, "●", "near limit"),
        ("LIMITED", 4, "●", "limit reached"),
        ("ERROR", 4, "!", "error"),
        ("AUTH_REQUIRED", 4, "!", "login needed"),
        ("UNKNOWN", 4, "○", "no data"),
        ("WARMING_UP", 4, "●", "warming up"),
    ],
)
def test_every_state_has_a_sign_and_words(status: str, age_s: float, sign: str, word: str) -> None:
    account = msgspec.structs.replace(BARE, status=status, timestamp=later(seconds=-age_s))
    groups = header.title(account, VIEW)
    assert groups[0][0][0] == sign
    assert [group[0][0] for group in groups[1:]] == ([word] if word else [])


def test_the_header_names_the_account_only_when_it_says_more_than_the_tool() -> None:
    assert header.account_label(CLAUDE) == ""
    assert header.account_label(CODEX) == ""
    assert header.account_label(on(CLAUDE, "desktop", account_id="personal")) == "personal"
    assert header.account_label(on(CLAUDE, "desktop", account_id="claude-code-work")) == "claude-code-work"


@pytest.mark.parametrize(
    ("provider", "name", "plan", "said"),
    [
        ("claude_code", "Claude Code", "max", "Claude Max"),
        ("claude_code", "Claude Code", "Claude Max", "Claude Max"),
        ("codex", "OpenAI Codex CLI", "plus", "ChatGPT Plus"),
        ("zai", "Z.AI", "", "Z.AI"),
    ],
)
def test_the_name_of_a_plan(provider: str, name: str, plan: str, said: str) -> None:
    account = msgspec.structs.replace(BARE, provider_id=provider, name=name, plan=plan)
    assert notice.plan_name(account) == said


def test_a_flat_plan_in_a_narrow_tile_is_said_shortly() -> None:
    assert text(notice, CODEX, 36, 1) == "Costs hidden: flat plan (press c)"


@pytest.mark.parametrize(("section", "counted"), [(tools, "CALLS"), (mcp, "CALLS"), (languages, "REQ")])
def test_a_table_says_what_is_counted(section: ModuleType, counted: str) -> None:
    shares = [Share(name=name, requests=number) for name, number in (("a", 3), ("b", 2), ("c", 1))]
    account = msgspec.structs.replace(BARE, tools=shares, mcp=shares, languages=shares)
    assert section.draw(account, 60, 4, VIEW)[0].text.split()[-1] == counted


def test_vendors_that_nobody_is_known_to_pay_are_named_with_the_setting() -> None:
    account = msgspec.structs.replace(BARE, provider_id="opencode", unassigned=["anthropic", "openai"])
    assert text(notice, account, 100, 1) == (
        "Unassigned: anthropic, openai. telemetry.provider_links says whose they are."
    )
    assert text(notice, account, 50, 1) == "Unassigned: set provider_links"


def test_parts_of_a_server_are_not_added_to_it() -> None:
    lines = ranking.rows_table("SERVER", CLAUDE.mcp, 40, VIEW, True)
    assert (
        "\n".join(line.text.rstrip() for line in lines)
        == """\
SERVER                        SHARE  REQ
github         ━━━━━━━━━━━     71 %  214
  search_code  ━━━━━━━╸        50 %  150
  get_issue    ━━━╸            21 %   64
context7       ━━━━╸           29 %   88"""
    )


def test_shares_of_nothing_are_missing() -> None:
    assert ranking.by_share([Share(name="a"), Share(name="b", requests=0.0)]) == ["–", "–"]


@pytest.mark.parametrize("width", [40, 79, 119, 199])
@pytest.mark.parametrize(
    "account", [CLAUDE, CODEX, GEMINI, OPENROUTER, BROKEN, BARE], ids=lambda a: a.provider_id
)
def test_the_detail_is_exactly_as_wide_as_asked(account: Sections, width: int) -> None:
    lines = detail.draw(account, width, VIEW, daily.Measure.COST).lines
    assert {line.cell_length for line in lines} <= {width}
    assert {line.cell_length for line in detail.heading(account, width, VIEW)} == {width}


def test_the_detail_shows_every_section_and_what_none_claims() -> None:
    found = "\n".join(line.text for line in detail.draw(CLAUDE, 100, VIEW, daily.Measure.COST).lines)
    for title in (
        "Limits",
        "Spending",
        "Cost by day",
        "Models",
        "Projects",
        "Clients",
        "Tools",
        "MCP servers",
    ):
        assert f"╭─ {title} ─" in found
    for title in ("Languages", "Code", "Other metrics", "Attributes", "Diagnostics"):
        assert f"╭─ {title} ─" in found
    assert "today $18.20" in found
    assert "all time $1.9k" in found
    assert "cli_version  2.0.44" in found
    assert "2.3k calls, 98.7 % ok, 25 failed, 4 cancelled" in found


def test_the_detail_of_a_window_that_has_no_fixed_period_shows_its_cost() -> None:
    account = msgspec.structs.replace(BARE, totals=Totals(window="7d", window_cost_usd=3.0))
    found = "".join(line.text for line in detail.draw(account, 80, VIEW, daily.Measure.COST).lines)
    assert "7 d $3.00" in found


def test_hidden_costs_leave_no_money_in_the_detail() -> None:
    view = msgspec.structs.replace(VIEW, costs=Costs.HIDE)
    found = "".join(line.text for line in detail.draw(CLAUDE, 120, view, daily.Measure.COST).lines)
    assert "$" not in found
    assert "Tokens by day" in found
