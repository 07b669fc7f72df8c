"""Zed: threads -> records, one row for every rule of counting and every known trap.

`repo` in a source is the Zed repository (zed-industries/zed at 0642ec7, `crates/agent/src`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import zstandard

from openusage.errors import SourceChanged
from openusage.providers import zed
from openusage.providers._contract import Env
from openusage.wire.cursors import FileCursor
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent
from openusage.wire.problems import Problem
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures/zed/home/.local/share/zed/threads/threads.db.sql"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
US = 1772445600_000_000
"""2026-03-02 10:00:00."""
ANTHROPIC = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
HOSTED = {"provider": "zed.dev", "model": "gpt-5.2"}
Json = dict[str, Any]


def usage(given: int = 0, output: int = 0, read: int = 0, written: int = 0) -> Json:
    """As Zed writes it: zeros are left out."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return {n: v for n, v in zip(names, (given, output, read, written), strict=True) if v}


def user(name: str) -> Json:
    return {"User": {"id": name, "content": [{"Text": "please do this thing"}]}}


def agent(*calls: tuple[str, str], **results: bool) -> Json:
    content: list[Json] = [{"Text": "so it is done"}]
    content += [{"ToolUse": {"id": c, "name": n, "input": {"path": "a.py"}}} for c, n in calls]
    return {"Agent": {"content": content, "tool_results": {c: {"is_error": e} for c, e in results.items()}}}


def thread(requests: Any = None, summed: Json | None = None, *messages: Json, **more: Any) -> Json:
    return {
        "version": "0.3.0",
        "title": "A title of it",
        "model": ANTHROPIC,
        "cumulative_token_usage": summed or {},
        "request_token_usage": {} if requests is None else requests,
        "messages": list(messages),
    } | more


class Machine:
    """A home with a Zed that writes it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        folder = home / ".local/share/zed/threads"
        folder.mkdir(parents=True)
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.problems: list[Problem] = []
        self.tool = databases.without_rows(folder / "threads.db", FIXTURE)

    def save(
        self, content: Any, key: str = "t1", *, minute: int = 0, kind: str = "zstd", **more: Any
    ) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        if kind == "zstd" and not isinstance(content, bytes):
            data = zstandard.ZstdCompressor().compress(data)
        row = {"id": key, "summary": "s", "updated_at": f"2026-03-02T10:{minute:02}:00.000001+00:00"}
        row |= {"data_type": kind, "folder_paths": "/home/ann/shop"} | more
        databases.insert(self.tool, "threads", {**row, "data": data}, replacing=True)

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=NOW)
        new: list[UsageEvent] = []
        for chunk in chunks_of(zed, env, self.cursors):
            new += [r for r in chunk.records if isinstance(r, UsageEvent)]
            self.problems += chunk.problems
        remember(self.known, new)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return sorted((e for e in self.known.values() if e.kind is kind), key=lambda e: e.event_key)

    @property
    def messages(self) -> list[UsageEvent]:
        return self.events(EventKind.MESSAGE)

    def total(self) -> int:
        return sum(e.tokens.total for e in self.messages)


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.tool.close()


@pytest.mark.parametrize(
    "requests",
    [
        {"u1": usage(20, 300, 9000, 400)},
        {"token_usage": {"u1": usage(20, 300, 9000, 400)}},
        [usage(20, 300, 9000, 400)],
    ],
    ids=["a map (repo db.rs)", "wrapped", "a list, 0.2 and older (repo legacy_thread.rs)"],
)
def test_usage_by_prompt(machine: Machine, requests: Any) -> None:
    machine.save(thread(requests))
    machine.read()
    (event,) = machine.messages
    assert event.tokens == TokenCounts(20, 300, 9000, 400)
    assert (event.model, event.upstream) == ("claude-sonnet-4-5", "anthropic")
    assert (event.project, event.session, event.client) == ("shop", "t1", "IDE")
    assert event.at_us == US + 1


@pytest.mark.parametrize("kind", ["zstd", "json"])
def test_both_kinds_of_data(machine: Machine, kind: str) -> None:
    machine.save(thread({"u1": usage(1, 2)}), kind=kind)
    machine.read()
    assert machine.total() == 3


def test_a_prompt_that_took_several_requests_is_an_estimate(machine: Machine) -> None:
    """repo db.rs: the map has one usage a prompt, that of its last request."""
    requests = {"u1": usage(5, 5), "u2": usage(6, 6)}
    machine.save(thread(requests, None, user("u1"), agent(), user("u2"), agent(), agent()))
    machine.read()
    assert {e.tokens.input: e.estimated for e in machine.messages} == {5: False, 6: True}


def test_a_sum_that_covers_its_requests_is_taken_instead(machine: Machine) -> None:
    machine.save(thread({"u1": usage(50, 5)}, usage(4000, 300, 9000)))
    machine.read()
    assert machine.total() == 13_300
    machine.save(thread({"u1": usage(50, 5), "u2": usage(60, 9)}, usage(9000, 500, 20_000)), minute=5)
    machine.read()
    assert machine.total() == 29_500
    assert not any(e.estimated for e in machine.messages)


def test_trap_a_sum_that_began_late_does_not_repeat_what_was_told_by_prompts(machine: Machine) -> None:
    """It was `{}` until June 2026; a thread of before has a sum of its newer part only."""
    machine.save(thread({"u1": usage(1000, 50)}))
    machine.read()
    late = {"u1": usage(1000, 50), "u2": usage(800, 40)}
    for minute, summed in ((1, usage(800, 40)), (2, usage(9000, 400))):
        machine.save(thread(late, summed), minute=minute)
        machine.read()
        assert machine.total() == 1890


def test_trap_copies_of_a_thread_have_its_prompts(machine: Machine) -> None:
    machine.save(thread({"u1": usage(5, 5)}))
    machine.save(thread({"u1": usage(5, 5), "u2": usage(1, 0)}), "t2", minute=9)
    machine.read()
    assert machine.total() == 11
    assert {e.session for e in machine.messages if e.tokens.input == 5} == {"t1"}


@pytest.mark.parametrize(
    ("model", "used", "counts"),
    [
        (HOSTED, usage(9000, 10, 6000), TokenCounts(3000, 10, 6000, 0)),
        (HOSTED, usage(100, 10, 6000), TokenCounts(100, 10, 6000, 0)),
        (
            {"provider": "zed.dev", "model": "claude-opus-4"},
            usage(9000, 10, 6000),
            TokenCounts(9000, 10, 6000, 0),
        ),
        ({"provider": "openai", "name": "x", "id": "gpt-4.1"}, usage(9, 1, 9), TokenCounts(0, 1, 9, 0)),
        (None, usage(5, 1), TokenCounts(5, 1, 0, 0)),
    ],
)
def test_trap_some_vendors_have_cached_tokens_inside_input(
    machine: Machine, model: Any, used: Json, counts: TokenCounts
) -> None:
    machine.save(thread({"u1": used}, model=model))
    machine.read()
    assert [e.tokens for e in machine.messages] == [counts]


def test_threads_of_agents(machine: Machine) -> None:
    machine.save(thread(None, usage(100, 20), user("u1")), parent_id="t0")
    machine.save(thread(None, usage(100, 20), user("u2"), subagent_context={"x": 1}), "t2")
    machine.read()
    assert {e.agent for e in machine.messages} == {"subagent"}
    assert machine.events(EventKind.TURN) == []


def test_prompts_and_calls_are_told_once_and_calls_with_their_ends(machine: Machine) -> None:
    call = ("toolu_0123456789abcdef", "edit_file")
    machine.save(thread(None, None, user("u1"), agent(call)))
    machine.read()
    assert [(e.tool, e.outcome, e.language) for e in machine.events(EventKind.TOOL)] == [
        ("edit_file", None, "python")
    ]
    messages = [
        user("u1"),
        agent(call, toolu_0123456789abcdef=False),
        user("u2"),
        agent(("c1", "grep"), c1=True),
    ]
    machine.save(thread(None, None, *messages), minute=1)
    assert len(machine.read()) == 3
    assert {e.tool: e.outcome for e in machine.events(EventKind.TOOL)} == {
        "edit_file": Outcome.OK,
        "grep": Outcome.ERROR,
    }
    assert len(machine.events(EventKind.TURN)) == 2


def test_calls_of_older_threads(machine: Machine) -> None:
    """repo legacy_thread.rs: a message has its calls and results beside its text."""
    old = {
        "id": 2,
        "role": "assistant",
        "tool_uses": [{"id": "toolu_0123456789abcdef", "name": "terminal", "input": {}}],
        "tool_results": [{"tool_use_id": "toolu_0123456789abcdef", "is_error": True}],
    }
    machine.save(thread(None, None, {"id": 1, "role": "user"}, old, version="0.2.0"))
    machine.read()
    assert [(e.tool, e.outcome) for e in machine.events(EventKind.TOOL)] == [("terminal", Outcome.ERROR)]


def test_trap_what_is_in_a_shared_thread_was_done_by_somebody_else(machine: Machine) -> None:
    """repo db.rs SharedThread: `imported`, with messages and without usage."""
    machine.save(thread(None, None, user("u1"), agent(("c1", "grep")), imported=True))
    assert machine.read() == []
    more = [user("u1"), agent(("c1", "grep")), user("u2"), agent()]
    machine.save(thread({"u2": usage(5, 5)}, None, *more, imported=True), minute=1)
    machine.read()
    assert len(machine.events(EventKind.TURN)) == 1
    assert machine.total() == 10


def test_an_older_table_without_newer_columns_is_read(machine: Machine) -> None:
    for column in ("parent_id", "folder_paths", "folder_paths_order", "created_at"):
        machine.tool.execute(f"ALTER TABLE threads DROP COLUMN {column}")
    machine.tool.execute(
        "INSERT INTO threads (id, summary, updated_at, data_type, data) VALUES ('t1', '', ?, 'json', ?)",
        ("2026-03-02T10:00:00Z", json.dumps(thread({"u1": usage(1, 2)}))),
    )
    machine.read()
    assert [(e.tokens.total, e.project) for e in machine.messages] == [(3, None)]


def test_a_thread_that_cannot_be_read_costs_only_itself(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zed, "LARGEST_THREAD_BYTES", 5000)
    machine.save(b"no zstd at all", "broken")
    machine.save(thread({"u1": usage(1, 2)}, title="x" * 6000), "large", minute=1)
    machine.save(b"[1, 2]", "odd", minute=2, kind="json")
    machine.save(thread({"u1": usage(1, 2)}), "good", minute=3)
    machine.read()
    assert machine.total() == 3
    assert [p.what.split()[1] for p in machine.problems] == ["broken", "large", "odd"]


def test_another_format_is_told(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE threads RENAME COLUMN data TO content")
    with pytest.raises(SourceChanged, match="`threads` has no column `data`"):
        machine.read()


def test_where_it_is_looked_for(home: Path) -> None:
    mac, flat = "Library/Application Support/Zed/threads", ".var/app/dev.zed.Zed/data/zed/threads"
    for place in (mac, flat, "xdg/zed/threads"):
        (home / place).mkdir(parents=True)
        (home / place / "threads.db").touch()

    def found(**environ: str) -> list[str]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [root.removeprefix(f"{home}/") for a in zed.discover(env) for root in a.flat_roots]

    assert found() == [flat, mac]
    assert found(XDG_DATA_HOME=f"{home}/xdg") == ["xdg/zed/threads", flat, mac]
