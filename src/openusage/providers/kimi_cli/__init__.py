"""Kimi CLI (`~/.kimi`) and its successor Kimi Code (`~/.kimi-code`): a log for every agent of a session.

Seen: wire logs of the Python program, protocols 1.1 to 1.10, and records of the TypeScript one, 1.0 to 1.5.
The Python program does not log its model: events have the one that is set when they are read. Costs are not
recorded. The plan's limits are asked for with the tool's own login while that is valid. Not covered:
compactions of the Python program, and its sessions without a wire log (2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.providers.kimi_cli import _limits, _records, _settings, _wire
from openusage.providers.kimi_cli._place import PROVIDER, Place
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Kimi CLI",
    kind=Kind.BOTH,
    default_account="kimi_cli",
    docs_url="https://moonshotai.github.io/kimi-cli",
    patterns=("~/.kimi/sessions/*/*/**/wire.jsonl", "~/.kimi-code/sessions/*/*/agents/*/wire.jsonl"),
    binaries=("kimi",),
    retention_hint="Kimi keeps its sessions until they are deleted.",
)

LOG, SESSIONS = "wire.jsonl", "sessions"

_WIRES = Remembers(_wire.Memory)
_RECORDS = Remembers(_records.Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over the homes of both programs."""
    return one_account(SPEC, _walk.real_dirs(home / SESSIONS for home in _homes(env)))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    settings = _settings.Settings()
    for state in files:
        if reading.is_read(state):
            continue
        place, is_new = _place(account, state, settings)
        if is_new:
            yield from reading.log(state, _RECORDS, partial(_records.Parser, place))
        else:
            yield from reading.log(state, _WIRES, partial(_wire.Parser, place))


def poll(account: Account, env: Env) -> Iterator[Record]:
    """What is left of the plan, when the tool is signed in. Nothing without a network.

    Raises:
        AuthRequired: the login is refused.
        SourceUnavailable: no answer, or too many questions.
        SourceChanged: an answer of another form.
    """
    if env.http is not None:
        yield from _limits.poll(account.id, _homes(env), env)


def _homes(env: Env) -> list[Path]:
    """Of Kimi Code, which people use now, then of the Python program."""
    new = _walk.named(env, "KIMI_CODE_HOME") or [env.home / ".kimi-code"]
    return [*new, *(_walk.named(env, "KIMI_DATA_DIR", "KIMI_SHARE_DIR") or [env.home / ".kimi"])]


def _is_log(relative: str) -> bool:
    """The log of an agent: `<project>/<session>/wire.jsonl`, or one of its agents' folders."""
    parts = relative.split("/")
    return parts[-1] == LOG and (
        len(parts) == 3 or (len(parts) == 5 and parts[2] in (_wire.AGENTS, _records.AGENTS))
    )


def _place(account: Account, state: FileState, settings: _settings.Settings) -> tuple[Place, bool]:
    """Where a log is, and whether it is one of Kimi Code."""
    root, relative = _walk.below(account.roots, state.path)
    folder, session, *rest = relative.split("/")
    home = Path(root).parent
    agent_id = rest[1] if len(rest) == 3 else None
    if rest[0] == _records.AGENTS:
        project = settings.project_of_session(Path(root, folder, session)) or _records.project(folder)
        agent = None if agent_id == _records.MAIN else _records.AGENT
        name = session.removeprefix("session_")
        return Place(account.id, name, project, agent, agent_id or _records.MAIN, None), True
    agent, model = (
        (None, None)
        if agent_id is None
        else settings.subagent(Path(root, folder, session, _wire.AGENTS, agent_id))
    )
    return (
        Place(
            account.id,
            session,
            settings.project(home, folder),
            agent,
            agent_id,
            model or settings.model(home),
        ),
        False,
    )


_FILES = Files(_is_log, _chunks)
plan, read = _FILES.plan, _FILES.read
