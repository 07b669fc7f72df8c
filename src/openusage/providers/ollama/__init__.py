"""Ollama: the log of its server, the database of its desktop program, the server itself, the cloud account.

Seen: logs of 2024 to 2026, schemas 1 to 18 of the database. The log has a line for every request, without a
model or counts: those tell of requests alone, and the desktop program's own are told by its database. That
has texts and no counts: its tokens are estimated, four characters each, and marked. A service under Linux
logs to the journal, which is not read. Other agents' calls of this server are also counted by those agents.
Failed requests and counts of single answers, which only an API's answer has, are not covered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from openusage.errors import SourceChanged
from openusage.providers import _jsonl, _sqlite, _walk
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers.ollama import _database, _log, _server
from openusage.providers.ollama._log import PROVIDER
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.zone import load_zone, local_zone_name

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Ollama",
    kind=Kind.BOTH,
    default_account="ollama-local",
    docs_url="https://docs.ollama.com",
    patterns=("~/.ollama/logs/server*.log", "~/Library/Application Support/Ollama/db.sqlite"),
    binaries=("ollama",),
    retention_hint="Ollama keeps the logs of its last six starts.",
)

CLOUD = "ollama-cloud"
DATABASE = "db.sqlite"
SETTINGS = "server.json"

_LOGS = Remembers(_log.Memory)


def discover(env: Env) -> Iterator[Account]:
    """The installation here, and the cloud account when its key is set."""
    home = env.home / ".ollama"
    folders = _walk.real_dirs(_log_folders(env)) + [str(Path(p).parent) for p in _databases(env)]
    if folders or home.is_dir():
        yield from one_account(SPEC, flat_roots=[*folders, *_walk.real_dirs([home])])
    if env.environ.get(_server.KEY, "").strip():
        yield Account(id=CLOUD, provider=SPEC.id, label="Ollama Cloud")


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    if account.id == CLOUD:
        return Plan(files=0, bytes_to_read=0)
    logs, found = _walk.plan(_find(env).files, cursors), _sqlite.plan(_databases(env), cursors)
    settings = _walk.plan(filter(None, [_jsonl.stat(env.home / ".ollama" / SETTINGS)]), cursors)
    return logs + found + settings


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`: the database first, whose messages the log repeats as requests."""
    if account.id == CLOUD:
        return
    found = _find(env, changed)
    known: dict[str, FileCursor] = dict(cursors)

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return _database.batches(db, state, account.id, env.now_us)

    failure: SourceChanged | None = None
    try:
        # Where a log tells something new, the database has to be known up to then: as long as that is
        # locked, the log waits. One of another form is not waited for.
        for chunk in _sqlite.read(_databases(env), cursors, None if found.files else changed, reader):
            known.update((cursor.path, cursor) for cursor in chunk.cursors)
            yield chunk
    except SourceChanged as e:
        failure = e
    reading = Reading(account, cursors, changed)
    reading.facts(env.home / ".ollama" / SETTINGS, _server.settings_facts)
    told = sorted(at for path in _databases(env) if path in known for at in _database.times(known[path]))
    for state in found.files:
        if not reading.is_read(state):
            zone = load_zone(local_zone_name(env.environ))
            yield from reading.log(state, _LOGS, partial(_log.Parser, account.id, zone, told))
    yield from reading.rest(_walk.gone(cursors, found.files, account.flat_roots, changed), found.problems)
    if failure is not None:
        raise failure


def poll(account: Account, env: Env) -> Iterator[Record]:
    """What the server on this machine has loaded, or what the cloud tells of its account.

    Raises:
        AuthRequired: the cloud refuses the key.
        SourceUnavailable: no answer of the cloud, or too many questions.
        SourceChanged: an answer of another form.
    """
    if env.http is not None:
        yield from _server.cloud(account.id, env) if account.id == CLOUD else _server.local(account.id, env)


def _log_folders(env: Env) -> list[Path]:
    return [env.home / ".ollama" / "logs", env.home / "AppData" / "Local" / "Ollama"]


def _find(env: Env, changed: Collection[str] | None = None) -> _walk.Found:
    roots = _walk.real_dirs(_log_folders(env))
    return _walk.find(roots, _is_log, changed, enters=lambda relative: False)


def _is_log(relative: str) -> bool:
    return relative.startswith("server") and relative.endswith(".log") and "/" not in relative


def _databases(env: Env) -> list[str]:
    folders = (
        env.home / "Library" / "Application Support" / "Ollama",
        env.home / "AppData" / "Local" / "Ollama",
        _walk.data_home(env) / "Ollama",
        env.home / ".config" / "Ollama",
        env.home / ".ollama",
    )
    return [str(folder / DATABASE) for folder in folders if (folder / DATABASE).is_file()]
