"""Accounts, rankings, and what a machine's snapshots say."""

from __future__ import annotations

import msgspec

from openusage.hub.web import sections
from openusage.hub.web.address import Address
from openusage.hub.web.sections import MOST_MACHINES, MOST_RANKED
from openusage.hub.web.words import Thresholds
from openusage.wire.rollups import By
from openusage.wire.sections import CodeStats, Sections, Share, ToolTotals, Totals
from tests.hub.web.samples import NOON, account, credit, gauge, row

HERE = Address(window="30d")


def told(**more: object) -> Sections:
    said = Sections(
        provider_id="claude_code",
        account_id="claude-code",
        machine="laptop",
        name="Claude Code",
        status="OK",
        message="",
        timestamp=NOON,
        totals=Totals(),
    )
    return msgspec.structs.replace(said, **more)


def test_an_account_has_its_limits_its_credits_and_its_machines() -> None:
    said = account(account="work", plan="Max", gauges=[gauge()], credits=[credit(remaining=7.0)])
    [drawn] = sections.accounts([said], HERE, NOON, Thresholds())
    assert (drawn.name, drawn.detail) == ("Codex", "work · Max")
    assert drawn.href == "/accounts/codex/work?window=30d"
    assert [level.text for level in drawn.levels] == ["83 %"]
    assert drawn.credits == ["balance $7.00 left"]
    assert drawn.machines == [("laptop", "/machines/laptop?window=30d")]


def test_two_accounts_of_one_name_are_told_apart_by_a_machine() -> None:
    twins = [account(machines=["a", "c"]), account(machines=["b"]), account(account="other", machines=["a"])]
    drawn = sections.accounts(twins, HERE, NOON, Thresholds())
    assert [a.href.partition("codex/")[2] for a in drawn] == [
        "codex?window=30d&on=a",
        "codex?window=30d&on=b",
        "other?window=30d",
    ]
    assert len({a.id for a in drawn}) == 3


def test_of_many_machines_the_first_are_named_and_the_others_counted() -> None:
    many = account(machines=[f"m{n}" for n in range(200)])
    [drawn] = sections.accounts([many], HERE, NOON, Thresholds())
    assert (len(drawn.machines), drawn.more_machines) == (MOST_MACHINES, 200 - MOST_MACHINES)


def test_a_flat_plan_is_named_as_such() -> None:
    drawn = sections.accounts([account(plan="Max", flat_plan=True)], HERE, NOON, Thresholds())
    assert drawn[0].detail == "Max, flat"


def test_a_ranking_shows_the_greatest_and_where_the_others_are() -> None:
    rows = [row(f"p{n}", 20.0 - n, share_pct=5.0) for n in range(12)]
    made = sections.ranking(By.PROJECT, rows, HERE, of_cost=True)
    assert made is not None
    assert (made.title, len(made.rows), made.more) == ("Projects", MOST_RANKED, "4 more")
    assert made.href == "/?window=30d&group=project"
    first = made.rows[0]
    assert (first.name, first.figure, first.share) == ("p0", "$20.00", "5 %")
    assert first.href == "/?window=30d&project=p0"


def test_a_ranking_of_nothing_is_not_drawn() -> None:
    assert sections.ranking(By.MODEL, [], HERE, of_cost=True) is None


def test_a_ranking_by_tokens_is_in_the_order_of_tokens() -> None:
    made = sections.ranking(By.MODEL, [row("a", 9.0, 10.0), row("b", 1.0, 30.0)], HERE, of_cost=False)
    assert made is not None
    assert [(r.name, r.figure, r.share_pct) for r in made.rows] == [("b", "30", 75), ("a", "10", 25)]


def test_an_account_of_a_machine_says_what_records_do_not_hold() -> None:
    drawn = sections.tool(
        told(
            tools=[Share(name=f"t{n}", requests=800.0 - n) for n in range(9)],
            tool_totals=ToolTotals(success_pct=98.74),
            languages=[Share(name="python", requests=96.0)],
            code=CodeStats(lines_added=1200.0, lines_removed=30.0, commits=2.0),
        )
    )
    assert drawn is not None
    assert drawn.lines == [
        ("Tools", "t0 800, t1 799, t2 798, t3 797, t4 796, t5 795, +3, 98.7\u00a0% ok"),
        ("Languages", "python 96"),
        ("Code", "+1.2k −30 lines 2 commits"),
    ]
    assert (drawn.detail, drawn.status) == ("", "")


def test_an_account_with_a_problem_says_it() -> None:
    drawn = sections.tool(told(status="AUTH_REQUIRED", message="log in again\x1b", account_id="work"))
    assert drawn is not None
    assert (drawn.status, drawn.message, drawn.detail) == ("login needed", "log in again\\x1b", "work")
    odd = sections.tool(told(status="VERY_ODD"))
    assert odd is not None
    assert odd.status == "very odd"


def test_an_account_that_adds_nothing_is_not_drawn() -> None:
    assert sections.tool(told()) is None
