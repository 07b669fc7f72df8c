"""Reports as text, JSON and CSV."""

from __future__ import annotations

import csv
import decimal
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.format import short_model
from openusage.reports import daily, render
from openusage.reports.table import Table
from openusage.wire.rollups import By, Rollup

GO_REPORTS = Path(__file__).parent.parent / "fixtures" / "reports"


def row(day: str, model: str | None, provider: str = "claude_code", **figures: Any) -> Rollup:
    return Rollup(key={By.DAY: day, By.MODEL: model, By.PROVIDER: provider}, **({"events": 5} | figures))


ROWS = [
    row("2026-11-14", "claude-opus-4-6", input=346, output=15_614, cache_read=722_627,
        cache_write_5m=36_337, cost_nano=2_941_499_250),
    row("2026-11-14", "claude-sonnet-4-5-20250929", input=570, output=30_403, cache_read=1_741_995,
        cache_write_1h=54_870, cost_nano=1_186_116_000),
    row("2026-11-15", "gpt-5", "codex", input=270_380, output=8_762, cache_read=176_428, reasoning=2_081,
        cost_nano=12_345_000_000),
]  # fmt: skip
UNPRICED = row("2026-11-16", "local-7b", "codex", input=27, output=8, unpriced_events=5)
ESTIMATED = row("2026-11-17", "gpt-5", "codex", input=27, cost_nano=10_000_000, estimated_events=1)


def table(*rows: Rollup, breakdown: bool = False) -> Table:
    return daily.build(rows, timezone="UTC", breakdown=breakdown)


# --- text ----------------------------------------------------------------------------------------------


def test_the_table() -> None:
    assert render.as_text(table(*ROWS), width=100).splitlines() == [
        "DAILY       MODELS               INPUT  OUTPUT  REASONING  CACHE W  CACHE R   TOTAL    COST",
        "2026-11-14  claude-opus-4-6 +1     916   46.0k          0    91.2k     2.5M    2.6M   $4.13",
        "2026-11-15  gpt-5               270.4k    8.8k       2.1k        0   176.4k  457.7k  $12.35",
        "───────────────────────────────────────────────────────────────────────────────────────────",
        "TOTAL                           271.3k   54.8k       2.1k    91.2k     2.6M    3.1M  $16.47",
    ]


def test_the_table_by_model() -> None:
    """Dates of release are left out of names; without reasoning tokens there is no such column."""
    assert render.as_text(table(*ROWS[:2], breakdown=True)).splitlines() == [
        "DAILY                INPUT  OUTPUT  CACHE W  CACHE R   TOTAL   COST",
        "2026-11-14             916   46.0k    91.2k     2.5M    2.6M  $4.13",
        "  claude-opus-4-6      346   15.6k    36.3k   722.6k  774.9k  $2.94",
        "  claude-sonnet-4-5    570   30.4k    54.9k     1.7M    1.8M  $1.19",
        "───────────────────────────────────────────────────────────────────",
        "TOTAL                  916   46.0k    91.2k     2.5M    2.6M  $4.13",
        "  claude-opus-4-6      346   15.6k    36.3k   722.6k  774.9k  $2.94",
        "  claude-sonnet-4-5    570   30.4k    54.9k     1.7M    1.8M  $1.19",
    ]


def test_what_has_no_price_says_so() -> None:
    text = render.as_text(table(*ROWS, UNPRICED))
    (unpriced,) = [line for line in text.splitlines() if "2026-11-16" in line]
    assert unpriced.endswith("  unpriced*")
    assert "$16.47*" in text
    assert text.endswith("* Not in the cost: 5 messages of models without a price (local-7b).")


def test_what_is_estimated_says_so() -> None:
    text = render.as_text(table(*ROWS, ESTIMATED))
    assert "$0.01~" in text
    assert text.endswith("~ with estimated token counts: 1 message.")


@pytest.mark.parametrize("breakdown", [False, True])
@pytest.mark.parametrize("width", range(22, 130, 3))
def test_no_line_is_wider_than_the_terminal(width: int, breakdown: bool) -> None:
    """Day and cost always stay, whole; the other columns go by priority."""
    text = render.as_text(table(*ROWS, breakdown=breakdown), width=max(width, 30 if breakdown else 0))
    assert max(map(len, text.splitlines())) <= max(width, 30 if breakdown else 0)
    assert text.startswith("DAILY")
    for figure in ("2026-11-14", "$4.13", "$16.47"):
        assert figure in text


def test_columns_go_by_priority() -> None:
    heads = [render.as_text(table(*ROWS), width=w).splitlines()[0].split() for w in (120, 80, 60, 40, 24)]
    assert "MODELS" in heads[1]
    assert "REASONING" not in heads[1]
    assert heads[2] == ["DAILY", "MODELS", "INPUT", "OUTPUT", "TOTAL", "COST"]
    assert heads[3] == ["DAILY", "OUTPUT", "TOTAL", "COST"]
    assert heads[4] == ["DAILY", "COST"]


def test_colour_changes_nothing_but_colour() -> None:
    import re

    plain, coloured = (render.as_text(table(*ROWS, UNPRICED), colour=c) for c in (False, True))
    assert "\x1b" not in plain
    assert coloured != plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_a_models_name_cannot_command_the_terminal() -> None:
    """Names come out of log files."""
    text = render.as_text(table(row("2026-11-01", "evil\x1b[2J\r\n", unpriced_events=5)))
    assert "\x1b" not in text
    assert "\r" not in text


@pytest.mark.parametrize(
    ("models", "room", "text"),
    [
        (["a", "b"], 10, "a, b"),
        (["opus-4-6", "sonnet-4-5", "haiku-4-5"], 22, "opus-4-6 +2"),
        (["opus-4-6", "sonnet-4-5", "haiku-4-5"], 23, "opus-4-6, sonnet-4-5 +1"),
        (["a-very-long-model-name", "b"], 16, "a-very-long-… +1"),
        (["a-very-long-model-name"], 16, "a-very-long-mod…"),
        (["m-20250101", "m-20250202"], 16, "m"),
        ([], 16, ""),
    ],
)
def test_as_many_models_as_fit(models: list[str], room: int, text: str) -> None:
    assert render.fit_models(models, room) == text
    assert len(render.fit_models(models, room)) <= room


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3@20240229", "claude-3"),
        ("anthropic.claude-3-20240229-v1:0", "anthropic.claude-3-v1:0"),
        ("gpt-5", "gpt-5"),
        ("model-12345678", "model-12345678"),
    ],
)
def test_the_date_of_release_is_left_out(name: str, short: str) -> None:
    assert short_model(name) == short


def test_years_of_days_by_model_are_drawn_at_once() -> None:
    rows = [row(f"20{y:02}-{m:02}-{d:02}", f"m{i}", input=i, cost_nano=i)
            for y in range(20, 24) for m in range(1, 13) for d in range(1, 29) for i in range(8)]  # fmt: skip
    report = table(*rows, breakdown=True)
    start = time.perf_counter()
    render.as_text(report)
    assert time.perf_counter() - start < 5.0  # 0.2 s; what is quadratic takes half a minute


# --- JSON ----------------------------------------------------------------------------------------------


def test_the_json_document() -> None:
    """Zero values of optional fields are left out, as in the documented shape."""
    document = json.loads(render.as_json(table(*ROWS)))
    assert (document["kind"], document["timezone"]) == ("daily", "UTC")
    assert document["rows"] == [
        {
            "key": "2026-11-14",
            "label": "2026-11-14",
            "provider": "claude_code",
            "models": ["claude-opus-4-6", "claude-sonnet-4-5-20250929"],
            "input_tokens": 916,
            "output_tokens": 46_017,
            "cache_read_tokens": 2_464_622,
            "cache_creation_tokens": 91_207,
            "cache_creation_5m_tokens": 36_337,
            "cache_creation_1h_tokens": 54_870,
            "total_tokens": 2_602_762,
            "cost_usd": 4.12761525,
            "requests": 10,
        },
        {
            "key": "2026-11-15",
            "label": "2026-11-15",
            "provider": "codex",
            "models": ["gpt-5"],
            "input_tokens": 270_380,
            "output_tokens": 8_762,
            "cache_read_tokens": 176_428,
            "cache_creation_tokens": 0,
            "reasoning_tokens": 2_081,
            "total_tokens": 457_651,
            "cost_usd": 12.345,
            "requests": 5,
        },
    ]
    assert (
        document["totals"] | {"key": "total", "label": "TOTAL", "cost_usd": 16.47261525} == document["totals"]
    )
    assert "models" not in document["totals"]


@pytest.mark.parametrize("name", ["daily.empty.json", "daily.since-until.json", "daily.breakdown.json"])
def test_every_field_the_go_program_writes_is_there_with_its_type(name: str) -> None:
    """A script made for its reports reads ours."""
    theirs = json.loads((GO_REPORTS / name).read_text())
    rows = [] if name == "daily.empty.json" else ROWS
    ours = json.loads(render.as_json(table(*rows, breakdown="breakdown" in name)))
    assert shape(theirs) <= shape(ours)


def shape(value: Any, place: str = "$") -> set[tuple[str, str]]:
    """Every place in a document with the type that stands there."""
    if isinstance(value, dict):
        return {(place, "object")}.union(*(shape(v, f"{place}.{k}") for k, v in value.items()))
    if isinstance(value, list):
        return {(place, "list")}.union(*(shape(v, f"{place}[]") for v in value))
    return {(place, "number" if isinstance(value, int | float) else type(value).__name__)}


def test_the_breakdown_is_under_each_row() -> None:
    document = json.loads(render.as_json(table(*ROWS, breakdown=True)))
    parts = document["rows"][0]["model_breakdown"]
    assert [(p["key"], p["label"], p["cost_usd"]) for p in parts] == [
        ("claude-opus-4-6", "claude-opus-4-6", 2.94149925),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929", 1.186116),
    ]
    assert "models" not in parts[0]


def test_json_is_indented_by_two() -> None:
    assert render.as_json(table()).startswith(
        '{\n  "kind": "daily",\n  "rows": [],\n  "totals": {\n    "key"'
    )


def test_no_price_is_null_in_json_and_empty_in_csv() -> None:
    document = json.loads(render.as_json(table(UNPRICED)))
    assert document["rows"][0]["cost_usd"] is None
    assert document["rows"][0]["unpriced_requests"] == 5
    assert "local-7b" in document["note"]
    (line,) = csv.DictReader(io.StringIO(render.as_csv(table(UNPRICED))))
    assert (line["cost_usd"], line["unpriced_requests"]) == ("", "5")


@given(st.integers(0, 4_000_000 * render.NANO))
def test_costs_are_exact_to_the_nano_dollar(nano: int) -> None:
    """Neither format shows digits that float arithmetic made up."""
    exact = decimal.Decimal(nano) / render.NANO
    assert decimal.Decimal(json.dumps(render.cost_usd(nano))) == exact
    assert decimal.Decimal(render.decimal_usd(nano)) == exact
    assert "e" not in render.decimal_usd(nano).lower()


# --- CSV -----------------------------------------------------------------------------------------------


def test_csv_has_one_line_a_day() -> None:
    lines = list(csv.DictReader(io.StringIO(render.as_csv(table(*ROWS)))))
    assert [line["daily"] for line in lines] == ["2026-11-14", "2026-11-15"]
    assert lines[0]["models"] == "claude-opus-4-6;claude-sonnet-4-5-20250929"
    assert (lines[0]["total_tokens"], lines[0]["cost_usd"]) == ("2602762", "4.12761525")


def test_csv_by_model_has_one_line_a_day_and_model() -> None:
    lines = list(csv.DictReader(io.StringIO(render.as_csv(table(*ROWS, breakdown=True)))))
    assert [(line["daily"], line["model"]) for line in lines] == [
        ("2026-11-14", "claude-opus-4-6"),
        ("2026-11-14", "claude-sonnet-4-5-20250929"),
        ("2026-11-15", "gpt-5"),
    ]
    assert sum(int(line["total_tokens"]) for line in lines) == table(*ROWS).totals.total_tokens


def test_csv_has_its_header_also_when_empty() -> None:
    assert render.as_csv(table(breakdown=True)).startswith("daily,model,input_tokens")
    assert render.as_csv(table()).count("\n") == 1


def test_names_with_commas_and_quotes_survive_csv() -> None:
    odd = 'a,"b"\nc'
    (line,) = csv.DictReader(io.StringIO(render.as_csv(table(row("2026-11-01", odd)))))
    assert line["models"] == odd
