"""Tables by any label."""

from __future__ import annotations

from openusage.reports import grouped
from openusage.reports.render import as_text
from openusage.reports.table import ModelNames
from openusage.wire.rollups import By, Rollup


def row(machine: str | None, model: str, cost_usd: float, tokens: int = 10) -> Rollup:
    return Rollup(
        key={"machine": machine, "model": model, "provider": "codex"},
        events=1,
        output=tokens,
        cost_nano=round(cost_usd * 1e9),
    )


def test_labels_come_dearest_first_and_add_up() -> None:
    rows = [row("build", "a", 1), row("laptop", "a", 2), row("laptop", "b", 3), row(None, "a", 0.5)]
    table = grouped.build(rows, by=By.MACHINE, timezone="UTC")
    assert [(line.label, line.cost_nano) for line in table.rows] == [
        ("laptop", 5_000_000_000),
        ("build", 1_000_000_000),
        ("unknown", 500_000_000),
    ]
    assert table.totals.cost_nano == 6_500_000_000
    assert table.kind == "machine"


def test_of_equal_cost_the_larger_comes_first_then_the_name() -> None:
    rows = [row("b", "m", 1, 5), row("a", "m", 1, 5), row("c", "m", 1, 9)]
    assert [line.key for line in grouped.build(rows, by=By.MACHINE, timezone="UTC").rows] == ["c", "a", "b"]


def test_hours_come_in_their_order() -> None:
    rows = [
        Rollup(key={"hour": hour, "model": "m", "provider": "codex"}, events=1, cost_nano=cost)
        for hour, cost in (("2026-11-22T09", 1), ("2026-11-22T08", 9))
    ]
    table = grouped.build(rows, by=By.HOUR, timezone="UTC")
    assert [line.key for line in table.rows] == ["2026-11-22T08", "2026-11-22T09"]


def test_a_table_by_model_asks_for_the_model_once() -> None:
    assert grouped.asked_by(By.MODEL) == (By.MODEL, By.PROVIDER)
    assert grouped.asked_by(By.DAY) == (By.DAY, By.MODEL, By.PROVIDER)


def test_an_empty_answer_is_an_empty_table() -> None:
    table = grouped.build([], by=By.PROJECT, timezone="UTC", breakdown=True)
    assert table.rows == []
    assert table.totals.total_tokens == 0


MEANT = {"gpt-4o-2024-08-06": "gpt-4o", "azure/gpt-4o": "gpt-4o"}


def meant(name: str) -> str:
    return MEANT.get(name, name)


def test_names_of_one_model_are_one_part_for_people() -> None:
    rows = [row("build", name, 1, 5) for name in ("gpt-4o-2024-08-06", "azure/gpt-4o", "haiku")]
    table = grouped.build(
        rows, by=By.MACHINE, timezone="UTC", breakdown=True, names=ModelNames(meant, raw=False)
    )
    [line] = table.rows
    assert line.models == ["gpt-4o", "haiku"]
    assert [(part.key, part.output, part.lineage) for part in line.breakdown] == [
        ("gpt-4o", 10, ""),
        ("haiku", 5, ""),
    ]


def test_programs_get_the_names_of_the_tools_and_what_is_meant() -> None:
    rows = [row("build", name, 1, 5) for name in ("gpt-4o-2024-08-06", "azure/gpt-4o")]
    table = grouped.build(rows, by=By.MACHINE, timezone="UTC", breakdown=True, names=ModelNames(meant))
    assert table.rows[0].models == ["azure/gpt-4o", "gpt-4o-2024-08-06"]
    assert [(part.key, part.lineage) for part in table.rows[0].breakdown] == [
        ("azure/gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
    ]
    [first, _] = grouped.build(rows, by=By.MODEL, timezone="UTC", names=ModelNames(meant)).rows
    assert (first.key, first.lineage) == ("azure/gpt-4o", "gpt-4o")


def test_a_lineage_is_broken_down_by_the_names_of_the_tools() -> None:
    rows = [
        Rollup(
            key={"lineage": "gpt-4o", "model": name, "provider": "codex"}, events=1, output=5, cost_nano=cost
        )
        for name, cost in (("gpt-4o-2024-08-06", 1), ("azure/gpt-4o", 9))
    ]
    names = ModelNames(meant, raw=False)
    table = grouped.build(rows, by=By.LINEAGE, timezone="UTC", breakdown=True, names=names)
    [line] = table.rows
    assert (line.key, line.output) == ("gpt-4o", 10)
    assert [part.key for part in line.breakdown] == ["azure/gpt-4o", "gpt-4o-2024-08-06"]


def test_a_table_by_model_names_each_once_and_sums_them_up_as_all_do() -> None:
    rows = [row("laptop", "gpt-4o-2024-08-06", 2), row("build", "claude-opus-4-6", 1)]
    table = grouped.build(rows, by=By.MODEL, timezone="UTC", names=ModelNames(meant, True))
    assert (table.totals.label, table.totals.lineage) == ("TOTAL", "")
    head, first, *_, total = as_text(table).splitlines()
    assert head.split() == ["MODEL", "INPUT", "OUTPUT", "CACHE", "W", "CACHE", "R", "TOTAL", "COST"]
    assert (first.split()[0], total.split()[0]) == ("gpt-4o-2024-08-06", "TOTAL")
    assert "MODELS" in as_text(grouped.build(rows, by=By.MACHINE, timezone="UTC"))
