"""Qwen Code: chats in `~/.qwen/projects`, the documents of its first versions, its record of ended sessions.

Seen: documents in Gemini CLI's layout (2025), logs since 0.1, sub-agents' logs, branched sessions. Costs are
not recorded. Not covered: the daily request limit of the free login, which no file or API tells, and chats at
a place that only `advanced.runtimeOutputDir` in its settings names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from openusage.providers import _jsonl, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._gemini_chats import Chat as OldChat
from openusage.providers._gemini_chats import Memory as OldMemory
from openusage.providers._gemini_chats import Place
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import one_account
from openusage.providers._values import child, text
from openusage.providers.qwen_cli import _chat, _summary
from openusage.providers.qwen_cli._chat import PROVIDER, UPSTREAM, Chat
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Qwen CLI",
    kind=Kind.LOCAL,
    default_account="qwen_cli",
    docs_url="https://github.com/QwenLM/qwen-code",
    patterns=(
        "~/.qwen/projects/*/chats/*.jsonl",
        "~/.qwen/tmp/*/chats/session-*.json",
        "~/.qwen/usage_record.jsonl",
    ),
    binaries=("qwen",),
)

STILL_US = 24 * 3_600_000_000
"""A chat that nobody wrote to for so long is complete."""
PROJECTS, OLD, RECORD, SETTINGS = "projects", "tmp", "usage_record.jsonl", "settings.json"

_OLD_CHAT = re.compile(r"[^/]+/(?:chats/)?session-[^/]+\.json")
_CHATS = Remembers(_chat.Memory)
_OLD_CHATS = Remembers(OldMemory)
_SUMMARIES = Remembers(_summary.Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all homes of the tool in which there is anything of it."""
    homes = _homes(env)
    roots = _walk.real_dirs(home / name for home in homes for name in (PROJECTS, OLD))
    flat = _walk.real_dirs(home for home in homes if any((home / n).is_file() for n in (RECORD, SETTINGS)))
    return one_account(SPEC, roots, flat)


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _walk.plan([*_find(account).files, *_records(env)], cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: ended sessions first, while it is known whose chats were read."""
    reading = Reading(account, cursors, changed)
    for home in _homes(env):
        reading.facts(home / SETTINGS, settings_facts)
    found = _find(account, changed)
    gone = _walk.gone(cursors, found.files, account.roots, changed)
    known = partial(_is_known, account, cursors)
    for state in _records(env):
        # A chat that goes is told here a moment before: only now is it known that it was read.
        if changed is None or state.path in changed or gone:
            yield from reading.log(state, _SUMMARIES, partial(_summary.Summaries, account.id, known))
    for state in found.files:
        folder = _walk.below(account.roots, state.path)[1].partition("/")[0]
        session = Path(state.path).stem
        if state.path.endswith(".jsonl"):
            parser = partial(Chat, account.id, session, folder)
            yield from reading.log(state, _CHATS, parser)
            if _is_still(state, env) and _holds(reading, state):
                reading.settle(state, _CHATS, parser)
        else:
            place = _old_place(account, session, folder)
            yield from reading.document(state, _OLD_CHATS, partial(OldChat, place))
    yield from reading.rest(gone, found.problems)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: there is no API that tells anything."""
    return iter(())


def settings_facts(found: Mapping[str, object]) -> dict[str, str | None]:
    """Facts of a `settings.json`."""
    return {
        "auth_type": text(child(found, "security", "auth").get("selectedType"))
        or text(found.get("selectedAuthType")),
        "active_model": text(child(found, "model").get("name")),
    }


def _homes(env: Env) -> list[Path]:
    """Chats may lie elsewhere than settings and the record of ended sessions, and did not before."""
    own = _walk.named(env, "QWEN_HOME") or [env.home / ".qwen"]
    found = _walk.named(env, "QWEN_DATA_DIR") or [*_walk.named(env, "QWEN_RUNTIME_DIR"), *own]
    return list(dict.fromkeys(found))


def _find(account: Account, changed: Collection[str] | None = None) -> _walk.Found:
    new = _walk.find(_ending(account, PROJECTS), _is_log, changed)
    old = _walk.find(_ending(account, OLD), _is_old_chat, changed, enters=_leads_to_old_chats)
    return _walk.Found([*new.files, *old.files], [*new.problems, *old.problems])


def _records(env: Env) -> list[FileState]:
    found = (_jsonl.stat(os.path.realpath(home / RECORD)) for home in _homes(env))
    return [state for state in found if state is not None]


def _ending(account: Account, name: str) -> list[str]:
    return [root for root in account.roots if root.endswith(f"/{name}")]


def _is_log(relative: str) -> bool:
    """A chat, or a sub-agent's: these lie in a folder beside it."""
    return relative.endswith(".jsonl") and relative.count("/") > 1


def _is_old_chat(relative: str) -> bool:
    return _OLD_CHAT.fullmatch(relative) is not None


def _leads_to_old_chats(relative: str) -> bool:
    return relative.partition("/")[2] in ("", "chats")


def _old_place(account: Account, session: str, folder: str) -> Place:
    return Place(
        provider=PROVIDER,
        account=account.id,
        upstream=UPSTREAM,
        session=session,
        is_agent=False,
        project=lambda: None,
        folder=folder,
    )


def _is_known(account: Account, cursors: Cursors, session: str) -> bool:
    """Whether a session's chat is there, or was read before it went."""
    name = f"/{session}.jsonl"
    if any(path.endswith(name) for path in cursors):
        return True
    places = (Path(root) for root in _ending(account, PROJECTS))
    return any(True for place in places for _ in place.glob(f"*/chats{name}"))


def _is_still(state: FileState, env: Env) -> bool:
    return state.mtime_ns // 1000 < env.now_us - STILL_US


def _holds(reading: Reading, state: FileState) -> bool:
    cursor = reading.cursor(state.path)
    return cursor is not None and _chat.HELD in cursor.state
