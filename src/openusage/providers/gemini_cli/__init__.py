"""Gemini CLI: chats in `~/.gemini/tmp`, its small files, Google's quota API.

Seen: the documents (`.json`) of 2025, the logs (`.jsonl`) since, sub-agents' own logs. One event per answer,
tool call and prompt, however often its line is written again. Not covered: output saved by hand from
`gemini -o json`, which has no ids; the closed successor (`~/.gemini/antigravity*`); quota of API keys and
Vertex, which no file or API of the tool tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._gemini_chats import Chat, Memory, Place
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
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

BACKUPS = "backup"
"""Directories of this name hold copies."""

_CHAT = re.compile(r"[^/]+/(?:chats/)?session-[^/]+\.jsonl?")
_AGENT = re.compile(r"[^/]+/chats/(?P<parent>[^/]+)/(?P<session>[^/]+)\.jsonl")
_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all chats, when there is a trace of the tool."""
    is_traced = any(path.is_file() for path in _account.traces(env))
    return one_account(SPEC, _walk.real_dirs(_tmp_dirs(env)), is_traced=is_traced)


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    """Facts of the account, then chats."""
    for path, facts_in in _account.files(env):
        reading.facts(path, facts_in)
    projects = Projects(_account.gemini_dir(env))
    for state in files:
        parser = partial(Chat, _place(account, state, projects))
        if state.path.endswith(".jsonl"):
            yield from reading.log(state, _REMEMBERS, parser)
        else:
            yield from reading.document(state, _REMEMBERS, parser)


def _tmp_dirs(env: Env) -> list[Path]:
    return _walk.named(env, "GEMINI_DATA_DIR") or [_account.gemini_dir(env) / "tmp"]


def _is_chat(relative: str) -> bool:
    return _CHAT.fullmatch(relative) is not None or _AGENT.fullmatch(relative) is not None


def _leads_to_chats(relative: str) -> bool:
    """A project's directory, its `chats`, and those of sub-agents in it: the rest is files of the tool."""
    _, *below = relative.split("/")
    return BACKUPS not in relative.split("/") and below[:1] in ([], ["chats"]) and len(below) < 3


def _place(account: Account, state: FileState, projects: Projects) -> Place:
    root, relative = _walk.below(account.roots, state.path)
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


_FILES = Files(_is_chat, _chunks, enters=_leads_to_chats)
plan, read = _FILES.plan, _FILES.read
