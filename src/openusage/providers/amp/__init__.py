"""Amp: a document for every thread in `~/.local/share/amp/threads`.

Seen: threads of 2025 and 2026, with and without a ledger of their use. Credits are Amp's own unit and no
dollars. Not covered: threads that a current Amp keeps on its server alone (`amp threads export` would fetch
them, with the user's login and a call for each), and limits, which no file tells.
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
from openusage.providers.amp._thread import PROVIDER, Memory, Parser
from openusage.wire.events import Account, Record

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Amp",
    kind=Kind.LOCAL,
    default_account="amp",
    docs_url="https://ampcode.com/manual",
    patterns=("~/.local/share/amp/threads/T-*.json",),
    binaries=("amp",),
    retention_hint="A current Amp keeps its threads on its server and writes few or none of these files.",
)


_REMEMBERS = Remembers(Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all data directories that have threads."""
    return one_account(SPEC, _walk.real_dirs(place / "threads" for place in _places(env)))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    for state in files:
        parser = partial(Parser, account.id, Path(state.path).stem)
        yield from reading.document(state, _REMEMBERS, parser)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: Amp has no API for what is left."""
    return iter(())


def _places(env: Env) -> list[Path]:
    named = _walk.named(env, "AMP_DATA_DIR")
    if named:
        return named
    data = _walk.named(env, "XDG_DATA_HOME") or [env.home / ".local" / "share"]
    others = [env.home / "Library" / "Application Support", *_walk.named(env, "APPDATA")]
    return [place / "amp" for place in (*data, *others)]


def _is_thread(relative: str) -> bool:
    return relative.startswith("T-") and relative.endswith(".json")


_THREADS = Files(_is_thread, _chunks, enters=lambda relative: False)
plan, read = _THREADS.plan, _THREADS.read
