"""Gemini CLI: chats in `~/.gemini/tmp`, its small files, Google's quota API.

Seen: the documents (`.json`) of 2025, the logs (`.jsonl`) since, sub-agents' own logs. One event per answer,
tool call and prompt, however often its line is written again. Not covered: output saved by hand from
`gemini -o json`, which has no ids; the closed successor (`~/.gemini/antigravity*`); quota of API keys and
Vertex, which no file or API of the tool tells.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._gemini_chats import Chat, Memory, Place
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers.gemini_cli import _account
from openusage.providers.gemini_cli._account import PROVIDER, poll
from openusage.providers.gemini_cli._projects import Projects
from openusage.wire.events import Account

__all__ = ["SPEC", "discover", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Gemini CLI",
    kind=Kind.BOTH,
    default_account="gemini-cli",
    docs_url="https://github.com/google-gemini/gemini-cli",
    patterns=("~/.gemini/tmp/*/chats/session-*.jsonl", "~/.gemini/tmp/*/chats/session-*.json"),
    binaries=("gemini",),
    retention_hint=(
        "Gemini CLI deletes sessions after 30 days; `general.sessionRetention` in ~/.gemini/settings.json "
        "keeps them longer."
    ),
)

CHUNK_BYTES = 8 << 20
BACKUPS = "backup"
"""Directories of this name hold copies."""

_CHAT = re.compile(r"[^/]+/(?:chats/)?session-[^/]+\.jsonl?")
_AGENT = re.compile(r"[^/]+/chats/(?P<parent>[^/]+)/(?P<session>[^/]+)\.jsonl")
_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all chats, when there is a trace of the tool."""
    roots = _walk.real_dirs(_tmp_dirs(env))
    if roots or any(path.is_file() for path in _account.traces(env)):
        yield Account(id=SPEC.default_account, provider=SPEC.id, roots=tuple(roots), label=SPEC.name)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _walk.plan(_find(account).files, cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: facts of the account, then chats."""
    reading = Reading(account, cursors, CHUNK_BYTES, changed)
    for path, facts_in in _account.files(env):
        reading.facts(path, facts_in)
    found = _find(account, changed)
    projects = Projects(_account.gemini_dir(env))
    for state in found.files:
        parser = partial(Chat, _place(account, state, projects))
        if state.path.endswith(".jsonl"):
            yield from reading.log(state, _REMEMBERS, parser)
        else:
            yield from reading.document(state, _REMEMBERS, parser)
    yield from reading.rest(_walk.gone(cursors, found.files, account.roots, changed), found.problems)


def _tmp_dirs(env: Env) -> list[Path]:
    return _walk.named(env, "GEMINI_DATA_DIR") or [_account.gemini_dir(env) / "tmp"]


def _find(account: Account, changed: Collection[str] | None = None) -> _walk.Found:
    return _walk.find(account.roots, _is_chat, changed, enters=_leads_to_chats)


def _is_chat(relative: str) -> bool:
    return _CHAT.fullmatch(relative) is not None or _AGENT.fullmatch(relative) is not None


def _leads_to_chats(relative: str) -> bool:
    """A project's directory, its `chats`, and those of sub-agents in it: the rest is files of the tool."""
    _, *below = relative.split("/")
    return BACKUPS not in relative.split("/") and below[:1] in ([], ["chats"]) and len(below) < 3


def _place(account: Account, state: FileState, projects: Projects) -> Place:
    root = next(r for r in account.roots if state.path.startswith(f"{r}/"))
    relative = state.path[len(root) + 1 :]
    folder, agent = relative.partition("/")[0], _AGENT.fullmatch(relative)
    name = relative.rpartition("/")[2]
    return Place(
        provider=PROVIDER,
        account=account.id,
        upstream="google",
        session=agent["parent"] if agent else name.removesuffix("l").removesuffix(".json"),
        is_agent=agent is not None,
        project=partial(projects.of, f"{root}/{folder}"),
        folder=folder,
    )
