"""Hermes Agent: rows -> records, one row for every rule of counting and every known trap.

`repo` in a source is the Hermes repository (NousResearch/hermes-agent at 00025f6).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from openusage.errors import SourceChanged
from openusage.providers import _sqlite, hermes
from openusage.providers._contract import Env
from openusage.wire.cursors import FileCursor
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures" / "hermes" / "home" / ".hermes"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
S = 1772445600
"""2026-03-02 10:00:00."""
US = S * 1_000_000


class Machine:
    """A home with a Hermes that writes it, and a store that remembers."""

    def __init__(self, home: Path, profile: str = "") -> None:
        self.home = home
        folder = home / ".hermes" / profile
        folder.mkdir(parents=True)
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.tool = databases.without_rows(folder / "state.db", FIXTURE / profile / "state.db.sql")

    def put(self, table: str, **row: Any) -> None:
        databases.insert(self.tool, table, row, replacing=True)

    def session(self, given: Any = None, output: Any = None, *, name: str = "s1", **more: Any) -> None:
        row = {"id": name, "source": "cli", "model": "claude-sonnet-4-5", "started_at": S + 0.5}
        self.put("sessions", **(row | {"input_tokens": given, "output_tokens": output} | more))

    def route(self, model: str, given: int, output: int, *, session: str = "s1", **more: Any) -> None:
        row = {"session_id": session, "model": model, "input_tokens": given, "output_tokens": output}
        self.put("session_model_usage", **(row | {"last_seen": S + 60.0} | more))

    def message(self, role: str, at: float = 1.0, *, session: str = "s1", **more: Any) -> None:
        self.put("messages", session_id=session, role=role, content="please do", timestamp=S + at, **more)

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=NOW)
        new: list[UsageEvent] = []
        for chunk in chunks_of(hermes, env, self.cursors):
            new += [r for r in chunk.records if isinstance(r, UsageEvent)]
        remember(self.known, new)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return sorted((e for e in self.known.values() if e.kind is kind), key=lambda e: e.at_us)

    def total(self, **which: Any) -> int:
        found = [
            e for e in self.events(EventKind.MESSAGE) if all(getattr(e, k) == v for k, v in which.items())
        ]
        return sum(e.tokens.total for e in found)

    def cost(self) -> float | None:
        costs = [e.cost_reported_nano for e in self.events(EventKind.MESSAGE)]
        return None if None in costs else round(sum(c or 0 for c in costs) / 1e9, 6)


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.tool.close()


@pytest.fixture
def old(home: Path) -> Iterator[Machine]:
    """Before usage by model was kept."""
    machine = Machine(home, "profiles/work")
    yield machine
    machine.tool.close()


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        # repo hermes_state.py: five counters; input excludes caches.
        ((1200, 900, 40_000, 3000, 0), TokenCounts(1200, 900, 40_000, 3000, None, 0)),
        # Trap: reasoning is part of output.
        ((10, 100, 0, 0, 40), TokenCounts(10, 60, 0, 0, None, 40)),
        ((10, 30, 0, 0, 40), TokenCounts(10, 30, 0, 0, None, 40)),
        # Trap: imported data have floats and NULLs.
        ((10.0, "30", None, None, None), TokenCounts(10, 30)),
    ],
)
def test_counts(values: tuple[Any, ...], counts: TokenCounts) -> None:
    assert hermes.counts_of(values) == counts


@pytest.mark.parametrize(
    ("costs", "nano"),
    [
        ((0.06, 0.05, None), 60_000_000),
        ((0.0, 0.05, None), 50_000_000),
        ((None, None, None), None),
        ((0, 0, "included"), 0),
        ((0, 0, "unknown"), None),
    ],
)
def test_costs(costs: tuple[Any, ...], nano: int | None) -> None:
    assert hermes.cost_of(*costs) == nano


def test_a_session_is_told_as_it_grows(old: Machine) -> None:
    old.session(50_000, 2000, estimated_cost_usd=0.05)
    old.message("user", 1.0)
    old.read()
    old.session(300_000, 9000, estimated_cost_usd=0.40)
    old.message("assistant", 90_000.0)
    old.read()
    assert old.total() == 309_000
    assert old.cost() == 0.40
    days = {e.at_us // 86_400_000_000: 0 for e in old.events(EventKind.MESSAGE)}
    assert len(days) == 2
    assert old.read() == []


def test_trap_totals_come_a_little_after_messages(old: Machine) -> None:
    """repo hermes_state_usage.py queue_token_counts: a writer of its own adds them up."""
    for n in range(200):
        old.session(10, 5, name=f"other {n}")
    old.session(100, 50)
    old.message("user")
    old.read()
    old.session(900, 60)
    old.read()
    assert old.total(session="s1") == 960


def test_an_old_session_that_goes_on_is_seen(old: Machine) -> None:
    old.session(100, 50)
    for n in range(200):
        old.session(10, 5, name=f"other {n}")
    old.read()
    old.tool.execute("UPDATE sessions SET input_tokens = 900 WHERE id = 's1'")
    old.message("assistant", 5000.0)
    old.read()
    assert old.total(session="s1") == 950


def test_a_total_that_falls_is_a_new_baseline(old: Machine) -> None:
    for given in (5000, 800, 1000):
        old.session(given, 0)
        old.read()
    assert old.total() == 5200


def test_a_pass_that_is_stopped_goes_on_where_it_was(old: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite, "BATCH_ROWS", 2)
    for n in range(9):
        old.session(100, 0, name=f"s{n}")
    env = Env(home=old.home, environ=MappingProxyType({}), now=NOW)
    for _ in range(40):
        for account in hermes.discover(env):
            chunks = hermes.read(account, dict(old.cursors), env)
            chunk = next(chunks, None)
            if chunk is not None:
                old.cursors.update((c.path, c) for c in chunk.cursors)
                old.known.update((r.event_key, r) for r in chunk.records if isinstance(r, UsageEvent))
    assert old.total() == 900
    assert old.read() == []


def test_who_and_where(machine: Machine) -> None:
    machine.session(100, 50, billing_provider="claude", cwd="/home/ann/shop")
    machine.session(100, 50, name="s2", source="telegram", model="gpt-5.2")
    machine.session(100, 50, name="s3", source="delegate", model="odd", parent_session_id="s1")
    machine.message("user", session="s3")
    machine.read()
    found = {e.session: (e.upstream, e.project, e.client, e.agent) for e in machine.events(EventKind.MESSAGE)}
    assert found == {
        "s1": ("anthropic", "shop", "CLI", None),
        "s2": ("openai", None, "Telegram", None),
        "s3": (None, None, "Delegate", "subagent"),
    }
    assert machine.events(EventKind.TURN) == [], "its task is given by a model"


def test_usage_by_model_is_taken_instead_of_the_session(machine: Machine) -> None:
    """repo hermes_state_usage.py: both are written in one transaction."""
    machine.session(1200, 900, estimated_cost_usd=0.04)
    machine.route("claude-sonnet-4-5", 1000, 800, billing_provider="anthropic", estimated_cost_usd=0.03)
    machine.route("gpt-5.2", 200, 100, billing_provider="openai_codex", cost_status="included")
    machine.read()
    assert machine.total() == 2100
    assert machine.total(model="gpt-5.2", upstream="openai") == 300
    assert machine.cost() == 0.03
    assert {e.at_us for e in machine.events(EventKind.MESSAGE)} == {US + 60_000_000}


def test_side_tasks_are_usage_beside(machine: Machine) -> None:
    machine.session(1000, 100)
    machine.route("claude-sonnet-4-5", 1000, 100)
    machine.route("gemini-2.5-flash", 300, 20, task="vision")
    machine.read()
    assert machine.total() == 1420
    assert machine.total(agent="vision", model="gemini-2.5-flash") == 320


def test_routes_of_different_addresses_are_added(machine: Machine) -> None:
    machine.session(300, 0)
    machine.route("m", 100, 0, billing_base_url="https://a.example")
    machine.route("m", 200, 0, billing_base_url="https://b.example", last_seen=None)
    machine.read()
    assert machine.total(model="m") == 300


def test_trap_a_session_of_before_the_split_stays_whole(machine: Machine) -> None:
    """Its routes tell only what came after the upgrade."""
    machine.session(10_000, 500)
    machine.read()
    machine.session(12_000, 600)
    machine.route("gpt-5.2", 2000, 100)
    machine.message("assistant")
    machine.read()
    assert machine.total() == 12_600


def test_compression_makes_a_child_with_counters_of_its_own(machine: Machine) -> None:
    machine.session(5000, 100, end_reason="compression", ended_at=S + 100.0)
    machine.session(700, 50, name="s2", parent_session_id="s1")
    machine.read()
    assert machine.total() == 5850
    assert machine.total(session="s1") == 5100


def test_sessions_without_a_model_or_usage_tell_nothing(machine: Machine) -> None:
    machine.session(100, 50, model=None)
    machine.session(0, 0, name="s2")
    machine.session(None, None, name="s3", started_at=S * 1000)
    machine.read()
    assert machine.known == {}


def test_turns_and_calls(machine: Machine) -> None:
    machine.session(100, 50)
    edit = json.dumps({"path": "/home/ann/shop/a.py", "old_string": "x", "new_string": "x\ny"})
    calls = [
        {"id": "call_0123456789abcdef", "function": {"name": "patch", "arguments": edit}},
        {"id": "call_1", "function": {"name": "mcp_github_search", "arguments": "{}"}},
        {"id": None, "function": None},
        5,
    ]
    machine.message("user", 1.0)
    machine.message("assistant", 2.0, tool_calls=json.dumps(calls))
    machine.message("tool", 3.0, tool_call_id="call_0123456789abcdef", tool_name="patch")
    machine.message("assistant", 4.0, tool_calls="{broken")
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [US + 1_000_000]
    patch, search = sorted(machine.events(EventKind.TOOL), key=lambda e: e.tool or "", reverse=True)
    assert (patch.tool, patch.outcome, patch.language, patch.lines_added) == (
        "patch",
        Outcome.OK,
        "python",
        2,
    )
    assert (search.tool, search.outcome) == ("mcp__github__search", None)


def test_an_older_table_without_newer_columns_is_read(home: Path) -> None:
    (home / ".hermes").mkdir()
    databases.apply(
        home / ".hermes/state.db",
        [
            "CREATE TABLE sessions (id TEXT PRIMARY KEY, model TEXT, started_at REAL, input_tokens INTEGER)",
            f"INSERT INTO sessions VALUES ('s1', 'm', {S}, 77)",
        ],
    )
    env = Env(home=home, environ=MappingProxyType({}), now=NOW)
    (account,) = hermes.discover(env)
    events = [r for c in hermes.read(account, {}, env) for r in c.records if isinstance(r, UsageEvent)]
    assert [(e.tokens, e.at_us) for e in events] == [(TokenCounts(77), US)]


def test_another_format_is_told(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE sessions RENAME COLUMN started_at TO begun")
    with pytest.raises(SourceChanged, match="`sessions` has no column `started_at`"):
        machine.read()


def test_where_it_is_looked_for(home: Path) -> None:
    for place in (".hermes/profiles/b", ".hermes/profiles/a", "one", "two/profiles/c"):
        (home / place).mkdir(parents=True)
        (home / place / "state.db").touch()

    def found(**environ: str) -> list[str]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [root.removeprefix(f"{home}/") for a in hermes.discover(env) for root in a.flat_roots]

    assert found() == [".hermes/profiles/a", ".hermes/profiles/b"]
    assert found(HERMES_HOME=f"{home}/one, {home}/two") == ["one", "two/profiles/c"]
