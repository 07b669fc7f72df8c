"""Pi coding agent, and its fork omp: a log for every session in `~/.pi/agent/sessions`.

Seen: versions 1 to 3 of its sessions. A session is a tree whose branches were all paid for, so every answer
counts. A forked session is a new file with copies of entries: they keep their time, model and counts, which
are an answer's identity here; ids are short and only tell entries of one file apart. Costs are as recorded:
list prices, also for logins whose subscription pays. Not covered: summaries of compactions and branches in
versions that do not say what these used; sessions at a place that only `sessionDir` in its settings, or
`--session-dir`, names.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._pi_entries import Memory, Parser, Place
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id="pi",
    name="Pi",
    kind=Kind.LOCAL,
    default_account="pi",
    docs_url="https://github.com/badlogic/pi-mono",
    patterns=("~/.pi/agent/sessions/**/*.jsonl", "~/.omp/agent/sessions/**/*.jsonl"),
    binaries=("pi", "omp"),
    retention_hint="Pi keeps its sessions until they are deleted.",
)


_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all session directories."""
    return one_account(SPEC, _walk.real_dirs(_places(env)))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    for state in files:
        place = Place(SPEC.id, account.id, Path(state.path).stem.rpartition("_")[2])
        yield from reading.log(state, _REMEMBERS, partial(Parser, place))


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of a plan, the vendors behind it tell."""
    return iter(())


def _places(env: Env) -> list[Path]:
    own = [agent / "sessions" for agent in _walk.named(env, "PI_CODING_AGENT_DIR")]
    usual = [
        *(own or [env.home / ".pi" / "agent" / "sessions"]),
        *_walk.named(env, "PI_CODING_AGENT_SESSION_DIR"),
        env.home / ".omp" / "agent" / "sessions",
    ]
    return _walk.named(env, "PI_AGENT_DIR") or usual


def _is_log(relative: str) -> bool:
    return relative.endswith(".jsonl")


_LOGS = Files(_is_log, _chunks)
plan, read = _LOGS.plan, _LOGS.read
