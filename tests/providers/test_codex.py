"""Codex: raw lines -> records, one test or table row for every rule of counting and every known trap."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import random
import shutil
import uuid
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from openusage.errors import AuthRequired, SourceChanged, SourceUnavailable
from openusage.providers import _jsonl, codex
from openusage.providers._contract import Env
from openusage.providers._patch import patch
from openusage.providers.codex._log import client_class
from openusage.providers.codex._quota import window_name
from openusage.providers.codex._tools import HEAD_BYTES, outcome, tool_name
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    Account,
    AccountFact,
    Behaviour,
    EventKind,
    Outcome,
    QuotaReading,
    Record,
    Scope,
    TokenCounts,
    UsageEvent,
    event_key,
    merge,
)
from openusage.wire.problems import Problem

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
DAY = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
A, B, C = (f"01990000-0000-7000-8000-00000000000{x}" for x in "abc")
MODEL = "gpt-5.2-codex"
Json = dict[str, Any]


# Lines as Codex writes them


def at(seconds: float) -> str:
    text = (DAY + dt.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def us(seconds: float) -> int:
    return round((DAY.timestamp() + seconds) * 1_000_000)


def line(seconds: float, kind: str, payload: Any) -> str:
    return json.dumps({"timestamp": at(seconds), "type": kind, "payload": payload}, separators=(",", ":"))


def meta(seconds: float = 0, session: str = A, **more: Any) -> str:
    known = {"id": session, "cwd": "/home/ann/shop", "originator": "codex_cli_rs", "source": "cli"}
    return line(
        seconds, "session_meta", {**known, "cli_version": "0.120.0", "model_provider": "openai", **more}
    )


def turn(seconds: float = 1, turn_id: str | None = None, model: str | None = MODEL, **more: Any) -> str:
    return line(seconds, "turn_context", {"turn_id": turn_id, "model": model, **more})


def usage(total: tuple[int, ...]) -> Json:
    """(input, cached, output, reasoning)."""
    i, c, o, r = total
    names = (
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "reasoning_output_tokens",
        "total_tokens",
    )
    return dict(zip(names, (i, c, o, r, i + o), strict=True))


def count(seconds: float, total: Any, last: Any = None, limits: Any = None, **more: Any) -> str:
    info: Json = {"total_token_usage": usage(total) if isinstance(total, tuple) else total}
    info["last_token_usage"] = usage(last) if isinstance(last, tuple) else last
    info["model_context_window"] = 272000
    return line(seconds, "event_msg", {"type": "token_count", "info": info, "rate_limits": limits, **more})


def limit_line(seconds: float, limits: Any) -> str:
    return line(seconds, "event_msg", {"type": "token_count", "info": None, "rate_limits": limits})


def prompt(seconds: float, **more: Any) -> str:
    return line(seconds, "event_msg", {"type": "user_message", "message": "please do it", **more})


def call(seconds: float, call_id: str | None, name: str = "shell", **more: Any) -> str:
    payload = {"type": "function_call", "name": name, "arguments": "{}", "call_id": call_id, **more}
    return line(seconds, "response_item", payload)


def result(seconds: float, call_id: str, output: Any = "done", kind: str = "function_call_output") -> str:
    return line(seconds, "response_item", {"type": kind, "call_id": call_id, "output": output})


LONG = "call_0123456789abcdefABCD"


class Machine:
    """A home with a Codex in it, and a store that remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.codex = home / ".codex"
        self.cursors: dict[str, FileCursor] = {}
        self.records: list[Record] = []
        self.problems: list[Problem] = []
        self.now = NOW

    def path(self, session: str = A, day: str = "2026/03/02", archived: bool = False) -> Path:
        folder = self.codex / ("archived_sessions" if archived else f"sessions/{day}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"rollout-2026-03-02T10-00-00-{session}.jsonl"

    def write(self, *lines: str, session: str = A, archived: bool = False) -> Path:
        path = self.path(session, archived=archived)
        path.write_bytes("".join(f"{text}\n" for text in lines).encode("utf-8", "surrogatepass"))
        return path

    def append(self, *lines: str, session: str = A) -> None:
        with self.path(session).open("a") as file:
            file.write("".join(f"{text}\n" for text in lines))

    @property
    def env(self) -> Env:
        return Env(home=self.home, environ=MappingProxyType({}), now=self.now)

    @property
    def account(self) -> Account:
        return next(codex.discover(self.env))

    def read(self) -> list[Record]:
        """What is new; the cursors move on."""
        new: list[Record] = []
        for chunk in codex.read(self.account, dict(self.cursors), self.env):
            new += chunk.records
            self.problems += chunk.problems
            self.cursors.update((c.path, c) for c in chunk.cursors)
            for path in chunk.gone:
                del self.cursors[path]
        self.records += new
        return new

    def events(self, kind: EventKind) -> list[UsageEvent]:
        """All events so far, as a store has them."""
        known: dict[bytes, UsageEvent] = {}
        for r in self.records:
            if isinstance(r, UsageEvent):
                known[r.event_key] = merge(known[r.event_key], r) if r.event_key in known else r
        return sorted((e for e in known.values() if e.kind is kind), key=lambda e: (e.at_us, e.event_key))

    def tokens(self) -> list[TokenCounts]:
        return [e.tokens for e in self.events(EventKind.MESSAGE)]

    def counts(self) -> list[tuple[int, ...]]:
        """(input, cached, output, reasoning) of every message, as Codex would have told them."""
        return [
            (t.prompt, t.cache_read or 0, (t.output or 0) + (t.reasoning or 0), t.reasoning or 0)
            for t in self.tokens()
        ]

    def newest(self) -> dict[str, QuotaReading]:
        found: dict[str, QuotaReading] = {}
        for r in self.records:
            if isinstance(r, QuotaReading) and (r.key not in found or found[r.key].at_us <= r.at_us):
                found[r.key] = r
        return found

    def facts(self) -> dict[str, str]:
        newest: dict[str, AccountFact] = {}
        for r in self.records:
            if isinstance(r, AccountFact) and (r.key not in newest or newest[r.key].at_us <= r.at_us):
                newest[r.key] = r
        return {k: f.value for k, f in newest.items()}


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine(home)


# Where


@pytest.mark.parametrize(
    ("made", "value", "roots"),
    [
        ([".codex/sessions"], None, [".codex/sessions"]),
        ([".codex/archived_sessions"], None, [".codex/archived_sessions"]),
        (
            ["a/sessions", "b/archived_sessions"],
            "{home}/a, {home}/b ,",
            ["a/sessions", "b/archived_sessions"],
        ),
        (["a/sessions", ".codex/sessions"], "~/a", ["a/sessions"]),
        ([".codex/log"], None, None),
    ],
)
def test_homes_are_found_by_variable_or_default(
    home: Path, made: list[str], value: str | None, roots: list[str] | None
) -> None:
    for folder in made:
        (home / folder).mkdir(parents=True)
    environ = {} if value is None else {"CODEX_HOME": value.format(home=home)}
    found = list(codex.discover(Env(home=home, environ=environ, now=NOW)))
    assert [a.roots for a in found] == ([] if roots is None else [tuple(str(home / r) for r in roots)])
    assert all(a.id == "codex-cli" for a in found)


def test_a_login_without_sessions_is_an_account(home: Path) -> None:
    (home / ".codex").mkdir()
    (home / ".codex/auth.json").write_text("{}")
    assert [a.roots for a in codex.discover(Env(home=home, environ={}, now=NOW))] == [(str(home / ".codex"),)]


# Counting


def test_a_message_is_a_step_of_the_counter_in_disjoint_buckets(machine: Machine) -> None:
    machine.write(meta(), turn(), count(5, (5000, 4000, 200, 64), (5000, 4000, 200, 64)))
    machine.read()
    (event,) = machine.events(EventKind.MESSAGE)
    assert event == UsageEvent(
        provider="codex",
        account="codex-cli",
        at_us=us(5),
        kind=EventKind.MESSAGE,
        event_key=event_key("codex", f"{A}:5000:200:4000"),
        tokens=TokenCounts(input=1000, output=136, cache_read=4000, reasoning=64),
        model=MODEL,
        upstream="openai",
        client="CLI",
        project="shop",
        session=A,
    )
    assert event.tokens.total == 5200


S1, S2, S3 = (5000, 4000, 200, 64), (5500, 4900, 220, 36), (6500, 5100, 80, 20)
T1, T2, T3 = S1, (10500, 8900, 420, 100), (17000, 14000, 500, 120)
OVER = {"total_tokens": 272000}
ONLY_TOTAL = {"total_tokens": 9000}

COUNTING: dict[str, tuple[list[str], list[tuple[int, ...]]]] = {
    "1: the same counter again, with stale last and new time": (
        [count(1, T1, S1), count(2, T1, S1), count(3, T2, S2), count(4, T2, S2), count(9, T2, S2)],
        [S1, S2],
    ),
    "2: the difference counts, not last": (
        [count(1, T1, S1), count(2, T3, S3)],
        [S1, (12000, 10000, 300, 56)],
    ),
    "2: a first counter with last starts from the difference": ([count(1, T3, S3)], [S3]),
    "2: a first counter without last counts whole": ([count(1, T2)], [T2]),
    "2: a first counter that last does not fit into counts whole": ([count(1, T1, S2)], [T1]),
    "2: a first counter after a compaction is no usage": ([count(1, T2, ONLY_TOTAL), count(2, T3, S3)], [S3]),
    "3: a counter that fell is a new baseline, last counts": (
        [count(1, T3, S3), count(2, S1, S1), count(3, T2, S2)],
        [S3, S1, S2],
    ),
    "3: a counter that fell below last counts nothing": (
        [count(1, T3, S3), count(2, (100, 0, 10, 0), S3), count(3, (300, 0, 30, 0), (200, 0, 20, 0))],
        [S3, (200, 0, 20, 0)],
    ),
    "3: output alone that falls is a fall": (
        [count(1, (100, 0, 50, 0), (100, 0, 50, 0)), count(2, (400, 0, 10, 0), (300, 0, 10, 0))],
        [(100, 0, 50, 0), (300, 0, 10, 0)],
    ),
    "3: an overflowing context is no usage": (
        [count(1, T1, S1), count(2, OVER, S1), count(3, OVER, OVER), count(4, S2, S2)],
        [S1, S2],
    ),
    "3: an estimate after a compaction is no usage": (
        [count(1, T1, S1), count(2, {**usage(T1), "total_tokens": 1}, ONLY_TOTAL), count(3, T2, S2)],
        [S1, S2],
    ),
    "3: only the total moved": ([count(1, T1, S1), count(2, {**usage(T1), "total_tokens": 9})], [S1]),
    "3: cached alone that falls takes nothing back": (
        [count(1, T1, S1), count(2, (6000, 3000, 210, 64), (1000, 0, 10, 0))],
        [S1, (1000, 0, 10, 0)],
    ),
    "4: the first versions had no counter": (
        [count(1, None, S1), count(2, None, S2), limit_line(3, None), count(4, None, None)],
        [S1, S2],
    ),
    "4: info without anything": ([line(1, "event_msg", {"type": "token_count", "info": {}})], []),
    "7: cached cannot be more than input": ([count(1, (100, 300, 10, 0))], [(100, 100, 10, 0)]),
    "7: reasoning cannot be more than output": ([count(1, (100, 0, 10, 30))], [(100, 0, 10, 10)]),
    "12: what is no usage": (
        [
            line(1, "compacted", {"message": "x"}),
            line(2, "event_msg", {"type": "agent_reasoning", "text": "x"}),
        ],
        [],
    ),
}


@pytest.mark.parametrize("rule", COUNTING)
def test_counting(machine: Machine, rule: str) -> None:
    lines, expected = COUNTING[rule]
    machine.write(meta(), turn(), *lines)
    machine.read()
    assert machine.counts() == expected
    assert machine.problems == []


def test_cache_writes_are_inside_input_and_five_minute_ones(machine: Machine) -> None:
    machine.write(meta(), count(1, {**usage((1000, 600, 50, 0)), "cache_write_input_tokens": 300}))
    machine.read()
    assert machine.tokens() == [TokenCounts(100, 50, 600, 300, None, 0)]


def test_what_is_not_reported_is_not_zero(machine: Machine) -> None:
    machine.write(meta(), count(1, {"input_tokens": 10, "output_tokens": 5}))
    machine.read()
    assert machine.tokens() == [TokenCounts(input=10, output=5)]


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        ([count(1, T1, S1)], None),
        ([turn(0), count(1, T1, S1)], MODEL),
        ([turn(0), turn(0.5, model="gpt-5.2"), count(1, T1, S1)], "gpt-5.2"),
        ([turn(0), turn(0.5, model=None), count(1, T1, S1)], MODEL),
        ([turn(0), count(1, T1, S1, model="a")], "a"),
        ([turn(0), count(1, T1, S1, model_name="b")], "b"),
        ([turn(0), count(1, T1, S1, metadata={"model": "c"})], "c"),
        (
            [
                turn(0),
                line(
                    1,
                    "event_msg",
                    {"type": "token_count", "info": {"total_token_usage": usage(T1), "model": "d"}},
                ),
            ],
            "d",
        ),
    ],
)
def test_the_model_is_the_lines_own_or_the_turns(
    machine: Machine, lines: list[str], model: str | None
) -> None:
    machine.write(meta(), *lines)
    machine.read()
    assert [e.model for e in machine.events(EventKind.MESSAGE)] == [model]


# Responses with the vendor's id


def response(seconds: float, used: Any, response_id: str | None, whole: Any = None, **more: Any) -> str:
    payload = {"thread_id": A, "response_id": response_id, "usage": usage(used), **more}
    if whole:
        payload["thread_token_usage"] = usage(whole)
    return line(seconds, "token_usage_record", payload)


R1, R2, R3 = (f"resp_{n}" * 3 for n in "123")


@pytest.mark.parametrize(
    "lines",
    [
        [response(1, S1, R1, T1), count(1.1, T1, S1), response(2, S2, R2, T2), count(2.1, T2, S2)],
        [count(1, T1, S1), response(1.1, S1, R1, T1), count(2, T2, S2), response(2.1, S2, R2, T2)],
        [count(1, T1, S1), response(1.1, S1, R1), count(2, T2, S2), response(2.1, S2, R2)],
        [response(1, S1, R1), response(1, S1, R1), response(2, S2, R2), count(2, T2, S2), count(3, T2, S2)],
        [count(1, T1, S1), turn(1.5, "turn-of-a-newer-version"), response(2, S2, R2, T2), count(2.1, T2, S2)],
        [
            response(1, S1, R1, T1),
            count(1.1, T1, S1),
            turn(1.5, "turn-of-an-older-version"),
            count(2, T2, S2),
        ],
        [
            response(1, S1, R1, T1),
            count(1.1, T1, S1),
            turn(1.5, "next"),
            count(2, T2, S2),
            response(2.1, S2, R2, T2),
        ],
    ],
    ids=[
        "records first",
        "counters first",
        "without totals",
        "repeated",
        "upgraded",
        "downgraded",
        "next turn",
    ],
)
def test_a_response_and_its_counter_are_one_message(machine: Machine, lines: list[str]) -> None:
    machine.write(meta(), turn(), *lines)
    machine.read()
    assert machine.counts() == [S1, S2]


def test_a_response_without_a_counter_counts_too(machine: Machine) -> None:
    """A compaction on the vendor's side is used, and no counter tells of it."""
    machine.write(meta(), turn(), response(1, S1, R1, T1), count(1.1, T1, S1), response(2, S2, R2))
    machine.read()
    assert machine.counts() == [S1, S2]
    assert machine.events(EventKind.MESSAGE)[0].event_key == event_key("codex", "response", R1)


def test_two_responses_that_use_the_same_are_two(machine: Machine) -> None:
    """Also when the second begins a turn: the counter before it told of the first."""
    lines = [response(1, S1, R1, T1), count(1.1, T1, S1), turn(2, "next")]
    machine.write(meta(), turn(), *lines, response(3, S1, R2), response(3, S1, R2))
    machine.read()
    assert machine.counts() == [S1, S1]


def test_a_parents_response_is_not_the_sub_agents(machine: Machine) -> None:
    """Even when only the copy is left."""
    machine.write(
        *(meta(60, B, source=SPAWN), meta(60, A), turn(60), response(60, S1, R1, T1)),
        *(turn(62, "own"), response(63, S2, R2, T2, thread_id=B)),
        session=B,
    )
    machine.read()
    found = [(e.session, e.agent) for e in machine.events(EventKind.MESSAGE)]
    assert found == [(A, None), (B, "explorer")]


def test_a_fork_carries_its_parents_responses_under_the_same_keys(machine: Machine) -> None:
    machine.write(meta(), turn(), response(1, S1, R1, T1), response(2, S2, R2, T2))
    fork = [
        meta(60, B, forked_from_id=A),
        meta(60, A),
        turn(60),
        response(60, S1, R1, T1),
        response(60, S2, R2, T2),
    ]
    machine.write(*fork, turn(62, "own"), response(63, S3, R3, T3, thread_id=B), session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]
    assert [e.session for e in machine.events(EventKind.MESSAGE)] == [A, A, B]
    assert [e.at_us for e in machine.events(EventKind.MESSAGE)] == [us(1), us(2), us(63)]


# Forks and sub-agents

PARENT = [meta(), turn(), count(5, T1, S1), count(6, T1, S1), count(10, T2, S2)]
SPAWN = {"subagent": {"thread_spawn": {"parent_thread_id": A, "depth": 1, "agent_role": "explorer"}}}
OWN = [turn(70, "own-turn"), count(75, T3, S3)]


def child(*replay: str, **more: Any) -> list[str]:
    return [meta(60, B, **more), meta(60.002, A), turn(60.003), *replay, *OWN]


REPLAY = [count(60.01, T1, S1), count(60.02, T2, S2)]
SLOW_REPLAY = [count(60.9, T1, S1), count(62.1, T2, S2)]
OLD_TIMES = [count(5, T1, S1), count(6, T1, S1), count(10, T2, S2)]


@pytest.mark.parametrize("marker", [{"forked_from_id": A}, {"source": SPAWN}, {"parent_thread_id": A}])
@pytest.mark.parametrize("replay", [REPLAY, SLOW_REPLAY, OLD_TIMES], ids=["burst", "slow", "old times"])
@pytest.mark.parametrize("where", ["active", "archived", "packed", "packed archived"])
def test_replayed_counters_are_the_parents(
    machine: Machine, marker: Json, replay: list[str], where: str
) -> None:
    parent = machine.write(*PARENT, archived="archived" in where)
    if "packed" in where:
        _pack(parent)
    machine.write(*child(*replay, **marker), session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]
    assert [e.session for e in machine.events(EventKind.MESSAGE)] == [A, A, B]


def test_a_child_may_be_read_before_its_parent(machine: Machine) -> None:
    """Names sort by their beginning; a clock that was set back must not matter."""
    machine.write(*child(*SLOW_REPLAY, forked_from_id=C), session=B)
    machine.write(*[text.replace(A, C) for text in PARENT], session=C)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_a_parent_read_long_ago_is_still_known(machine: Machine) -> None:
    machine.write(*PARENT)
    machine.read()
    machine.write(*child(*SLOW_REPLAY, forked_from_id=A), session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_a_parent_that_is_found_after_the_childs_first_counter(machine: Machine) -> None:
    """A home that is copied while we read it."""
    whole = child(*SLOW_REPLAY, forked_from_id=A)
    machine.write(*whole[:4], session=B)
    machine.read()
    machine.write(*PARENT)
    machine.append(*whole[4:], session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_a_parent_that_goes_on_in_the_pass_that_finds_its_child(machine: Machine) -> None:
    machine.write(*PARENT[:3])
    machine.read()
    machine.append(*PARENT[3:])
    machine.write(*child(*SLOW_REPLAY, forked_from_id=A), session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_a_parent_that_comes_while_its_replay_is_read(machine: Machine) -> None:
    """Copied in the wrong order: the replay goes on where it was, by the parent's counters from then on."""
    machine.write(*child(*REPLAY, forked_from_id=A)[: -len(OWN)], session=B)
    machine.read()
    machine.write(*PARENT)
    machine.append(count(60.03, T3, S3), *OWN, session=B)
    machine.append(count(50, T3, S3))
    machine.read()
    assert sorted(machine.counts()) == sorted([S1, S2, S3])


def test_a_parent_that_went_on_after_the_fork(machine: Machine) -> None:
    machine.write(*PARENT, count(90, (20000, 15000, 600, 130), (9500, 6100, 180, 30)))
    machine.write(*child(*SLOW_REPLAY, forked_from_id=A), session=B)
    machine.read()
    assert sorted(machine.counts()) == sorted([S1, S2, S3, (9500, 6100, 180, 30)])


def test_a_fork_of_a_fork(machine: Machine) -> None:
    machine.write(*PARENT)
    machine.write(*child(*SLOW_REPLAY, forked_from_id=A), session=B)
    grandchild = [
        meta(100, C, forked_from_id=B),
        meta(100, B),
        count(100.9, T1, S1),
        count(101, T2, S2),
        count(102, T3, S3),
    ]
    machine.write(*grandchild, count(110, (18000, 14500, 550, 120), (1000, 500, 50, 0)), session=C)
    machine.read()
    assert machine.counts() == [S1, S2, S3, (1000, 500, 50, 0)]


def test_two_sub_agents_may_do_the_same(machine: Machine) -> None:
    machine.write(*PARENT)
    for session in (B, C):
        machine.write(*[text.replace(B, session) for text in child(*REPLAY, source=SPAWN)], session=session)
    machine.read()
    assert machine.counts() == [S1, S2, S3, S3]
    assert [e.agent for e in machine.events(EventKind.MESSAGE)] == [None, None, "explorer", "explorer"]


def test_a_sub_agent_without_a_replay_counts_whole(machine: Machine) -> None:
    machine.write(*PARENT)
    machine.write(
        meta(60, B, source=SPAWN),
        turn(61),
        count(62, S3, S3),
        count(62.5, (7500, 5200, 90, 20), (1000, 100, 10, 0)),
        session=B,
    )
    machine.read()
    assert machine.counts() == [S1, S2, S3, (1000, 100, 10, 0)]


def test_a_thread_that_goes_on_from_an_old_total(machine: Machine) -> None:
    """Resumed without its lines: the counter starts high, only `last` is new."""
    machine.write(*PARENT)
    machine.write(meta(60, B, forked_from_id=A), turn(61), count(65, T3, S3), session=B)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        (REPLAY, [S3]),
        ([count(60.9, T1, S1), count(61.1, T2, S2)], [S1, S2, S3]),
        ([], [S3]),
        ([count(60.01, T1, S1), count(60.5, T1, S1), count(60.9, T2, S2)], [S3]),
    ],
    ids=["one second", "two seconds", "none", "repeated"],
)
def test_a_deleted_parent_leaves_the_rule_of_one_second(
    machine: Machine, replay: list[str], expected: list[tuple[int, ...]]
) -> None:
    machine.write(
        *child(*replay, forked_from_id=A), count(80, (18000, 14500, 550, 120), (1000, 500, 50, 0)), session=B
    )
    machine.read()
    assert machine.counts() == [*expected, (1000, 500, 50, 0)]


def test_a_single_counter_of_an_orphan_waits_until_its_file_is_still(machine: Machine) -> None:
    path = machine.write(meta(60, B, source=SPAWN), turn(61), count(65, S3, S3), session=B)
    _touch(path, NOW)
    machine.read()
    assert machine.counts() == []
    machine.now = NOW + dt.timedelta(hours=1)
    machine.read()
    assert machine.counts() == [S3]
    assert machine.read() == []
    machine.append(count(66, (7500, 5200, 90, 20), (1000, 100, 10, 0)), session=B)
    machine.read()
    assert machine.counts() == [S3, (1000, 100, 10, 0)]


def test_without_a_marker_nothing_is_skipped(machine: Machine) -> None:
    machine.write(meta(), turn(), count(1, T1, S1), count(1.1, T2, S2), count(1.2, T3, S3))
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_the_first_meta_is_the_identity(machine: Machine) -> None:
    machine.write(*PARENT)
    machine.write(*child(*REPLAY, forked_from_id=A, cwd="/home/b/fork", originator="codex_vscode"), session=B)
    machine.read()
    own = machine.events(EventKind.MESSAGE)[-1]
    assert (own.session, own.project, own.client) == (B, "fork", "IDE")


def test_replayed_limits_do_not_pass_for_new_ones(machine: Machine) -> None:
    machine.write(meta(), turn(), count(5, T1, S1, _limits(12)), count(50, T2, S2, _limits(40)))
    machine.write(
        meta(60, B, forked_from_id=A),
        meta(60, A),
        limit_line(60, _limits(1)),
        count(60.9, T1, S1, _limits(12)),
        session=B,
    )
    machine.read()
    assert machine.newest()["rate_limit_primary"].used == 40


def test_calls_and_turns_of_a_replay_count_once(machine: Machine) -> None:
    work = [turn(1, "01990000-turn-of-the-parent"), prompt(1.1), call(2, LONG), result(3, LONG)]
    machine.write(meta(), *work, count(5, T1, S1))
    machine.write(
        *(meta(60, B, forked_from_id=A), meta(60, A), turn(60, "01990000-turn-of-the-parent"), prompt(60.01)),
        *(call(60.1, LONG), result(60.2, LONG), count(60.3, T1, S1)),
        session=B,
    )
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [us(1.1)]
    assert [(e.at_us, e.session) for e in machine.events(EventKind.TOOL)] == [(us(2), A)]


# Tools and turns

OUTPUTS: list[tuple[Any, Outcome]] = [
    ("Exit code: 0\nWall time: 1 seconds\nOutput:\nerror: error", Outcome.OK),
    ("Exit code: 101\nWall time: 1 seconds\nOutput:\nfine", Outcome.ERROR),
    ("Exit code: -1", Outcome.ERROR),
    ("Chunk ID: ab\nWall time: 0.2 seconds\nProcess exited with code 0\nOutput:\nx", Outcome.OK),
    ("Chunk ID: ab\nWall time: 0.2 seconds\nProcess exited with code 2\nOutput:\nx", Outcome.ERROR),
    ("Wall time: 0.2 seconds\nProcess running with session ID 7\nOutput:\nExit code: 3", Outcome.OK),
    ("Process exited with code 127", Outcome.ERROR),
    ("it says Exit code: 1 in its text", Outcome.OK),
    ("error", Outcome.OK),
    ("", Outcome.OK),
    ("aborted by user after 3.2s", Outcome.ABORTED),
    ("aborted", Outcome.ABORTED),
    ("Cancelled", Outcome.ABORTED),
    ("Wall time: 3.2 seconds\naborted by user", Outcome.ABORTED),
    ("the flight was cancelled", Outcome.OK),
    ("failed to parse function arguments: missing field", Outcome.ERROR),
    ("unsupported call: foo", Outcome.ERROR),
    ("apply_patch verification failed: no such file", Outcome.ERROR),
    ('{"output":"fine","metadata":{"exit_code":0,"duration_seconds":0.1}}', Outcome.OK),
    ('{"output":"fine","metadata":{"exit_code":7,"duration_seconds":0.1}}', Outcome.ERROR),
    ('{"metadata":{"exit_code":7},"output":"fine"}', Outcome.ERROR),
    ('{"output":"aborted by user"}', Outcome.ABORTED),
    ('{"output":"' + "x" * 90000 + '","metadata":{"exit_code":7}}', Outcome.ERROR),
    ("x" * 90000 + "Exit code: 1", Outcome.OK),
    ({"content": "fine", "success": True}, Outcome.OK),
    ({"content": "fine", "success": False}, Outcome.ERROR),
    ({"exit_code": 3, "output": "x"}, Outcome.ERROR),
    ({"output": "x", "metadata": {"exit_code": 0}}, Outcome.OK),
    ({"output": "x", "exit_code": "no number"}, Outcome.OK),
    ([{"type": "input_text", "text": "Exit code: 4"}], Outcome.ERROR),
    ([{"type": "input_text", "text": "fine"}, {"type": "input_image", "image_url": "data:"}], Outcome.OK),
    ([], Outcome.OK),
    (None, Outcome.OK),
    (17, Outcome.OK),
]


@pytest.mark.parametrize("layout", ["as written", "spaces", "other order"])
def test_an_outcome_is_what_codex_says_not_what_the_output_says(machine: Machine, layout: str) -> None:
    lines = [meta(), turn()]
    for n, (output, _) in enumerate(OUTPUTS):
        text = result(n + 0.5, f"{LONG}{n}", output)
        if layout == "spaces":
            text = json.dumps(json.loads(text), indent=1).replace("\n", "")
        elif layout == "other order":
            whole = json.loads(text)
            whole["payload"] = dict(reversed(whole["payload"].items()))
            text = json.dumps(dict(reversed(whole.items())))
        lines += [call(n, f"{LONG}{n}"), text]
    machine.write(*lines)
    machine.read()
    found = [e.outcome for e in machine.events(EventKind.TOOL)]
    assert list(zip(OUTPUTS, found, strict=True)) == [(row, row[1]) for row in OUTPUTS]


def test_the_outcome_of_a_call_is_not_taken_from_the_next_line() -> None:
    data = b'"x"\n"Exit code: 1"\n'
    assert outcome(data, 0, 3) is Outcome.OK
    assert outcome(b'"' + b" " * HEAD_BYTES + b'Exit code: 1"', 0, HEAD_BYTES + 14) is Outcome.OK


@pytest.mark.parametrize(
    ("payload", "tool"),
    [
        ({"type": "function_call", "name": "shell"}, "shell"),
        ({"type": "function_call", "name": "mcp__github__search"}, "mcp__github__search"),
        ({"type": "function_call", "name": "github__search"}, "mcp__github__search"),
        ({"type": "function_call", "name": "search", "namespace": "mcp__github__"}, "mcp__github__search"),
        ({"type": "function_call", "name": "search", "namespace": "mcp__github"}, "mcp__github__search"),
        ({"type": "function_call", "name": "search", "namespace": "github"}, "mcp__github__search"),
        ({"type": "function_call", "name": "my_search", "namespace": ""}, "my_search"),
        ({"type": "custom_tool_call", "name": "apply_patch", "input": "x"}, "apply_patch"),
        ({"type": "local_shell_call", "action": {"type": "exec"}}, "local_shell"),
        ({"type": "tool_search_call", "arguments": {}}, "tool_search"),
        ({"type": "function_call", "name": None}, "function"),
    ],
)
def test_tool_names(machine: Machine, payload: Json, tool: str) -> None:
    machine.write(meta(), turn(), line(2, "response_item", {**payload, "call_id": LONG}), result(3, LONG))
    machine.read()
    (event,) = machine.events(EventKind.TOOL)
    assert (event.tool, event.outcome, event.at_us, event.model) == (tool, Outcome.OK, us(2), MODEL)
    assert event.tokens.total == 0


def test_a_name_that_begins_with_its_server_is_not_doubled() -> None:
    assert tool_name("mcp__github__search", "mcp__github__") == "mcp__github__search"


def test_a_call_without_an_output_counts_and_gets_its_outcome_later(machine: Machine) -> None:
    machine.write(meta(), turn(), call(2, LONG))
    machine.read()
    assert [e.outcome for e in machine.events(EventKind.TOOL)] == [None]
    assert machine.read() == []
    machine.append(result(9, LONG, "Exit code: 1"))
    machine.read()
    assert [(e.outcome, e.at_us) for e in machine.events(EventKind.TOOL)] == [(Outcome.ERROR, us(2))]


def test_a_call_that_is_told_twice_is_dated_by_its_first_line(machine: Machine) -> None:
    machine.write(meta(), turn(), call(2, LONG), call(3, LONG), result(4, LONG), call(5, LONG))
    machine.read()
    assert [(e.at_us, e.outcome) for e in machine.events(EventKind.TOOL)] == [(us(2), Outcome.OK)]


def test_calls_that_never_end_are_counted_and_forgotten(machine: Machine) -> None:
    machine.write(meta(), turn(), *(call(n / 10, f"{LONG}{n}") for n in range(300)))
    path = machine.path()
    machine.read()
    assert len(machine.events(EventKind.TOOL)) == 300
    assert len(machine.cursors[str(path)].state) < 20_000


def test_short_call_ids_belong_to_their_session(machine: Machine) -> None:
    """Local models number their calls from one in every session."""
    for session in (A, B):
        machine.write(meta(0, session), turn(), call(2, "call_1"), result(3, "call_1"), session=session)
    machine.read()
    assert len(machine.events(EventKind.TOOL)) == 2


def test_calls_without_an_id_are_told_apart_by_their_line(machine: Machine) -> None:
    search = line(
        2, "response_item", {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    )
    machine.write(meta(), turn(), search, search, call(3, None), call(3, None))
    machine.read()
    assert [e.tool for e in machine.events(EventKind.TOOL)].count("web_search") == 2
    assert len(machine.events(EventKind.TOOL)) == 4


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ({"type": "search", "query": "q"}, "completed", (1, None, Outcome.OK)),
        ({"type": "open_page", "url": "u"}, "completed", (None, 1, Outcome.OK)),
        ({"type": "find_in_page"}, "failed", (None, None, Outcome.ERROR)),
        (None, None, (1, None, None)),
    ],
)
def test_web_searches_and_fetches(
    machine: Machine, action: Any, status: Any, expected: tuple[Any, ...]
) -> None:
    machine.write(
        meta(),
        line(
            2, "response_item", {"type": "web_search_call", "id": "ws_1", "status": status, "action": action}
        ),
    )
    machine.read()
    (event,) = machine.events(EventKind.TOOL)
    assert (event.web_searches, event.web_fetches, event.outcome) == expected


PATCH = """*** Begin Patch
*** Update File: src/cart.py
@@ def total():
-    return 0
+    a = 1
+    return a
 unchanged
*** Add File: docs/notes.md
+one
*** Delete File: old.go
*** End Patch
+ not a part of it
"""


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "custom_tool_call", "name": "apply_patch", "input": PATCH},
        {"type": "function_call", "name": "apply_patch", "arguments": json.dumps({"input": PATCH})},
        {
            "type": "function_call",
            "name": "shell",
            "arguments": json.dumps({"command": ["apply_patch", PATCH]}),
        },
        {
            "type": "function_call",
            "name": "exec_command",
            "arguments": json.dumps({"cmd": f"cd x && apply_patch <<'EOF'\n{PATCH}EOF\n"}),
        },
        {"type": "local_shell_call", "action": {"type": "exec", "command": ["apply_patch", PATCH]}},
    ],
)
def test_a_patch_tells_lines_language_and_file(machine: Machine, payload: Json) -> None:
    machine.write(
        meta(),
        turn(),
        line(2, "response_item", {**payload, "call_id": LONG}),
        result(3, LONG, "Exit code: 0"),
    )
    machine.read()
    (event,) = machine.events(EventKind.TOOL)
    assert (event.lines_added, event.lines_removed, event.language) == (3, 1, "python")
    whole = patch(PATCH, "/home/ann/shop")
    assert whole is not None
    assert event.file_key == whole.file_key


def test_the_same_file_has_the_same_key_however_it_is_named() -> None:
    named = [
        patch(f"*** Begin Patch\n*** Add File: {p}\n+x\n*** End Patch", "/w/shop")
        for p in ("a.py", "./b/../a.py", "/w/shop/a.py")
    ]
    assert len({p.file_key for p in named if p}) == 1


def test_a_refused_patch_changed_nothing(machine: Machine) -> None:
    custom = {"type": "custom_tool_call", "name": "apply_patch", "input": PATCH, "call_id": LONG}
    machine.write(
        meta(),
        line(2, "response_item", custom),
        result(3, LONG, "patch rejected by user", "custom_tool_call_output"),
    )
    machine.read()
    (event,) = machine.events(EventKind.TOOL)
    assert (event.outcome, event.lines_added, event.file_key, event.language) == (
        Outcome.ABORTED,
        None,
        None,
        "python",
    )


def test_a_turn_counts_once_with_or_without_an_id(machine: Machine) -> None:
    machine.write(
        *(
            meta(),
            prompt(1),
            prompt(1.5, kind="environment_context"),
            turn(2, "01990000-turn-with-an-id"),
            prompt(3),
        ),
        *(prompt(4), turn(5, "01990000-another-turn-id"), prompt(6), turn(7, None), prompt(8), prompt(9)),
    )
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.TURN)] == [us(s) for s in (1, 3, 6, 8, 9)]


def test_turns_numbered_in_their_thread_are_told_apart(machine: Machine) -> None:
    for session in (A, B):
        machine.write(meta(0, session), turn(1, "7"), prompt(2), session=session)
    machine.read()
    assert len(machine.events(EventKind.TURN)) == 2


@pytest.mark.parametrize(
    ("originator", "source", "expected"),
    [
        ("codex_cli_rs", "cli", "CLI"),
        ("codex-tui", "cli", "CLI"),
        ("codex_vscode", "vscode", "IDE"),
        ("codex_exec", "exec", "Exec"),
        ("Codex Desktop", "vscode", "Desktop App"),
        ("codex_cli_rs", SPAWN, "CLI"),
        ("", "exec", "Exec"),
        ("", "mcp", "Other"),
        ("my_wrapper", {"subagent": "review"}, "Other"),
        ("", None, "Other"),
    ],
)
def test_client_classes(originator: str, source: Any, expected: str) -> None:
    assert client_class(originator, source) == expected


@pytest.mark.parametrize(
    ("more", "agent"),
    [
        ({"source": "cli"}, None),
        ({"source": {"subagent": "review"}}, "review"),
        ({"source": SPAWN}, "explorer"),
        ({"source": {"subagent": {"thread_spawn": {"parent_thread_id": C, "agent_role": None}}}}, "subagent"),
        ({"source": {"subagent": {"other": "guardian"}}}, "subagent"),
        ({"source": {"something": "new"}}, None),
        ({"source": 7}, None),
        ({"parent_thread_id": C, "agent_role": "worker"}, "worker"),
        ({"forked_from_id": C}, None),
    ],
)
def test_sub_agents_by_their_source(machine: Machine, more: Json, agent: str | None) -> None:
    machine.write(meta(**more), turn(), count(1, T1, S1), count(5, T2, S2))
    machine.read()
    assert {e.agent for e in machine.events(EventKind.MESSAGE)} == {agent}


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/home/ann/shop", "shop"),
        ("/home/ann/shop/", "shop"),
        ("C:\\work\\shop", "shop"),
        ("/", None),
        ("", None),
        (None, None),
    ],
)
def test_the_project_is_the_last_part_of_the_directory(
    machine: Machine, cwd: str | None, project: str | None
) -> None:
    machine.write(meta(cwd=cwd), count(1, T1, S1))
    machine.read()
    assert [e.project for e in machine.events(EventKind.MESSAGE)] == [project]


def test_the_upstream_is_the_model_provider(machine: Machine) -> None:
    machine.write(meta(model_provider="azure"), count(1, T1, S1))
    machine.write(meta(session=B, model_provider=None), count(1, T1, S1), session=B)
    machine.read()
    assert {e.upstream for e in machine.events(EventKind.MESSAGE)} == {"azure", "openai"}


# Figures


def _limits(used: float, **more: Any) -> Json:
    return {
        "primary": {"used_percent": used, "window_minutes": 300, "resets_at": us(9000) // 1_000_000},
        "secondary": {
            "used_percent": used / 2,
            "window_minutes": 10080,
            "resets_at": us(400000) // 1_000_000,
        },
        **more,
    }


def test_limits_come_with_window_and_reset(machine: Machine) -> None:
    machine.write(meta(), count(5, T1, S1, _limits(12.0, plan_type="plus")))
    machine.read()
    found = machine.newest()
    assert found["rate_limit_primary"] == QuotaReading(
        provider="codex",
        account="codex-cli",
        key="rate_limit_primary",
        at_us=us(5),
        unit="%",
        window="5h",
        used=12.0,
        limit=100.0,
        remaining=88.0,
        resets_at_us=us(9000),
        behaviour=Behaviour.CAP,
        scope=Scope.ACCOUNT,
    )
    assert (found["rate_limit_secondary"].window, found["rate_limit_secondary"].used) == ("7d", 6.0)
    assert machine.facts()["plan_type"] == "plus"
    assert machine.facts()["rate_limit_source"] == "session"
    assert machine.facts()["cli_version"] == "0.120.0"


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"used_percent": 5, "window_minutes": 10080}, ("7d", 5.0, None)),
        ({"used_percent": 5, "window_minutes": 299, "resets_in_seconds": 60}, ("5h", 5.0, us(65))),
        ({"used_percent": "7.5", "window_minutes": "300"}, ("5h", 7.5, None)),
        ({"used_percent": 5, "window_minutes": None}, ("5h", 5.0, None)),
        ({"used_percent": 5, "window_minutes": None, "resets_in_seconds": 400000}, ("7d", 5.0, us(400005))),
        ({"used_percent": 5, "window_minutes": 0}, ("5h", 5.0, None)),
        ({"used_percent": 5, "window_minutes": 43200}, ("30d", 5.0, None)),
        ({"remaining_percent": 30, "window_minutes": 60}, ("1h", 70.0, None)),
        ({"used_percent": 120, "window_minutes": 300, "resets_at": "soon"}, ("5h", 120.0, None)),
        ({"used_percent": None, "window_minutes": 300}, None),
        ({"used_percent": True}, None),
        ({}, None),
        (None, None),
        ("x", None),
        ([], None),
    ],
)
def test_windows_of_every_shape(machine: Machine, window: Any, expected: Any) -> None:
    machine.write(meta(), limit_line(5, {"primary": window, "secondary": None}))
    machine.read()
    found = machine.newest().get("rate_limit_primary")
    assert (found and (found.window, found.used, found.resets_at_us)) == expected
    assert machine.problems == []


def test_window_names_by_duration() -> None:
    names = {299: "5h", 300: "5h", 10079: "7d", 10080: "7d", 1440: "1d", 60: "1h", 45: "45m", 90: "90m"}
    assert {m: window_name(m) for m in names} == names


def test_another_models_limit_does_not_overwrite_the_plans(machine: Machine) -> None:
    other = _limits(99, limit_id="codex_bengalfox", limit_name="GPT-5.3-Codex-Spark")
    machine.write(
        meta(), limit_line(5, _limits(12, limit_id="codex")), limit_line(6, other), limit_line(4, _limits(1))
    )
    machine.read()
    found = machine.newest()
    assert found["rate_limit_primary"].used == 12
    assert found["rate_limit_gpt_5_3_codex_spark_primary"].used == 99


def test_only_the_newest_figure_of_a_chunk_is_told(machine: Machine) -> None:
    lines = [count(n, (1000 * n, 0, 10 * n, 0), (1000, 0, 10, 0), _limits(n)) for n in range(1, 60)]
    machine.write(meta(), *lines, limit_line(60, {"primary": None, "secondary": None, "plan_type": "pro"}))
    readings = [r for r in machine.read() if isinstance(r, QuotaReading)]
    assert len({r.key for r in readings}) == len(readings)
    assert machine.newest()["rate_limit_primary"].used == 59
    assert machine.facts()["plan_type"] == "pro"


@pytest.mark.parametrize(
    ("credits", "balance", "word"),
    [
        ({"has_credits": True, "unlimited": False, "balance": "12.50"}, 12.5, "available"),
        ({"has_credits": True, "unlimited": False, "balance": 3}, 3.0, "available"),
        ({"has_credits": False, "unlimited": False, "balance": None}, None, "none"),
        ({"has_credits": True, "unlimited": True, "balance": "n/a"}, None, "unlimited"),
        ({"balance": "NaN"}, None, "none"),
        (None, None, None),
        ("x", None, None),
    ],
)
def test_credits_of_every_shape(
    machine: Machine, credits: Any, balance: float | None, word: str | None
) -> None:
    """A balance is a text in session files: neither it nor the tokens of its line may get lost."""
    machine.write(meta(), count(5, T1, S1, _limits(1, credits=credits)))
    machine.read()
    found = machine.newest().get("credit_balance")
    assert (found and found.remaining) == balance
    assert found is None or (found.unit, found.behaviour) == ("USD", Behaviour.BALANCE)
    assert machine.facts().get("credits") == word
    assert machine.counts() == [S1]


def test_session_totals_are_the_newest_sessions(machine: Machine) -> None:
    machine.write(meta(), count(500, T3, S3))
    machine.write(meta(session=B), count(5, T1, S1), session=B)
    machine.read()
    found = machine.newest()
    session = {k: r.used for k, r in found.items() if k.startswith("session_")}
    assert session == {
        "session_input_tokens": 17000,
        "session_output_tokens": 500,
        "session_cached_tokens": 14000,
        "session_reasoning_tokens": 120,
        "session_total_tokens": 17500,
    }
    context = found["context_window"]
    assert (context.used, context.limit, context.remaining) == (6580, 272000, 265420)
    assert {r.scope for k, r in found.items()} == {Scope.MACHINE}


# Traps


def test_a_line_with_odd_fields_keeps_its_usage(machine: Machine) -> None:
    odd = {
        "input_tokens": "5000",
        "cached_input_tokens": 4000.0,
        "output_tokens": 200,
        "reasoning_output_tokens": [1],
    }
    machine.write(
        meta(source={"subagent": {"thread_spawn": "?"}}, cli_version=7, cwd=["x"]),
        turn(turn_id=None, cwd=5),
        count(1, odd, odd, {"primary": 3, "credits": {"balance": {}}}, model=9, metadata="x"),
        count(2, {**usage(T2), "total_tokens": -4}, "last", "limits"),
    )
    machine.read()
    assert machine.counts() == [(5000, 4000, 200, 0), (5500, 4900, 220, 100)]
    assert [e.model for e in machine.events(EventKind.MESSAGE)] == [MODEL, MODEL]
    assert machine.problems == []


@pytest.mark.parametrize("huge", [-5, 1 << 60, 10**40, "NaN", 1e300, True])
def test_numbers_that_are_no_counts_are_none(machine: Machine, huge: Any) -> None:
    machine.write(meta(), turn(), count(1, {**usage(T1), "cached_input_tokens": huge}), count(2, T2, S2))
    machine.read()
    assert all(0 <= n < 1 << 53 for t in machine.counts() for n in t)
    assert sum(t[0] for t in machine.counts()) == T2[0]


def test_whitespace_and_key_order_do_not_matter(machine: Machine) -> None:
    lines = [
        meta(),
        turn(1, "01990000-turn-with-an-id"),
        prompt(1),
        call(2, LONG),
        result(3, LONG),
        count(5, T1, S1, _limits(3)),
    ]
    machine.write(*lines)
    machine.read()
    other = Machine(machine.home / "other")
    spaced = [json.dumps(dict(reversed(json.loads(x).items())), indent=2).replace("\n", " ") for x in lines]
    other.write(*spaced)
    other.read()
    assert other.records == machine.records
    assert len(other.records) > 8


def test_lone_surrogates_and_nuls_lose_nothing(machine: Machine) -> None:
    bad = turn(1, "01990000-turn-with-an-id", model="gpt-\ud83d5", cwd="/w/\x00\udc00shop")
    assert "\\ud83d" in bad
    machine.write(meta(cwd="/w/\ud800"), bad, count(2, T1, S1, model_name="\udfff"), prompt(3, kind="\ud800"))
    machine.read()
    (event,) = machine.events(EventKind.MESSAGE)
    for text in (event.model, event.project, event.session):
        assert text is not None
        text.encode()
    assert machine.counts() == [S1]


def test_bytes_that_are_no_utf8_lose_nothing(machine: Machine) -> None:
    path = machine.write(meta(), turn(), count(2, T1, S1))
    path.write_bytes(path.read_bytes().replace(b"shop", b"sh\xff\xfep").replace(MODEL.encode(), b"gpt\xe9"))
    machine.read()
    assert machine.counts() == [S1]
    machine.events(EventKind.MESSAGE)[0].model.encode()  # type: ignore[union-attr]


def test_a_line_cut_by_a_crash_with_the_next_one_behind_it(machine: Machine) -> None:
    """What the cut line told is in the next counter."""
    glued = count(2, T2, S2)[:-90] + count(3, T3, S3)
    broken = '{"timestamp":"2026 {"timestamp":"2026'
    path = machine.write(meta(), turn(), count(1, T1, S1), glued, broken)
    machine.read()
    assert machine.counts() == [S1, (12000, 10000, 300, 56)]
    offsets = [path.read_bytes().find(x.encode()) for x in (glued, broken)]
    assert [(p.path, p.offset) for p in machine.problems] == [(str(path), offset) for offset in offsets]


@pytest.mark.slow
def test_lines_of_tens_of_megabytes(machine: Machine) -> None:
    image = "A" * (30 << 20)
    machine.write(
        *(meta(), turn(), prompt(1, images=[image]), call(2, LONG)),
        *(result(3, LONG, "Exit code: 1\nOutput:\n" + image), count(4, T1, S1)),
        line(5, "response_item", {"type": "message", "role": "user", "content": [{"image_url": image}]}),
        count(6, T2, S2),
    )
    machine.read()
    assert machine.counts() == [S1, S2]
    assert [e.outcome for e in machine.events(EventKind.TOOL)] == [Outcome.ERROR]
    assert len(machine.events(EventKind.TURN)) == 1


def test_events_are_dated_by_their_own_line(machine: Machine) -> None:
    path = machine.write(meta(), turn(), count(5, T1, S1), count(200_000, T2, S2))
    _touch(path, NOW)
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.MESSAGE)] == [us(5), us(200_000)]


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-03-02T10:00:07Z", 7),
        ("2026-03-02T12:00:07+02:00", 7),
        ("2026-03-02T10:00:07.250", 7.25),
        ("?", 0),
        (None, 0),
        (5, 0),
    ],
)
def test_times_of_every_shape(machine: Machine, stamp: Any, seconds: float) -> None:
    """A line without a time has that of the line before, never the time of reading."""
    whole = json.loads(count(5, T1, S1))
    whole["timestamp"] = stamp
    machine.write(meta(0), json.dumps(whole))
    machine.read()
    assert [e.at_us for e in machine.events(EventKind.MESSAGE)] == [us(seconds)]


def test_a_file_without_a_meta_is_named_by_its_file(machine: Machine) -> None:
    machine.write(turn(), count(1, T1, S1))
    machine.read()
    (event,) = machine.events(EventKind.MESSAGE)
    assert (event.session, event.client, event.upstream) == (A, None, "openai")


# Files that move


def _touch(path: Path, when: dt.datetime) -> None:
    os.utime(path, (when.timestamp(), when.timestamp()))


def _pack(path: Path) -> Path:
    packed = path.with_name(path.name + ".zst")
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    stat = path.stat()
    os.utime(packed, (int(stat.st_atime), int(stat.st_mtime)))
    path.unlink()
    return packed


def _unpack(path: Path) -> Path:
    plain = path.with_suffix("")
    plain.write_bytes(zstandard.decompress(path.read_bytes(), max_output_size=1 << 26))
    path.unlink()
    return plain


SESSION = [meta(), turn(), call(1, LONG), count(5, T1, S1)]
MORE = [result(6, LONG), count(10, T2, S2), count(11, T2, S2)]


def test_a_session_goes_on_through_archive_packing_and_back(machine: Machine) -> None:
    path = machine.write(*SESSION)
    machine.read()
    archive = machine.path(archived=True)
    path.rename(archive)
    assert machine.read() == []
    assert set(machine.cursors) == {str(archive)}
    packed = _pack(archive)
    assert machine.read() == []
    assert set(machine.cursors) == {str(packed)}
    plain = _unpack(packed)
    plain.rename(path)
    machine.append(*MORE)
    new = [r for r in machine.read() if isinstance(r, UsageEvent)]
    assert [e.kind for e in new] == [EventKind.TOOL, EventKind.MESSAGE]
    assert machine.counts() == [S1, S2]
    assert set(machine.cursors) == {str(path)}


def test_what_was_appended_before_packing_is_read_from_the_packed_file(machine: Machine) -> None:
    path = machine.write(*SESSION)
    machine.read()
    machine.append(*MORE)
    packed = _pack(path)
    machine.read()
    assert machine.counts() == [S1, S2]
    assert [e.outcome for e in machine.events(EventKind.TOOL)] == [Outcome.OK]
    assert machine.read() == []
    _touch(packed, NOW)
    assert machine.read() == []


def test_a_child_stays_right_when_its_parent_is_deleted_and_it_is_packed(machine: Machine) -> None:
    parent = machine.write(*PARENT)
    path = machine.write(*child(*SLOW_REPLAY, forked_from_id=A), session=B)
    machine.read()
    parent.unlink()
    _pack(path)
    machine.read()
    assert machine.counts() == [S1, S2, S3]


def test_of_two_copies_the_active_and_the_plain_one_is_read(machine: Machine) -> None:
    path = machine.write(*SESSION, *MORE)
    archive = machine.path(archived=True)
    archive.write_bytes(path.read_bytes() + (count(99, T3, S3) + "\n").encode())
    packed = archive.with_name(archive.name + ".zst")
    packed.write_bytes(zstandard.compress(b"not lines"))
    machine.read()
    assert set(machine.cursors) == {str(path)}
    assert machine.counts() == [S1, S2]
    path.unlink()
    machine.read()
    assert set(machine.cursors) == {str(archive)}
    assert machine.counts() == [S1, S2, S3]


def test_a_copied_session_has_the_same_keys_in_every_home(home: Path) -> None:
    one, two = Machine(home / "one"), Machine(home / "two")
    for machine in (one, two):
        machine.write(*SESSION, *MORE, prompt(12))
        machine.read()
    assert {r.event_key for r in one.records if isinstance(r, UsageEvent)} == {
        r.event_key for r in two.records if isinstance(r, UsageEvent)
    }


def test_a_broken_archive_is_told_and_stops_no_other(machine: Machine) -> None:
    broken = machine.path(B).with_name(machine.path(B).name + ".zst")
    broken.write_bytes(b"\x28\xb5\x2f\xfd garbage that is no archive")
    machine.write(*SESSION)
    machine.read()
    assert machine.counts() == [S1]
    assert [p.path for p in machine.problems] == [str(broken)]


def test_a_torn_archive_gives_what_it_has_and_the_rest_later(machine: Machine) -> None:
    """Random text, so that its packed form has several blocks to be torn between."""
    dice = random.Random(7)
    filler = [line(0, "compacted", {"message": dice.randbytes(9000).hex()}) for _ in range(120)]
    packed = _pack(machine.write(*SESSION, *filler, *MORE))
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) * 2 // 3])
    machine.read()
    packed.write_bytes(whole)
    machine.read()
    assert machine.counts() == [S1, S2]


def test_other_files_beside_are_not_read(machine: Machine) -> None:
    path = machine.write(*SESSION)
    for name in ("notes.jsonl", "rollout-x.json", "rollout-2026.jsonl.tmp"):
        shutil.copy(path, path.with_name(name))
    (path.parent / f"rollout-2026-03-02T10-00-00-{B}.jsonl").mkdir()
    os.mkfifo(path.parent / f"rollout-2026-03-02T10-00-00-{C}.jsonl")
    machine.read()
    assert [Path(p) for p in machine.cursors] == [path]


def test_a_file_replaced_by_a_longer_one_is_read_anew(machine: Machine) -> None:
    path = machine.write(*SESSION)
    machine.read()
    lines = [
        meta(session=A),
        turn(),
        *(count(n, (n * 1000, 0, n * 10, 0), (1000, 0, 10, 0)) for n in range(1, 9)),
    ]
    path.write_text("".join(f"{x}\n" for x in lines))
    machine.read()
    assert len(machine.counts()) == 1 + 8


# Any cut


@st.composite
def work(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A parent session and a child of it, made of everything that has a state."""
    lines, total, now = [meta(), turn(1, "first-turn-of-the-parent")], (0, 0, 0, 0), 1.0
    steps = [(total, total)][:0]
    for n in range(draw(st.integers(1, 12))):
        now += draw(st.sampled_from([0.1, 1.0, 40.0]))
        kind = draw(
            st.sampled_from(["step", "step", "repeat", "call", "result", "turn", "limits", "record", "reset"])
        )
        used = (100 + n, 50 + n, 20 + n, n)
        if kind in ("step", "reset", "record"):
            total = used if kind == "reset" else tuple(a + b for a, b in zip(total, used, strict=True))  # type: ignore[assignment]
            steps.append((total, used))
            if kind == "record":
                lines.append(response(now, used, f"resp_{n:020}", total))
            lines.append(count(now, total, used, _limits(n)))
        elif kind == "repeat" and steps:
            lines.append(count(now, *steps[-1]))
        elif kind == "call":
            lines.append(call(now, f"{LONG}{n // 2}", "server__tool"))
        elif kind == "result":
            lines.append(result(now, f"{LONG}{(n - 1) // 2}", "Exit code: 1"))
        elif kind == "turn":
            lines += [turn(now, f"turn-number-{n:020}", f"model-{n}"), prompt(now)]
        elif kind == "limits":
            lines.append(limit_line(now, _limits(n)))
    start = 10_000.0
    slow = draw(st.sampled_from([0.001, 0.7]))
    replay = [count(start + 0.01 + slow * n, *step) for n, step in enumerate(steps)]
    own = tuple(a + 77 for a in total)
    markers: list[Json] = [{"forked_from_id": A}, {"source": SPAWN}, {"forked_from_id": C}]
    marker = draw(st.sampled_from(markers))
    child_lines = [
        meta(start, B, **marker),
        meta(start, A),
        *replay,
        turn(start + 50, "own"),
        prompt(start + 51),
    ]
    return lines, [*child_lines, count(start + 60, own, (77, 77, 77, 77))]


@given(work(), st.lists(st.floats(0, 1), min_size=1, max_size=4), st.integers(200, 5000))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_in_slices_is_reading_once(
    tmp_path: Path, made: tuple[list[str], list[str]], cuts: list[float], chunk: int
) -> None:
    """The parent is written before its child, as Codex does; each is cut anywhere, also inside a line."""
    home = tmp_path / uuid.uuid4().hex
    once, sliced = Machine(home / "once"), Machine(home / "sliced")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(_jsonl, "BLOCK_BYTES", chunk)
        small.setattr(codex, "CHUNK_BYTES", chunk)
        for session, lines in zip((A, B), made, strict=True):
            once.write(*lines, session=session)
            data = "".join(f"{x}\n" for x in lines)
            for cut in [*sorted(cuts), 1.0]:
                sliced.path(session).write_text(data[: int(len(data) * cut)])
                sliced.read()
    once.read()
    for kind in EventKind:
        assert sliced.events(kind) == once.events(kind)
    assert sliced.newest() == once.newest()
    assert sliced.facts() == once.facts()


# Who is signed in


def jwt(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


CLAIMS = {
    "email": "ann@example.com",
    "https://api.openai.com/auth": {"chatgpt_plan_type": "pro", "chatgpt_account_id": "acc-from-claims"},
}


def sign_in(machine: Machine, **tokens: Any) -> Path:
    machine.path()
    path = machine.codex / "auth.json"
    path.write_text(json.dumps({"OPENAI_API_KEY": None, "tokens": tokens}))
    return path


def test_the_login_tells_plan_email_and_a_fingerprint_once(machine: Machine) -> None:
    sign_in(machine, id_token=jwt(CLAIMS), access_token="secret-access", account_id="acc-1")
    machine.read()
    facts = machine.facts()
    assert (facts["plan_type"], facts["account_email"]) == ("pro", "ann@example.com")
    assert len(facts["account_key"]) == 64
    assert machine.read() == []
    said = repr(machine.records) + repr(machine.cursors)
    assert "secret-access" not in said
    assert "acc-1" not in said
    sign_in(machine, id_token=jwt(CLAIMS), account_id="acc-2")
    machine.read()
    assert machine.facts()["account_key"] != facts["account_key"]


def test_the_account_id_of_the_claims_is_the_same_account(machine: Machine) -> None:
    sign_in(machine, id_token=jwt(CLAIMS))
    machine.read()
    first = machine.facts()["account_key"]
    sign_in(machine, account_id="acc-from-claims", id_token="not.a-token")
    machine.read()
    assert machine.facts()["account_key"] == first


ODD_CLAIMS: list[Any] = [[], {"email": 5}, {"https://api.openai.com/auth": "x"}]


@pytest.mark.parametrize(
    "text",
    [
        '{"OPENAI_API_KEY":"sk-x"}',
        '{"tokens":null}',
        '{"tokens":[1]}',
        '{"tokens":{"id_token":"a.b.c"}}',
        '{"tokens":{"id_token":7}}',
    ]
    + [json.dumps({"tokens": {"id_token": jwt(c)}}) for c in ODD_CLAIMS],
)
def test_a_login_of_another_shape_tells_nothing(machine: Machine, text: str) -> None:
    sign_in(machine).write_text(text)
    machine.write(*SESSION)
    machine.read()
    assert not {"account_email", "account_key"} & machine.facts().keys()
    assert machine.counts() == [S1]
    assert machine.problems == []


def test_a_login_that_is_no_json_is_told_once(machine: Machine) -> None:
    path = sign_in(machine)
    path.write_text('{"tokens": secret')
    machine.write(*SESSION)
    machine.read()
    machine.read()
    assert [p.path for p in machine.problems] == [str(path)]
    assert "secret" not in machine.problems[0].what


# The vendor's API

ANSWER: Json = {
    "email": "ann@example.com",
    "account_id": "acc-1",
    "plan_type": "plus",
    "rate_limit": {
        "allowed": True,
        "limit_reached": False,
        "primary_window": {
            "used_percent": 42,
            "limit_window_seconds": 18000,
            "reset_at": us(500) // 1_000_000,
        },
        "secondary_window": {
            "remaining_percent": 90,
            "limit_window_seconds": 604800,
            "reset_after_seconds": 60,
        },
    },
    "code_review_rate_limit": {
        "primary_window": {"used_percent": 3, "limit_window_seconds": 604800},
        "secondary_window": None,
    },
    "additional_rate_limits": [
        {
            "limit_name": "GPT-5.3-Codex-Spark",
            "rate_limit": {"primary_window": {"used_percent": 7, "window_minutes": 300}},
        },
        {"metered_feature": "images", "rate_limit": None},
        "x",
    ],
    "credits": {"has_credits": True, "unlimited": False, "balance": "9.75"},
    "individual_limit": {
        "limit": 200,
        "used": "50",
        "remaining_percent": 75,
        "resets_at": us(900) // 1_000_000,
    },
}


@pytest.fixture
def signed_in(machine: Machine) -> Machine:
    sign_in(machine, access_token="secret-access", account_id="acc-1", id_token=jwt(CLAIMS))
    return machine


def poll(machine: Machine, base: str | None) -> list[Record]:
    bases = {} if base is None else {"codex": base}
    with httpx.Client() as http:
        env = Env(home=machine.home, environ={}, now=NOW, http=http, base_urls=bases)
        return list(codex.poll(machine.account, env))


def test_the_vendor_is_asked_as_codex_asks_it(signed_in: Machine, httpserver: HTTPServer) -> None:
    (signed_in.codex / "version.json").write_text('{"latest_version":"0.140.0"}')
    headers = {
        "Authorization": "Bearer secret-access",
        "ChatGPT-Account-Id": "acc-1",
        "User-Agent": "codex-cli/0.140.0",
    }
    httpserver.expect_oneshot_request(
        "/backend-api/wham/usage", method="GET", headers=headers
    ).respond_with_json(ANSWER)
    signed_in.records = poll(signed_in, httpserver.url_for("/backend-api"))
    found = {k: (r.used, r.window, r.resets_at_us) for k, r in signed_in.newest().items()}
    now_us = round(NOW.timestamp() * 1_000_000)
    assert found == {
        "rate_limit_primary": (42.0, "5h", us(500)),
        "rate_limit_secondary": (10.0, "7d", now_us + 60_000_000),
        "rate_limit_code_review_primary": (3.0, "7d", None),
        "rate_limit_gpt_5_3_codex_spark_primary": (7.0, "5h", None),
        "credit_balance": (None, "current", None),
        "codex_credit_limit": (50.0, "current-period", us(900)),
        "codex_credit_percent_used": (25.0, "current-period", us(900)),
    }
    assert {r.at_us for r in signed_in.records} == {now_us}
    assert signed_in.newest()["credit_balance"].remaining == 9.75
    assert signed_in.facts() == {
        "plan_type": "plus",
        "account_email": "ann@example.com",
        "rate_limit_source": "live",
        "credits": "available",
    }
    assert "secret-access" not in repr(signed_in.records)


def test_live_figures_replace_those_of_the_session(signed_in: Machine, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/backend-api/wham/usage").respond_with_json(ANSWER)
    signed_in.write(meta(), count(5, T1, S1, _limits(12)))
    signed_in.records += poll(signed_in, httpserver.url_for("/backend-api"))
    signed_in.read()
    assert signed_in.newest()["rate_limit_primary"].used == 42
    assert signed_in.facts()["rate_limit_source"] == "live"


def test_an_account_with_only_a_weekly_window(signed_in: Machine, httpserver: HTTPServer) -> None:
    weekly = {"rate_limit": {"primary_window": {"used_percent": 5, "limit_window_seconds": 604800}}}
    httpserver.expect_request("/backend-api/wham/usage").respond_with_json({"rate_limit_status": weekly})
    signed_in.records = poll(signed_in, httpserver.url_for("/backend-api"))
    assert {k: r.window for k, r in signed_in.newest().items()} == {"rate_limit_primary": "7d"}


def test_the_base_of_the_settings_is_asked(signed_in: Machine, httpserver: HTTPServer) -> None:
    (signed_in.codex / "config.toml").write_text(f'chatgpt_base_url = "{httpserver.url_for("/")}"\n')
    httpserver.expect_request("/api/codex/usage").respond_with_json({"plan_type": "team"})
    signed_in.records = poll(signed_in, None)
    assert signed_in.facts()["plan_type"] == "team"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_wants_a_login(signed_in: Machine, httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/backend-api/wham/usage").respond_with_data("no", status=status)
    with pytest.raises(AuthRequired, match="codex login"):
        poll(signed_in, httpserver.url_for("/backend-api"))


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (429, {"Retry-After": "30"}, "too many"),
        (500, {}, "500"),
        (302, {"Location": "http://127.0.0.1:1/x"}, "302"),
    ],
)
def test_trouble_of_the_vendor_is_no_login_problem(
    signed_in: Machine, httpserver: HTTPServer, status: int, headers: dict[str, str], words: str
) -> None:
    httpserver.expect_request("/backend-api/wham/usage").respond_with_data(
        "<html>", status=status, headers=headers
    )
    with pytest.raises(SourceUnavailable, match=words) as told:
        poll(signed_in, httpserver.url_for("/backend-api"))
    assert told.value.retry_after_s == (30 if status == 429 else 0)


@pytest.mark.parametrize("body", ["", "<html>", "[]", '"x"', "null", '{"a":'])
def test_an_answer_that_is_no_object_is_a_changed_format(
    signed_in: Machine, httpserver: HTTPServer, body: str
) -> None:
    httpserver.expect_request("/backend-api/wham/usage").respond_with_data(body)
    with pytest.raises(SourceChanged):
        poll(signed_in, httpserver.url_for("/backend-api"))


NO_NUMBERS: list[Any] = [None, "x", [], True]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {
            "rate_limit": 5,
            "credits": [],
            "plan_type": {},
            "additional_rate_limits": {"a": 1},
            "individual_limit": 4,
        },
    ]
    + [{"rate_limit": {"primary_window": {"used_percent": x}}} for x in NO_NUMBERS],
)
def test_answers_with_odd_fields_are_no_error(
    signed_in: Machine, httpserver: HTTPServer, answer: Json
) -> None:
    httpserver.expect_request("/backend-api/wham/usage").respond_with_json(answer)
    signed_in.records = poll(signed_in, httpserver.url_for("/backend-api"))
    assert signed_in.newest() == {}


def test_no_connection_is_said_in_plain_words(signed_in: Machine) -> None:
    with pytest.raises(SourceUnavailable, match="connection refused"):
        poll(signed_in, "http://127.0.0.1:9/backend-api")


@pytest.mark.parametrize("token", ["line\nbreak", "ümlaut", "\x00"])
def test_a_malformed_token_is_refused_and_not_repeated(
    machine: Machine, httpserver: HTTPServer, token: str
) -> None:
    sign_in(machine, access_token=token)
    with pytest.raises(SourceUnavailable) as told:
        poll(machine, httpserver.url_for("/backend-api"))
    assert token not in str(told.value)
    assert token not in repr(told.value.__context__) or told.value.__suppress_context__


def test_without_a_login_nothing_is_asked(machine: Machine, httpserver: HTTPServer) -> None:
    machine.write(*SESSION)
    assert poll(machine, httpserver.url_for("/")) == []
    sign_in(machine, account_id="acc-1")
    assert poll(machine, httpserver.url_for("/")) == []
    assert httpserver.log == []


# The notify program


def notify(**payload: Any) -> list[Record]:
    return codex.parse_hook(json.dumps(payload).encode(), "codex-cli", us(20))


NOTE = {"type": "agent-turn-complete", "cwd": "/home/ann/shop", "input-messages": ["add a test"]}


def test_a_notified_turn_is_the_one_of_the_log(machine: Machine) -> None:
    turn_id = "01990000-aaaa-7000-8000-000000000001"
    (event,) = notify(**NOTE, **{"thread-id": A, "turn-id": turn_id, "last-assistant-message": "Done."})
    machine.write(meta(), turn(1, turn_id), prompt(2))
    machine.records.append(event)
    machine.read()
    (merged,) = machine.events(EventKind.TURN)
    assert (merged.at_us, merged.client, merged.project) == (us(2), "CLI", "shop")


@pytest.mark.parametrize(
    "keys",
    [("thread-id", "turn-id"), ("thread_id", "turn_id"), ("threadId", "turnId"), ("session_id", "turn_id")],
)
def test_notification_keys_of_every_spelling(keys: tuple[str, str]) -> None:
    (event,) = notify(**NOTE, **{keys[0]: "th_1", keys[1]: "7"})
    assert isinstance(event, UsageEvent)
    assert event.event_key == event_key("codex", "turn", "th_1", "7")
    assert (event.kind, event.session, event.project, event.at_us) == (EventKind.TURN, "th_1", "shop", us(20))
    assert "add a test" not in repr(event)


def test_a_notified_tool_call_is_the_one_of_the_log() -> None:
    (event,) = notify(
        type="tool-complete",
        tool_name="github__search",
        tool_call_id=LONG,
        status="failed",
        **{"thread-id": A},
    )
    assert isinstance(event, UsageEvent)
    assert event.event_key == event_key("codex", "tool", LONG)
    assert (event.kind, event.tool, event.outcome) == (EventKind.TOOL, "mcp__github__search", Outcome.ERROR)


def test_a_session_total_in_a_notification_is_no_usage() -> None:
    assert notify(type="x", info={"total_token_usage": usage(T3)}) == []


# The fixture home


def test_the_home_of_the_fixtures_in_numbers(home: Path) -> None:
    fixture = Path(__file__).parent.parent / "fixtures/codex/home/.codex"
    shutil.copytree(fixture, home / ".codex")
    machine = Machine(home)
    machine.read()
    by_model: dict[str | None, int] = {}
    for event in machine.events(EventKind.MESSAGE):
        by_model[event.model] = by_model.get(event.model, 0) + event.tokens.total
    assert by_model == {
        "gpt-5.2-codex": (5000 + 200) + (5500 + 220) + (6100 + 80) + (3000 + 60) + (900 + 45),
        "gpt-5.2": 6500 + 80,
        "gpt-5.2-mini": 2000 + 40,
        "gpt-5": 1200 + 90,
    }
    tools = {(e.tool, e.outcome) for e in machine.events(EventKind.TOOL)}
    assert tools == {
        ("exec_command", Outcome.ERROR),
        ("apply_patch", Outcome.OK),
        ("mcp__tracker__issue_search", Outcome.ABORTED),
        ("web_search", Outcome.OK),
        ("local_shell", Outcome.OK),
        ("shell", Outcome.OK),
    }
    assert {e.client for e in machine.events(EventKind.MESSAGE)} == {"CLI", "IDE", "Exec", "Desktop App"}
    assert len(machine.events(EventKind.TURN)) == 6
    assert machine.problems == []
