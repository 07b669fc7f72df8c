"""Crush: rows -> records, one row for every rule of counting and every known trap.

`repo` in a source is the Crush repository (charmbracelet/crush at 37f36e9).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import msgspec
import pytest

from openusage.errors import SourceChanged
from openusage.providers import crush
from openusage.providers._contract import Env
from openusage.providers._touched import file_key
from openusage.wire.cursors import FileCursor
from openusage.wire.events import EventKind, Outcome, QuotaReading, TokenCounts, UsageEvent
from openusage.wire.problems import Problem
from tests.support import databases
from tests.support.tools import chunks_of, remember

FIXTURE = Path(__file__).parents[1] / "fixtures" / "crush" / "home" / "code" / "shop" / ".crush"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
S = 1772445600
"""2026-03-02 10:00:00."""
US = S * 1_000_000
MODEL, OTHER = ("claude-sonnet-4-5", "anthropic"), ("gpt-5.2-codex", "openai")
FINISH = {"type": "finish", "data": {"reason": "end_turn", "time": S + 9}}
Part = dict[str, Any]


def call(call_id: str, name: str, given: str = "{}", **more: Any) -> Part:
    return {
        "type": "tool_call",
        "data": {"id": call_id, "name": name, "input": given, "finished": True, **more},
    }


def result(call_id: str, is_error: bool = False) -> Part:
    data = {"tool_call_id": call_id, "name": "x", "content": "what it said", "is_error": is_error}
    return {"type": "tool_result", "data": data}


class Machine:
    """A home with one project, a Crush that writes it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / ".local/share/crush"
        self.folder.mkdir(parents=True)
        self.cursors: dict[str, FileCursor] = {}
        self.known: dict[bytes, UsageEvent] = {}
        self.readings: list[QuotaReading] = []
        self.problems: list[Problem] = []
        self.project = home / "code/shop"
        self.register({"path": str(self.project)})
        (self.project / ".crush").mkdir(parents=True)
        self.tool = self.open(self.project / ".crush/crush.db")

    def register(self, *projects: Any) -> None:
        (self.folder / "projects.json").write_text(json.dumps({"projects": list(projects)}))

    def open(self, path: Path) -> apsw.Connection:
        return databases.without_rows(path, FIXTURE / "crush.db.sql")

    def session(self, name: str, cost: float, at: int = S, parent: str | None = None) -> None:
        self.tool.execute(
            "INSERT INTO sessions (id, parent_session_id, title, cost, prompt_tokens, completion_tokens,"
            " created_at, updated_at) VALUES (?, ?, 'a title', ?, 5000, 300, ?, ?)"
            " ON CONFLICT DO UPDATE SET cost = excluded.cost, updated_at = excluded.updated_at",
            (name, parent, cost, S, at),
        )

    def message(
        self,
        name: str,
        role: str,
        *parts: Part,
        session: str = "s1",
        at: int = S,
        model: tuple[str, str] | tuple[None, None] = (None, None),
    ) -> None:
        self.tool.execute(
            "INSERT INTO messages (id, session_id, role, parts, model, provider, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET parts = excluded.parts",
            (name, session, role, json.dumps(parts), *model, at, at),
        )

    def answer(self, name: str, *parts: Part, model: tuple[str, str] = MODEL, **more: Any) -> None:
        self.message(name, "assistant", *parts, FINISH, model=model, **more)

    def read(self) -> list[UsageEvent]:
        env = Env(home=self.home, environ=MappingProxyType({}), now=NOW)
        new: list[UsageEvent] = []
        for chunk in chunks_of(crush, env, self.cursors):
            self.readings += [r for r in chunk.records if isinstance(r, QuotaReading)]
            new += [r for r in chunk.records if isinstance(r, UsageEvent)]
            self.problems += chunk.problems
        remember(self.known, new)
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        return [e for e in self.known.values() if e.kind is kind]

    def money(self) -> list[UsageEvent]:
        return [e for e in self.events(EventKind.MESSAGE) if e.cost_reported_nano]

    def cost(self, **which: str) -> float:
        found = [e for e in self.money() if all(getattr(e, k) == v for k, v in which.items())]
        return round(sum(e.cost_reported_nano or 0 for e in found) / 1e9, 6)


@pytest.fixture
def machine(home: Path) -> Iterator[Machine]:
    machine = Machine(home)
    yield machine
    machine.tool.close()


def test_a_request_is_a_finished_message_of_the_assistant(machine: Machine) -> None:
    """repo internal/message/content.go: a finish part ends it; it holds no counts."""
    machine.session("s1", 0)
    machine.message("m1", "user", {"type": "text", "data": {"text": "please do it"}})
    machine.message("m2", "assistant", model=MODEL)
    machine.read()
    assert machine.events(EventKind.MESSAGE) == []
    machine.answer("m2")
    machine.read()
    (request,) = machine.events(EventKind.MESSAGE)
    assert (request.model, request.upstream, request.session) == (*MODEL, "s1")
    assert (request.project, request.client, request.at_us) == ("shop", "CLI", US)
    assert (request.tokens, request.cost_reported_nano) == (TokenCounts(), 0)
    assert len(machine.events(EventKind.TURN)) == 1


def test_trap_times_are_seconds_although_the_schema_says_milliseconds(machine: Machine) -> None:
    """repo internal/db/sql/messages.sql: strftime('%s')."""
    machine.session("s1", 0)
    machine.answer("m1")
    machine.answer("m2", at=S * 1000)
    machine.read()
    assert {e.at_us for e in machine.events(EventKind.MESSAGE)} == {US}


def test_a_cost_grows_and_is_dated_as_it_does(machine: Machine) -> None:
    """repo internal/agent/agent.go: `session.Cost += cost` after each step."""
    machine.session("s1", 0.10, at=S + 10)
    machine.answer("m1")
    machine.read()
    assert machine.cost() == 0.10
    machine.session("s1", 0.35, at=S + 90_000)
    machine.answer("m2", model=OTHER)
    machine.read()
    assert machine.cost() == 0.35
    assert machine.cost(model=MODEL[0]) == pytest.approx(0.10, abs=0.03)
    tomorrow = [e for e in machine.money() if e.at_us == US + 90_000_000_000]
    assert sum(e.cost_reported_nano or 0 for e in tomorrow) == pytest.approx(0.25e9, abs=0.03e9)
    assert machine.read() == []


def test_a_first_read_shares_a_cost_out_by_the_messages_of_its_models(machine: Machine) -> None:
    machine.session("s1", 2.0)
    for n in range(3):
        machine.answer(f"m{n}")
    machine.answer("m9", model=OTHER)
    machine.read()
    assert machine.cost() == 2.0
    assert machine.cost(model=OTHER[0]) == pytest.approx(0.5, abs=0.15)


def test_trap_what_a_sub_agent_cost_is_in_its_parent_already(machine: Machine) -> None:
    """repo internal/agent/coordinator.go: `parentSession.Cost += childSession.Cost`."""
    machine.session("s1", 0.5)
    machine.session("m1$$call_1", 0.2, parent="s1")
    machine.session("title-s1", 0.001, parent="s1")
    machine.message("m5", "user", session="m1$$call_1")
    machine.answer("m6", session="m1$$call_1")
    machine.answer("m7", session="title-s1")
    machine.read()
    assert machine.cost() == 0.5
    assert {e.agent for e in machine.events(EventKind.MESSAGE)} == {None, "agent", "title"}
    assert machine.events(EventKind.TURN) == [], "its task is given by a model"


def test_trap_token_columns_are_the_last_request_only(machine: Machine) -> None:
    """repo internal/agent/agent.go: they are set, not added to: how full the context is."""
    machine.session("s1", 0.5, at=S + 5)
    machine.answer("m1")
    machine.read()
    assert sum(e.tokens.total for e in machine.known.values()) == 0
    (reading,) = machine.readings
    assert (reading.key, reading.used, reading.at_us) == ("context_tokens", 5300.0, US + 5_000_000)


def test_a_flat_rate_costs_nothing_and_its_requests_are_seen(machine: Machine) -> None:
    machine.session("s1", 0.0)
    machine.answer("m1")
    machine.read()
    assert machine.money() == []
    assert len(machine.events(EventKind.MESSAGE)) == 1


def test_a_call_ends_in_a_later_message(machine: Machine) -> None:
    machine.session("s1", 0)
    given = '{"file_path": "/home/ann/shop/a.py", "old_string": "x", "new_string": "x\\ny"}'
    machine.answer(
        "m1",
        call("toolu_0123456789abcdef", "edit", given),
        call("c2", "bash"),
        call("c3", "mcp_docker_mcp-find"),
    )
    machine.read()
    assert {e.outcome for e in machine.events(EventKind.TOOL)} == {None}
    machine.message("m2", "tool", result("toolu_0123456789abcdef"), result("c2", is_error=True), result("zz"))
    machine.read()
    found = {e.tool: e for e in machine.events(EventKind.TOOL)}
    assert {name: e.outcome for name, e in found.items()} == {
        "edit": Outcome.OK,
        "bash": Outcome.ERROR,
        "mcp__docker__mcp-find": None,
    }
    edit = found["edit"]
    assert (edit.language, edit.lines_added, edit.lines_removed) == ("python", 2, 1)
    assert edit.file_key == file_key("/home/ann/shop/a.py")


def test_trap_calls_that_a_local_model_numbers_are_of_their_message(machine: Machine) -> None:
    machine.session("s1", 0)
    for name in ("m1", "m2"):
        machine.answer(name, call("call_1", "bash"))
    machine.read()
    assert len(machine.events(EventKind.TOOL)) == 2


@pytest.mark.parametrize(
    "part", [call("c", "", "{}"), call("", "bash"), call("c", "bash", finished=False), {}]
)
def test_what_is_no_call_yet(machine: Machine, part: Part) -> None:
    machine.session("s1", 0)
    machine.answer("m1", part)
    machine.read()
    assert machine.events(EventKind.TOOL) == []


def test_trap_a_moved_project_is_under_two_paths_and_counts_once(machine: Machine) -> None:
    machine.session("s1", 0.5)
    machine.answer("m1")
    machine.read()
    machine.tool.close()
    moved = machine.home / "code/moved"
    machine.project.rename(moved)
    machine.register({"path": str(machine.project)}, {"path": str(moved), "data_dir": ".crush"})
    machine.tool = apsw.Connection(str(moved / ".crush/crush.db"))
    machine.session("s1", 0.75)
    machine.read()
    assert machine.cost() == 0.75
    assert len([e for e in machine.events(EventKind.MESSAGE) if not e.cost_reported_nano]) == 1


def test_an_older_database_without_vendors_is_read(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE messages DROP COLUMN provider")
    machine.tool.execute(
        "INSERT INTO messages (id, session_id, role, parts, model, created_at, updated_at)"
        " VALUES ('m1', 's1', 'assistant', ?, 'gpt-4.1', ?, ?)",
        (json.dumps([FINISH]), S, S),
    )
    machine.read()
    assert [(e.model, e.upstream) for e in machine.events(EventKind.MESSAGE)] == [("gpt-4.1", None)]


def test_a_row_that_is_odd_costs_only_itself(machine: Machine) -> None:
    machine.session("s1", 0)
    machine.answer("m1")
    machine.tool.execute(
        "INSERT INTO messages VALUES ('m2', 's1', 'assistant', '{', NULL, 1, 1, NULL, NULL, 0)"
    )
    machine.answer("m3")
    machine.read()
    assert len(machine.events(EventKind.MESSAGE)) == 2
    assert [p.what for p in machine.problems] == ["row 2 of `messages` has no parts or no time"]


def test_another_format_is_told(machine: Machine) -> None:
    machine.tool.execute("ALTER TABLE sessions RENAME COLUMN cost TO price")
    with pytest.raises(SourceChanged, match="`sessions` has no column `cost`"):
        machine.read()


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"projects": {}}', '{"projects": [1, {"path": ""}]}', "\x00"]
)
def test_a_registry_without_projects_has_nothing_to_read(machine: Machine, content: str) -> None:
    (machine.folder / "projects.json").write_text(content)
    assert machine.read() == []


def test_where_the_registry_is_looked_for(home: Path) -> None:
    for root in (home / "global", home / "xdg/crush"):
        root.mkdir(parents=True)
        (root / "projects.json").write_text("{}")

    def found(**environ: str) -> list[tuple[str, ...]]:
        env = Env(home=home, environ=MappingProxyType(environ), now=NOW)
        return [a.flat_roots for a in crush.discover(env)]

    assert found() == []
    assert found(XDG_DATA_HOME=str(home / "xdg")) == [(str(home / "xdg/crush"),)]
    assert found(CRUSH_GLOBAL_DATA=str(home / "global")) == [(str(home / "global"),)]


def test_the_folders_of_projects_are_watched_too(machine: Machine) -> None:
    """Only the registry tells them; a project that was deleted is not watched, and no registry of its own."""
    gone = machine.home / "code/gone"
    machine.register({"path": str(machine.project)}, {"path": str(gone)})
    [account] = crush.discover(Env(home=machine.home, environ=MappingProxyType({}), now=NOW))
    folder = str(machine.project / ".crush")
    assert list(crush.watched(account)) == [folder]
    foreign = machine.project / ".crush/projects.json"
    foreign.write_text(json.dumps({"projects": [{"path": str(machine.home)}]}))
    with_watched = msgspec.structs.replace(account, flat_roots=(*account.flat_roots, folder))
    assert crush.projects(with_watched) == crush.projects(account)
