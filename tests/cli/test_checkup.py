"""What `doctor` concludes, fact by fact."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from openusage.cli.checkup import Checkup, HookCheck, Level, ToolCheck, as_text, findings, needs_somebody
from openusage.wire.local import DaemonStatus, ExporterStatus
from openusage.wire.problems import Problem

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
CUT = Problem(what="cut", path="/x", offset=3)


def daemon(**more: Any) -> DaemonStatus:
    fields: dict[str, Any] = {
        "pid": 7,
        "version": "1",
        "api_version": "v1",
        "started_at": NOW,
        "machine": "laptop",
        "socket": str(Path("/s")),
        "database": "/d",
        "size_bytes": 0,
        "first_read_done": True,
    }
    return DaemonStatus(**(fields | more))


def tool(**more: Any) -> ToolCheck:
    fields: dict[str, Any] = {
        "provider": "codex",
        "name": "Codex",
        "account": "codex-cli",
        "files": 2,
        "size_bytes": 2_000_000,
        "requests": 12,
        "last_used": NOW - dt.timedelta(minutes=4),
    }
    return ToolCheck(**(fields | more))


def checkup(**more: Any) -> Checkup:
    fields: dict[str, Any] = {"version": "1.2.3", "daemon": daemon(), "tools": [tool()]}
    return Checkup(**(fields | more))


def test_requests_of_two_sessions_are_a_note() -> None:
    for count, said in (
        (1, "1 request stands in two sessions (resumed or forked): it counts once"),
        (1234, "1,234 requests stand in two sessions (resumed or forked): each counts once"),
    ):
        [found] = [f for f in findings(checkup(tools=[tool(repeated=count)])) if f.level is Level.NOTE]
        assert (found.about, found.what) == ("Codex", said)


def hub(**more: Any) -> list[ExporterStatus]:
    return [ExporterStatus(**({"target": "http://hub", "state": "ok"} | more))]


def hook(state: str) -> HookCheck:
    return HookCheck(name="Codex notify", state=state, summary=f"it is {state}")


def test_all_well_is_said_and_needs_nobody() -> None:
    found = findings(checkup(hub="http://hub", daemon=daemon(exporters=hub())))
    assert {f.level for f in found} == {Level.OK}
    assert not needs_somebody(found)
    assert as_text(checkup(), findings(checkup()), NOW).splitlines() == [
        "openusage 1.2.3",
        "",
        "TOOL   ACCOUNT    FILES  SIZE  REQUESTS  TOOL CALLS  LAST USED",
        "Codex  codex-cli      2  2 MB        12           0    4 m ago",
        "",
        "✓ daemon: runs as process 7, up to date",
    ]


@pytest.mark.parametrize(
    ("changed", "about", "said"),
    [
        ({"daemon": None}, "daemon", "none runs"),
        ({"tools": [tool(unpriced={"gpt-9": 3})]}, "Codex", "3 requests of gpt-9 without a price"),
        (
            {"tools": [tool(unpriced={"gpt-9": 3, "gpt-8": 1000})]},
            "Codex",
            "1,003 requests of 2 models without a price: in no cost (gpt-8 1,000, gpt-9 3)",
        ),
        ({"tools": [tool(is_ahead=True)]}, "Codex", "its newest record is of the future, 2026-11-22"),
        ({"store_error": "the store is newer"}, "store", "the store is newer"),
        ({"daemon": daemon(notes=["No space left."])}, "store", "No space left."),
        ({"hub": "http://hub", "hub_error": "hub does not answer"}, "hub", "hub does not answer"),
        (
            {"hub": "http://hub", "hub_clock": "this machine's clock is 6 m ahead"},
            "hub",
            "this machine's clock",
        ),
        ({"daemon": daemon(exporters=hub(state="failing", last_error="401"))}, "hub", "http://hub: 401"),
        (
            {"daemon": daemon(exporters=hub(records_state="failing", records_error="full"))},
            "hub",
            "http://hub: records: full",
        ),
    ],
)
def test_what_somebody_has_to_do_is_said(changed: dict[str, Any], about: str, said: str) -> None:
    found = findings(checkup(**changed))
    [act] = [f for f in found if f.level is Level.ACT]
    assert act.about == about
    assert act.what.startswith(said)
    assert needs_somebody(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tools": []}, "no coding tool is found on this machine"),
        ({"tools": [tool(requests=0)]}, "2 files, but nothing in them was counted"),
        ({"tools": [tool(requests=0, files=1)]}, "1 file, but nothing in it was counted"),
        ({"tools": [tool(advice=["it deletes"])]}, "it deletes"),
        (
            {"misspelt": [("export.targets", "export.target")]},
            "nobody reads export.targets of settings.json: is export.target meant?",
        ),
        ({"daemon": daemon(problems=[CUT])}, "/x, byte 3: cut"),
        ({"hooks": [hook("ready"), hook("outdated")]}, "it is outdated"),
        ({"daemon": daemon(exporters=hub(records_waiting=1200))}, "http://hub: 1.2k records still wait"),
    ],
)
def test_what_is_good_to_know_needs_nobody(changed: dict[str, Any], said: str) -> None:
    found = findings(checkup(**changed))
    assert [f.what for f in found if f.level is Level.NOTE] == [said]
    assert not needs_somebody(found)


def test_a_problem_is_judged_the_same_with_and_without_a_daemon() -> None:
    """What it is that somebody can do makes it one for somebody."""
    damaged = Problem(what="/x.db is damaged", provider="goose", hint="mend it")
    without = findings(checkup(daemon=None, problems=[damaged, CUT]))
    for found in (without, findings(checkup(daemon=daemon(problems=[damaged, CUT])))):
        told = [f for f in found if f.about != "daemon"]
        assert [(f.level, f.about, f.what, f.hint) for f in told] == [
            (Level.ACT, "Goose", "/x.db is damaged", "mend it"),
            (Level.NOTE, "files", "/x, byte 3: cut", ""),
        ]
        assert needs_somebody(told)


def test_a_hint_that_several_need_is_said_once_and_lines_end_at_words() -> None:
    found = checkup(tools=[tool(unpriced={"gpt-9": 3}), tool(name="Pi", unpriced={"gpt-9": 1})])
    lines = as_text(found, findings(found), NOW, width=60).splitlines()
    said = lines.index("! Codex: 3 requests of gpt-9 without a price: in no cost")
    assert lines[said + 1 : said + 4] == [
        "! Pi: 1 request of gpt-9 without a price: in no cost",
        "    Give it one in ~/.config/openusage/custom-pricing.json,",
        "    or update openusage.",
    ]


def test_paths_of_the_home_are_short() -> None:
    problem = Problem(what="not JSON", path="/home/ann/.claude/x.jsonl", offset=3)
    found = checkup(daemon=daemon(problems=[problem]))
    assert "· files: ~/.claude/x.jsonl, byte 3: not JSON" in as_text(
        found, findings(found), NOW, home="/home/ann"
    )
