"""Kilo Code: raw rows and entries -> records. Its tasks are Roo Code's (`test_roocode`), its database is
OpenCode's (`test_opencode`): here is what is Kilo's own.

What a row says of the format is from the tool's own source (github.com/Kilo-Org/kilocode, 2026:
`packages/opencode/src/storage/db.ts`, `packages/opencode/src/session/session.sql.ts`,
`packages/kilo-vscode/src/legacy-migration/sessions/lib/messages.ts` and `session.ts`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openusage.providers import _roo_places
from openusage.wire.events import EventKind, Outcome, TokenCounts
from tests.support import databases
from tests.support.tools import Json, Machine, us

STORAGE = "User/globalStorage/kilocode.kilo-code/tasks"
DATABASE = ".local/share/kilo/kilo.db"
MODEL = "anthropic/claude-sonnet-4.5"
TABLES = (
    "CREATE TABLE session (id TEXT PRIMARY KEY, directory TEXT, parent_id TEXT, time_created INTEGER);",
    "CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER,"
    " data TEXT);",
    "CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER,"
    " time_updated INTEGER, data TEXT);",
    f"INSERT INTO session VALUES ('ses_k', '/home/ann/shop', NULL, {us(0) // 1000});",
)


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine("kilo_code", home)


def message(key: str, seconds: float, data: Json) -> str:
    at_ms = us(seconds) // 1000
    text = json.dumps(data | {"time": {"created": at_ms, "completed": at_ms + 1}})
    return f"INSERT INTO message VALUES ('{key}', 'ses_k', {at_ms}, {at_ms}, '{text}');"


def answer(**more: Any) -> Json:
    tokens = {"input": 500, "output": 80, "reasoning": 0, "cache": {"read": 2000, "write": 0}}
    about = {"role": "assistant", "providerID": "kilo", "modelID": MODEL, "cost": 0.004, "tokens": tokens}
    return about | more


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ["share/kilo/kilo-beta.db", "share/kilo/kilo.db"]),
        ({"KILO_DB": "~/a/mine.db"}, ["a/mine.db"]),
        ({"KILO_DB": "kilo-beta.db"}, ["share/kilo/kilo-beta.db"]),
        ({"KILO_DATA_DIR": "~/a,~/b"}, ["a/kilo.db", "b/kilo.db"]),
        ({"KILO_DB": "~/a/none.db"}, []),
    ],
)
def test_databases_are_found_by_variable_or_default(
    home: Path, environ: dict[str, str], found: list[str]
) -> None:
    """1: ccusage reads only `kilo.db`, and the Go program only tasks."""
    for name in ("share/kilo/kilo.db", "share/kilo/kilo-beta.db", "a/kilo.db", "a/mine.db", "b/kilo.db"):
        databases.apply(home / name, [*TABLES, message(name, 4, answer())])
    machine = Machine("kilo_code", home, {"XDG_DATA_HOME": str(home / "share")} | environ)
    machine.read()
    assert sorted(machine.cursors) == [str(home / name) for name in found]


def test_tasks_of_both_programs_are_found(home: Path) -> None:
    places = [f".config/Code/{STORAGE}", f".config/Windsurf/{STORAGE}", ".kilocode/cli/global/tasks"]
    for place in places:
        (home / place).mkdir(parents=True)
    [account] = Machine("kilo_code", home).accounts
    assert _roo_places.folders(account) == [str((home / p).resolve()) for p in places]


def test_tasks_at_a_place_of_ones_own_choice_are_found(home: Path) -> None:
    """Its setting is called like Roo Code's (`test_roocode`), by the extension's name."""
    (home / f".config/Code/{STORAGE}").parent.mkdir(parents=True)
    (home / "mine/tasks").mkdir(parents=True)
    machine = Machine("kilo_code", home)
    settings = {"kilo-code.customStoragePath": str(home / "mine")}
    machine.write(".config/Code/User/settings.json", settings)
    [account] = machine.accounts
    assert _roo_places.folders(account) == [str((home / "mine/tasks").resolve())]


def test_an_answer_of_the_database_is_a_message_with_its_recorded_cost(machine: Machine) -> None:
    """2: buckets are disjoint; 4: the cost is dollars of the gateway; 5: the model is kept as it is named."""
    databases.apply(machine.home / DATABASE, [*TABLES, message("msg_k1", 4, answer())])
    machine.read()
    [event] = machine.events()
    assert event.tokens == TokenCounts(500, 80, 2000, 0, None, 0)
    assert (event.model, event.upstream, event.cost_reported_nano) == (MODEL, "kilo", 4_000_000)
    assert (event.provider, event.account, event.project) == ("kilo_code", "kilo_code", "shop")


def test_a_cost_of_nothing_is_not_known(machine: Machine) -> None:
    """4: with one's own key, and for free models."""
    databases.apply(machine.home / DATABASE, [*TABLES, message("msg_k1", 4, answer(cost=0))])
    machine.read()
    assert [e.cost_reported_nano for e in machine.events()] == [None]


def test_a_session_that_was_taken_over_from_a_task_has_nothing_of_its_own(machine: Machine) -> None:
    """3: its messages have no counts and no model; the task they come from is read where it lies."""
    taken = {"providerID": "legacy", "modelID": "legacy", "cost": 0, "tokens": {"input": 0, "output": 0}}
    asked = {"role": "user", "model": {"providerID": "legacy", "modelID": "legacy"}}
    call = {"type": "tool", "callID": "toolu_01takenovertakenover", "tool": "read"}
    part = json.dumps(call | {"state": {"status": "completed", "input": {}}})
    todo = [message("msg_m1", 1, asked), message("msg_m2", 2, answer(**taken))]
    todo.append(f"INSERT INTO part VALUES ('prt_1', 'msg_m2', 'ses_k', 1, 1, '{part}');")
    databases.apply(machine.home / DATABASE, [*TABLES, *todo])
    assert machine.read() == []


def test_a_task_names_who_answered(machine: Machine) -> None:
    told = {"tokensIn": 2500, "tokensOut": 80, "cacheWrites": 0, "cacheReads": 2000, "cost": 0.004}
    text = json.dumps(told | {"inferenceProvider": "Fireworks", "usageMissing": False})
    entry = {"ts": us(1) // 1000, "type": "say", "say": "api_req_started", "text": text}
    machine.write(f".config/Code/{STORAGE}/t1/ui_messages.json", [entry])
    machine.read()
    assert machine.counts == [(500, 80, 2000, 0, None)]
    assert [(e.upstream, e.model) for e in machine.events()] == [("fireworks", None)]


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    machine = Machine.of_fixture("kilo_code", home)
    machine.read()
    by_model: dict[tuple[str | None, str | None], tuple[int, int]] = {}
    for event in machine.events():
        tokens, cost = by_model.get((event.model, event.project), (0, 0))
        cost += event.cost_reported_nano or 0
        by_model[event.model, event.project] = (tokens + event.tokens.total, cost)
    assert by_model == {
        (MODEL, "web shop"): (9420 + 9960, 12_300_000 + 4_000_000 + 20_000_000),
        (MODEL, "api"): (2580, 4_000_000),
        ("openai/gpt-5.2", "web shop"): (730 + 820, 1_000_000 + 1_100_000),
        ("anthropic/claude-haiku-4.5", "web shop"): (540, 500_000),
        (None, None): (6460, 3_000_000),
    }
    assert {name: e.outcome for name, e in machine.tools.items()} == {
        "appliedDiff": None,
        "mcp__github__list_issues": None,
        "command": None,
        "readFile": None,
        "write": Outcome.OK,
    }
    assert len(machine.events(EventKind.TURN)) == 4
    assert machine.problems == []
