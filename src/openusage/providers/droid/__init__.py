"""Droid (Factory): a document of totals and a log for every session in `~/.factory/sessions`.

Seen: sessions beside each other (2025) and in folders of their projects (2026); the desktop program writes
into the same place. Token counts are totals of a session and are told as they grow; a session that changed
its model has what it used before under the model that it had when it was seen. Credits are Factory's own
unit. Not covered: the tokens of single answers, which no file tells; limits, unless a person put a key into
`FACTORY_API_KEY`: the tool's own login is encrypted and not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from openusage.providers import _http, _jsonl, _walk
from openusage.providers._contract import Chunk, Env, Kind, ProviderSpec
from openusage.providers._figures import window_used
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.providers._values import child, number, time_us
from openusage.providers.droid import _log, _totals
from openusage.providers.droid._log import PROVIDER
from openusage.wire.events import Account, QuotaReading, Record

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Droid",
    kind=Kind.BOTH,
    default_account="droid",
    docs_url="https://docs.factory.ai",
    patterns=("~/.factory/sessions/**/*.settings.json", "~/.factory/sessions/**/*.jsonl"),
    binaries=("droid",),
)

API_BASE_URL = "https://api.factory.ai"
KEY = "FACTORY_API_KEY"
TOTALS, LOG = ".settings.json", ".jsonl"

_WINDOWS = {
    "fiveHour": ("usage_five_hour", "5h"),
    "weekly": ("usage_weekly", "7d"),
    "monthly": ("usage_monthly", "month"),
}
"""Name in the answer -> (metric, window)."""
_LOGS = Remembers(_log.Memory)
_SETTINGS = Remembers(_totals.Memory)


def discover(env: Env) -> Iterator[Account]:
    """One account over all session directories."""
    named = _walk.named(env, "DROID_SESSIONS_DIR")
    return one_account(SPEC, _walk.real_dirs(named or [env.home / ".factory" / "sessions"]))


def _chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    """Logs first: they tell of which project a total is."""
    for state in files:
        if state.path.endswith(LOG):
            parser = partial(_log.Log, account.id, _session(state))
            yield from reading.log(state, _LOGS, parser)
    for state in files:
        if state.path.endswith(TOTALS) and not reading.is_read(state) and _is_begun(reading, state):
            place = _place(account, reading, state)
            yield from reading.document(state, _SETTINGS, partial(_totals.Parser, place))


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The plan's limits, when a person gave a key for that.

    Raises:
        AuthRequired: the key is refused.
        SourceUnavailable: no answer, or too many questions.
        SourceChanged: an answer of another form.
    """
    key = env.environ.get(KEY, "").strip()
    if env.http is None or not _http.is_header(key):
        return
    base = env.base_url(PROVIDER, API_BASE_URL)
    answer = _http.ask(
        env.http,
        f"{base}/api/billing/limits",
        who="Factory's limits endpoint",
        headers={"Authorization": f"Bearer {key}"},
        login_hint=f"Put a valid key into {KEY}.",
    )
    yield from readings_of(answer, account.id, env.now_us)


def readings_of(answer: Mapping[str, object], account: str, now_us: int) -> Iterator[QuotaReading]:
    """The windows of an answer that say how much of them is used."""
    limits = child(answer, "limits", "standard")
    for name, (key, window) in _WINDOWS.items():
        limit = child(limits, name)
        used, ends_us = number(limit.get("usedPercent")), time_us(limit.get("windowEnd"))
        if used is None:
            continue
        yield window_used(PROVIDER, account, key, window, used, at_us=now_us, resets_at_us=ends_us)


def _is_session(relative: str) -> bool:
    return relative.endswith((TOTALS, LOG))


def _session(state: FileState) -> str:
    return Path(state.path).name.removesuffix(TOTALS).removesuffix(LOG)


def _log_of(state: FileState) -> str:
    return state.path.removesuffix(TOTALS) + LOG


def _is_begun(reading: Reading, state: FileState) -> bool:
    """Whether what a session's log begins with is known; a session without a log begins as it is."""
    cursor = reading.cursor(_log_of(state))
    return (cursor is not None and cursor.offset > 0) or _jsonl.stat(_log_of(state)) is None


def _place(account: Account, reading: Reading, state: FileState) -> _totals.Place:
    known = reading.memory(_log_of(state), _LOGS) or _log.Memory()
    return _totals.Place(
        account=account.id,
        session=_session(state),
        project=known.project,
        model=known.model,
        from_us=known.from_us,
        written_us=state.mtime_ns // 1000,
    )


_FILES = Files(_is_session, _chunks)
plan, read = _FILES.plan, _FILES.read
