"""Droid: totals and logs -> records, one row for every rule of counting and every known trap.

Factory's source is not public. The fields are those that its sessions held, as they were written in 2025 and
2026; limits are those of docs.factory.ai.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceUnavailable
from openusage.providers.droid._log import tool_name
from openusage.providers.droid._totals import model_name
from openusage.wire.events import Behaviour, EventKind, Outcome, QuotaReading, Scope, event_key
from tests.support.tools import NOW, Json, Machine, at, lines, us

S, CHILD = "0b6f0000-0000-4000-8000-00000000000a", "0b6f0000-0000-4000-8000-00000000000b"
FOLDER = ".factory/sessions/-home-ann-shop"
MODEL = "claude-sonnet-4-5-20250929"


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("droid", home)


def used(**more: Any) -> Json:
    counts = {"inputTokens": 1200, "outputTokens": 900, "cacheCreationTokens": 3000}
    return counts | {"cacheReadTokens": 40000, "thinkingTokens": 100} | more


SUMS = (1200, 900, 40000, 3000, 100)


def settings(totals: Any = None, **more: Any) -> Json:
    made = {"model": MODEL, "providerLock": "anthropic", "providerLockTimestamp": at(0)}
    return made | {"tokenUsage": used() if totals is None else totals} | more


def write(
    machine: Machine, content: Json, session: str = S, folder: str = FOLDER, written: float = 60
) -> Path:
    path = machine.write(f"{folder}/{session}.settings.json", content)
    os.utime(path, (us(written) / 1e6,) * 2)
    return path


def sums(machine: Machine) -> tuple[int, ...]:
    """Tokens of all messages together."""
    counts = machine.counts
    return tuple(sum(c[i] or 0 for c in counts) for i in range(5))


def test_a_total_is_told_in_steps_that_add_up_to_it(machine: Machine) -> None:
    write(machine, settings())
    machine.read()
    assert sums(machine) == SUMS
    [about] = {
        (e.provider, e.account, e.model, e.upstream, e.client, e.session, e.agent, e.project)
        for e in machine.events()
    }
    assert about == ("droid", "droid", MODEL, "anthropic", "CLI", S, None, None)
    assert event_key("droid", "total", S, 0) in {e.event_key for e in machine.events()}
    assert machine.problems == []
    assert machine.read() == []


def test_what_was_used_before_it_was_seen_is_of_the_beginning_and_growth_of_its_own_time(
    machine: Machine,
) -> None:
    write(machine, settings(), written=86_400)
    machine.read()
    assert {e.at_us for e in machine.events()} == {us(0)}
    write(machine, settings(used(outputTokens=50_900)), written=90_000)
    machine.read()
    assert sums(machine) == (1200, 50_900, 40000, 3000, 100)
    late = sum(e.tokens.output or 0 for e in machine.events() if e.at_us == us(90_000))
    assert 45_000 < late <= 50_000 + 900


COUNTING: dict[str, tuple[Json, tuple[int, ...]]] = {
    "2: totals with the children in them are not used": (
        settings(inclusiveTokenUsage=used(inputTokens=9_000)),
        SUMS,
    ),
    "2: unless there are no others and no children": (
        settings("none", inclusiveTokenUsage=used(), childInclusiveTokenUsageBySessionId={}),
        SUMS,
    ),
    "2: with children they would count these twice": (
        settings(None, inclusiveTokenUsage=used(), childInclusiveTokenUsageBySessionId={CHILD: used()})
        | {"tokenUsage": None},
        (0, 0, 0, 0, 0),
    ),
    "4: a total that adds up says that caches are beside input": (settings(used(totalTokens=45_200)), SUMS),
    "4: also without the thoughts": (settings(used(totalTokens=45_100)), SUMS),
    "4: a total of input and output says that they are inside": (
        settings(used(inputTokens=50_000, totalTokens=50_900)),
        (7_000, 900, 40_000, 3_000, 100),
    ),
    "8: a draft that was never used": (settings(dict.fromkeys(used(), 0)), (0, 0, 0, 0, 0)),
    "trap: numbers as texts, fields missing or odd": (
        settings({"inputTokens": "12", "outputTokens": 3.0, "cacheReadTokens": None, "thinkingTokens": []}),
        (12, 3, 0, 0, 0),
    ),
    "trap: no totals at all": ({"model": MODEL, "tokenUsage": 5}, (0, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    content, expected = COUNTING[rule]
    write(machine, content)
    machine.read()
    assert sums(machine) == expected


def test_a_total_that_fell_is_a_new_baseline_and_nothing_is_taken_back(machine: Machine) -> None:
    for n, output in enumerate((900, 100, 400)):
        write(machine, settings(used(outputTokens=output)), written=60 + n)
        machine.read()
    assert sums(machine) == (1200, 900 + 300, 40000, 3000, 100)


def test_however_often_it_was_read_the_same_events_come_out(machine: Machine, tmp_path: Path) -> None:
    for output in (1, 700, 5_000, 40_000):
        write(machine, settings(used(outputTokens=output)))
        machine.read()
    other = Machine("droid", tmp_path)
    write(other, settings(used(outputTokens=40_000)))
    other.read()
    assert {(e.event_key, e.tokens) for e in machine.events()} == {
        (e.event_key, e.tokens) for e in other.events()
    }


@pytest.mark.parametrize("order", [1, -1])
def test_one_session_in_two_places_is_its_larger_total(machine: Machine, order: int) -> None:
    """3: an update moved it into a project's folder; the older file stayed in the root."""
    places = [(".factory/sessions", 900), (FOLDER, 5_000)][::order]
    for folder, output in places * 2:
        write(machine, settings(used(outputTokens=output)), folder=folder, written=60 + output)
        machine.read()
    assert sums(machine) == (1200, 5_000, 40000, 3000, 100)


def test_a_deleted_session_keeps_what_was_counted_and_may_come_back(machine: Machine) -> None:
    path = write(machine, settings())
    machine.read()
    path.unlink()
    machine.read()
    write(machine, settings(), written=99)
    machine.read()
    assert sums(machine) == SUMS


def test_a_sub_agent_is_usage_of_the_session_that_started_it(machine: Machine) -> None:
    tags = [{"name": "x"}, {"name": "worker", "metadata": {"callingSessionId": S}}]
    write(machine, settings(tags=tags), session=CHILD)
    machine.read()
    assert {(e.session, e.agent) for e in machine.events()} == {(S, "worker")}


@pytest.mark.parametrize(
    ("more", "model", "upstream"),
    [
        ({}, MODEL, "anthropic"),
        ({"apiProviderLock": "fireworks"}, MODEL, "fireworks"),
        ({"providerLock": None, "model": "gpt-5.1"}, "gpt-5.1", "openai"),
        ({"providerLock": None, "model": "custom:Kimi K2-[Mine]-0"}, "kimi-k2-0", "moonshotai"),
        ({"providerLock": None, "model": None}, None, None),
    ],
)
def test_which_model_and_whose(machine: Machine, more: Json, model: str | None, upstream: str | None) -> None:
    write(machine, settings() | more)
    machine.read()
    assert {(e.model, e.upstream) for e in machine.events()} == {(model, upstream)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("custom:Claude-Opus-4.5-Thinking-[Anthropic]-0", "claude-opus-4-5-thinking-0"),
        ("custom:[x]", "custom:[x]"),
        ("gpt-5.1-codex", "gpt-5.1-codex"),
        (None, None),
    ],
)
def test_names_that_a_person_gave(name: str | None, expected: str | None) -> None:
    assert model_name(name) == expected


def test_credits_are_a_unit_of_their_own_and_no_dollars(machine: Machine) -> None:
    write(machine, settings(used(factoryCredits=12)))
    machine.read()
    assert machine.readings["session_credits"] == QuotaReading(
        provider="droid",
        account="droid",
        key="session_credits",
        at_us=us(60),
        unit="credits",
        window="session",
        used=12.0,
        scope=Scope.MACHINE,
    )
    assert {e.cost_reported_nano for e in machine.events()} == {None}
    write(machine, settings(used(factoryCredits=None)), written=70)
    machine.read()
    assert machine.readings["session_credits"].used == 12.0


# The log


def message(n: int, seconds: float, role: str, *content: Json, **more: Any) -> Json:
    made = {"type": "message", "id": f"m{n}", "timestamp": at(seconds)}
    return made | {"message": {"role": role, "content": list(content)} | more}


def said(text: str) -> Json:
    return {"type": "text", "text": text}


START = {"type": "session_start", "id": S, "title": "x", "cwd": "/home/ann/web shop"}


def test_the_log_tells_the_project_and_the_model_and_when_it_began(machine: Machine) -> None:
    answers = [message(1, 7, "assistant", modelId="gpt-5"), message(2, 8, "assistant", modelId="gpt-5.1")]
    machine.write(f"{FOLDER}/{S}.jsonl", lines(START, *answers))
    write(machine, settings() | {"model": None, "providerLockTimestamp": None})
    machine.read()
    about = {(e.project, e.model, e.at_us) for e in machine.events()}
    assert about == {("web shop", "gpt-5.1", us(7))}


def test_totals_wait_until_the_log_has_a_line(machine: Machine) -> None:
    log = machine.write(f"{FOLDER}/{S}.jsonl", "")
    write(machine, settings())
    machine.read()
    assert machine.events() == []
    log.write_text(lines(START))
    machine.read()
    assert {e.project for e in machine.events()} == {"web shop"}


@pytest.mark.parametrize(
    ("content", "is_turn"),
    [
        ([said("do it")], True),
        ([said("<system-reminder>x"), said("do it")], True),
        ([{"type": "image"}], True),
        ([said("<system-notification>x")], False),
        ([{"type": "tool_result", "tool_use_id": "t"}], False),
        ([], False),
    ],
)
def test_a_turn_is_what_a_person_wrote(machine: Machine, content: list[Json], is_turn: bool) -> None:
    asked = message(1, 1, "user", *content)
    machine.write(f"{FOLDER}/{S}.jsonl", lines(START, asked, asked))
    machine.read()
    assert len(machine.events(EventKind.TURN)) == is_turn


EDIT = {"file_path": "a.py", "old_str": "x\n", "new_str": "y\nz\n"}
PATCH = {"input": "*** Begin Patch\n*** Update File: b.ts\n@@\n-x\n+y\n+z\n*** End Patch\n"}
LONG = "toolu_01AbCdEfGhIjKlMnOp"


@pytest.mark.parametrize(
    ("name", "given", "is_error", "expected"),
    [
        ("Edit", EDIT, None, (Outcome.OK, "python", 2, 1)),
        ("Edit", EDIT, False, (Outcome.OK, "python", 2, 1)),
        ("Edit", EDIT, True, (Outcome.ERROR, "python", None, None)),
        ("ApplyPatch", PATCH, None, (Outcome.OK, "typescript", 2, 1)),
        ("Read", {"file_path": "c.go"}, None, (Outcome.OK, "go", None, None)),
        ("Execute", {"command": "ls"}, "no result", (None, None, None, None)),
    ],
)
@pytest.mark.parametrize("call_id", [LONG, "call_1"])
def test_tools(
    machine: Machine, call_id: str, name: str, given: Json, is_error: Any, expected: tuple[Any, ...]
) -> None:
    call = {"type": "tool_use", "id": call_id, "name": name, "input": given}
    ended = {"type": "tool_result", "tool_use_id": call_id, "content": "x", "is_error": is_error}
    written = [START, message(1, 4, "assistant", call, modelId=MODEL)]
    written += [message(2, 5, "user", ended)] if is_error != "no result" else []
    machine.write(f"{FOLDER}/{S}.jsonl", lines(*written))
    machine.read()
    [event] = machine.events(EventKind.TOOL)
    assert (event.outcome, event.language, event.lines_added, event.lines_removed) == expected
    assert (event.tool, event.at_us, event.model, event.project) == (name, us(4), MODEL, "web shop")
    assert event.event_key == event_key("droid", "tool", *((call_id,) if call_id == LONG else (S, call_id)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("linear___list_issues", "mcp__linear__list_issues"), ("Edit", "Edit"), ("___x", "___x")],
)
def test_names_of_mcp_calls(name: str, expected: str) -> None:
    assert tool_name(name) == expected


@pytest.mark.parametrize(
    ("environ", "roots"),
    [({}, [".factory/sessions"]), ({"DROID_SESSIONS_DIR": "~/a,~/b,~/missing"}, ["a", "b"])],
)
def test_places_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], roots: list[str]
) -> None:
    for name in (".factory/sessions", "a", "b"):
        (home / name).mkdir(parents=True)
    machine = Machine("droid", home, environ)
    assert [a.roots for a in machine.accounts] == [tuple(str((home / r).resolve()) for r in roots)]


# Factory's limits


LIMITS = {
    "limits": {
        "standard": {
            "fiveHour": {"usedPercent": 12.5, "windowEnd": "2026-03-10T15:00:00Z"},
            "weekly": {"usedPercent": 40, "windowEnd": "2026-03-10T11:00:00Z"},
            "monthly": {"usedPercent": "61"},
            "other": {"usedPercent": 1},
        }
    }
}


@pytest.fixture
def keyed(machine: Machine) -> Machine:
    (machine.home / ".factory/sessions").mkdir(parents=True)
    machine.environ["FACTORY_API_KEY"] = "secret"
    return machine


def test_limits_are_asked_with_a_key_that_a_person_gave(keyed: Machine, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/billing/limits").respond_with_json(LIMITS)
    keyed.poll(httpserver.url_for(""))
    assert keyed.readings["usage_five_hour"] == QuotaReading(
        provider="droid",
        account="droid",
        key="usage_five_hour",
        at_us=round(NOW.timestamp() * 1e6),
        unit="%",
        window="5h",
        used=12.5,
        limit=100.0,
        remaining=87.5,
        resets_at_us=1_773_154_800_000_000,
        behaviour=Behaviour.CAP,
    )
    told = {k: (r.used, r.window, r.resets_at_us) for k, r in keyed.readings.items()}
    assert told["usage_weekly"] == (0.0, "7d", None)
    assert told["usage_monthly"] == (61.0, "month", None)
    assert len(told) == 3
    assert httpserver.log[0][0].headers["Authorization"] == "Bearer secret"
    assert "secret" not in repr(keyed.records)


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthRequired), (429, SourceUnavailable), (500, SourceUnavailable)]
)
def test_refusals(keyed: Machine, httpserver: HTTPServer, status: int, error: type[Exception]) -> None:
    httpserver.expect_request("/api/billing/limits").respond_with_data("no", status=status)
    with pytest.raises(error) as told:
        keyed.poll(httpserver.url_for(""))
    assert "secret" not in repr(told.value)


@pytest.mark.parametrize("odd", [{}, {"limits": []}, {"limits": {"standard": {"weekly": 5}}}])
def test_odd_answers_tell_nothing(keyed: Machine, httpserver: HTTPServer, odd: Json) -> None:
    httpserver.expect_request("/api/billing/limits").respond_with_json(odd)
    assert keyed.poll(httpserver.url_for("")) == []


def test_without_a_key_nothing_is_asked(keyed: Machine, httpserver: HTTPServer) -> None:
    keyed.environ.clear()
    assert keyed.poll(httpserver.url_for("")) == []
    assert httpserver.log == []


# The fixture home


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("droid", home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events():
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        MODEL: 1200 + 900 + 3000 + 40000 + 100,
        "claude-opus-4-5-thinking-0": 5400,
        "gpt-5.1": 12700 + 300,
    }
    assert {e.project for e in machine.events()} == {"web shop", "api"}
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "Edit": Outcome.OK,
        "mcp__linear__list_issues": Outcome.ERROR,
    }
    assert len(machine.events(EventKind.TURN)) == 3
    assert machine.problems == []
