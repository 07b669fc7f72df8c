"""Mux (now Xum): chats, calls in the background and totals of every workspace in `~/.mux/sessions`.

Seen: chats of 2025 and 2026, archives, deleted sub-agents' transcripts, totals of version 1. What messages
tell is counted message by message; totals count for workspaces that never had any. Cached tokens of Anthropic
stood beside input in older versions, which shows where they are more than it. Not covered: what a history
that was cut before it was first read had used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.providers.mux import _messages, _usage
from openusage.providers.mux._messages import PROVIDER, Place
from openusage.providers.mux._workspaces import Workspaces
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Mux",
    kind=Kind.LOCAL,
    default_account="mux",
    docs_url="https://mux.coder.com",
    patterns=(
        "~/.mux/sessions/*/chat.jsonl",
        "~/.mux/sessions/*/headless-usage.jsonl",
        "~/.mux/sessions/*/session-usage.json",
    ),
    binaries=("mux",),
    retention_hint="Mux keeps a workspace's files until the workspace is deleted.",
)

HOMES = (".xum", ".mux", ".xum-dev", ".mux-dev", ".cmux")
"""Of all names that the program had; most are links to the one that is used."""
TOTALS = "session-usage.json"
MESSAGES = ("chat.jsonl", "chat-archive.jsonl", "headless-usage.jsonl")

_FILE = re.compile(
    r"(?P<workspace>[^/]+)/(?:subagent-transcripts/(?P<child>[^/]+)/)?"
    rf"(?P<name>{'|'.join(map(re.escape, (*MESSAGES, TOTALS)))})"
)
_LOGS = Remembers(_messages.Memory)
_DOCUMENTS = Remembers(_usage.Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all homes of the program."""
    named = _walk.named(env, "XUM_ROOT", "MUX_ROOT")
    homes = named or [env.home / name for name in HOMES]
    return one_account(SPEC, _walk.real_dirs(home / "sessions" for home in homes))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    known = {root: Workspaces(Path(root).parent) for root in account.roots}
    for state in files:
        if reading.is_read(state):
            continue
        root, relative = _walk.below(account.roots, state.path)
        place, workspace = _place(account, relative, known[root])
        if state.path.endswith(".jsonl"):
            yield from reading.log(state, _LOGS, partial(_messages.Parser, place))
        else:
            has_messages = any(Path(state.path).with_name(name).exists() for name in MESSAGES)
            written_us = state.mtime_ns // 1000
            parser = partial(_usage.Parser, place, workspace, written_us, has_messages)
            yield from reading.document(state, _DOCUMENTS, parser)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: Mux itself has no limits."""
    return iter(())


def _is_ours(relative: str) -> bool:
    return _FILE.fullmatch(relative) is not None


def _leads_to_ours(relative: str) -> bool:
    parts = relative.split("/")
    return len(parts) < 4 and parts[1:2] in ([], ["subagent-transcripts"])


def _place(account: Account, relative: str, known: Workspaces) -> tuple[Place, str]:
    """Where a file belongs, and the workspace that it is of."""
    found = _FILE.fullmatch(relative)
    assert found is not None, "only files of this form are looked for"
    outer = known.of(found["workspace"])
    parent = found["workspace"] if found["child"] else outer.parent
    place = Place(
        account=account.id,
        session=parent or found["workspace"],
        project=outer.project,
        is_agent=parent is not None,
    )
    return place, found["child"] or found["workspace"]


_FILES = Files(_is_ours, _chunks, enters=_leads_to_ours)
plan, read = _FILES.plan, _FILES.read
