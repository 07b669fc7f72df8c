"""OpenClaw (before: Clawdbot, Moltbot): sessions of its agents, as logs and in a database an agent.

Seen: logs in Pi's format of all three names, those put away by a reset or a deletion (also packed), and the
databases of 2026 with what they packed and put away. An answer is its time, model and counts, so a forked or
moved session counts once. Costs are as recorded: list prices, also for logins whose subscription pays. Not
covered: traces and checkpoints, which repeat a session.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._documents import object_in
from openusage.providers._jsonl import FileState
from openusage.providers._pi_entries import Memory, Parser, Place
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import child, text
from openusage.providers.openclaw import _database
from openusage.wire.events import Account, Record

PROVIDER = _database.PROVIDER

SPEC = ProviderSpec(
    id=PROVIDER,
    name="OpenClaw",
    kind=Kind.LOCAL,
    default_account="openclaw",
    docs_url="https://docs.openclaw.ai",
    patterns=(
        "~/.openclaw/agents/*/sessions/*.jsonl",
        "~/.openclaw/agents/*/agent/openclaw-agent.sqlite",
    ),
    binaries=("openclaw",),
    retention_hint="OpenClaw puts old sessions away and may delete them; what was read stays.",
)

DATABASE = "openclaw-agent.sqlite"
INDEX = "sessions.json"
HOMES = (".openclaw", ".openclaw-*", ".clawdbot", ".moltbot", ".moldbot")
"""Under all its names; a profile has one of its own."""

_LOG = re.compile(r"[^/]+/sessions/(?P<session>[^/]+?)\.jsonl(?:\.(?:reset|deleted)\.[^/]+?)?(?:\.zst)?")
_SIDE = re.compile(r"\.(?:trajectory|checkpoint\.[0-9a-fA-F-]{36})$")
"""Of a log that repeats a session, before its `.jsonl`."""
_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all agents, also those of a home under an older name."""
    named = _walk.named(env, "OPENCLAW_DIR", "OPENCLAW_STATE_DIR")
    base = next(iter(_walk.named(env, "OPENCLAW_HOME")), env.home)
    homes = named or [home for name in HOMES for home in sorted(base.glob(name))]
    return one_account(SPEC, _walk.real_dirs(home / "agents" for home in homes))


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _LOGS.plan(account, cursors, env) + _sqlite.plan(_databases(account, cursors), cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: logs, which are the older ones, then databases."""
    yield from _LOGS.read(account, cursors, env, changed)

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _database.batches(db, state, account.id)

    yield from _sqlite.read(_databases(account, cursors), cursors, changed, reader)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of a plan, the vendors behind it tell."""
    return iter(())


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    agents: dict[str, frozenset[str]] = {}
    for state in files:
        if not reading.is_read(state):
            yield from reading.log(state, _REMEMBERS, partial(Parser, _place(account, state, agents)))


def is_log(relative: str) -> bool:
    """Whether a path below the agents is a session, and not what repeats one.

    >>> is_log("main/sessions/a1.jsonl.reset.2026-03-02T10-00-00.000Z"), is_log("main/sessions/sessions.json")
    (True, False)
    """
    found = _LOG.fullmatch(relative)
    return found is not None and not _SIDE.search(found["session"])


def _leads_to_logs(relative: str) -> bool:
    return relative.partition("/")[2] in ("", "sessions")


def _databases(account: Account, cursors: Cursors) -> list[str]:
    found = {str(p) for root in account.roots for p in Path(root).glob(f"*/agent/{DATABASE}")}
    return sorted(found | {path for path in cursors if path.endswith(f"/agent/{DATABASE}")})


def _place(account: Account, state: FileState, agents: dict[str, frozenset[str]]) -> Place:
    folder, _, name = state.path.rpartition("/")
    if folder not in agents:
        agents[folder] = _subagents(f"{folder}/{INDEX}")
    found = _LOG.fullmatch(f"x/sessions/{name}")
    session = name if found is None else found["session"]
    return Place(
        provider=SPEC.id,
        account=account.id,
        session=session,
        agent=_database.AGENT if session in agents[folder] else None,
        by_message=True,
    )


def _subagents(index: str) -> frozenset[str]:
    """Sessions that another one started, by the index beside the logs. It is written anew all the time: when
    it cannot be read, they are taken for a person's."""
    known = object_in(index)
    found = (text(child(known, key).get("sessionId")) for key in known if _database.is_subagent(key))
    return frozenset(filter(None, found))


_LOGS = Files(is_log, _chunks, enters=_leads_to_logs)
