"""OpenAI Codex CLI: rollout files in `~/.codex` and the vendor's usage API.

Seen: the formats of 2025 and 2026, plain and packed (`.zst`), active and archived. A session is its id, not
its path: moving or packing its file changes nothing. Not covered: `codex exec --json` output saved elsewhere
(its session has a rollout too), the app-server RPC, which tells no more than the API, and the higher price of
a faster `service_tier`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from os import scandir
from pathlib import Path

import msgspec

from openusage.errors import SourceChanged, SourceUnavailable
from openusage.providers import _jsonl
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._single import one_account
from openusage.providers.codex import _login as logins
from openusage.providers.codex._counter import counters
from openusage.providers.codex._log import Parser
from openusage.providers.codex._notify import parse_hook
from openusage.providers.codex._state import PROVIDER, Sink, State
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.wire.problems import Problem

__all__ = ["SPEC", "discover", "parse_hook", "plan", "poll", "read"]

SPEC = ProviderSpec(
    id=PROVIDER,
    name="Codex",
    kind=Kind.BOTH,
    default_account="codex-cli",
    docs_url="https://developers.openai.com/codex/cli",
    patterns=("~/.codex/sessions/**/rollout-*.jsonl", "~/.codex/archived_sessions/rollout-*.jsonl"),
    binaries=("codex",),
    retention_hint="Codex keeps its logs; from 0.137 on it packs those idle for 7 days, which are read too.",
)

CHUNK_BYTES = 4 << 20
MAX_PROBLEMS = 20
"""Of one file in one chunk: a file that is no log at all would have one in each line."""
STILL_S = 600
"""A file unchanged for so long is complete for now."""

_SESSIONS, _ARCHIVED = "sessions", "archived_sessions"
_NAME = re.compile(
    r"rollout-(?P<rest>.*?(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?)\.jsonl(?P<packed>\.zst)?",
    re.IGNORECASE,
)


class _File(msgspec.Struct, frozen=True):
    """One session's file, the best of its copies."""

    session: str
    rank: tuple[int, int, int]
    """Of copies the least wins: active before archived, plain before packed."""
    path: str
    packed: bool


class _Due(msgspec.Struct, frozen=True):
    """What there is to do with a file."""

    file: _File
    state: FileState
    cursor: FileCursor | None
    start: int | None
    """Where to read from; `None`: nothing new in it."""


def discover(env: Env) -> Iterator[Account]:
    """The Codex homes of this machine as one account."""
    roots: list[str] = []
    for home in _homes(env):
        found = [d for d in (home / _SESSIONS, home / _ARCHIVED) if d.is_dir()]
        if not found and (home / "auth.json").is_file():
            found = [home]
        roots += [str(d) for d in found]
    return one_account(SPEC, roots)


def _homes(env: Env) -> list[Path]:
    named = [part.strip() for part in env.environ.get("CODEX_HOME", "").split(",") if part.strip()]
    return [_expanded(n, env.home) for n in named] or [env.home / ".codex"]


def _expanded(path: str, home: Path) -> Path:
    return home / path[2:] if path.startswith("~/") else Path(path)


def _roots(account: Account) -> list[Path]:
    """Codex homes of an account: its roots, or what they are folders of."""
    paths = [Path(r) for r in account.roots]
    return list(dict.fromkeys(p.parent if p.name in (_SESSIONS, _ARCHIVED) else p for p in paths))


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read. A packed file counts whole, by its packed size."""
    due = [d for d in _due(_files(account, []), cursors) if d.start is not None]
    todo = sum(d.state.size if d.file.packed else d.state.size - (d.start or 0) for d in due)
    return Plan(files=len(due), bytes_to_read=todo)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`, oldest session first, so that forks find their parents read."""
    reading = _Reading(account, env)
    reading.files = _files(account, reading.problems)
    for home in _roots(account):
        reading.login(home / "auth.json", cursors)
    for due in _due(reading.files, cursors, changed):
        yield from reading.file(due)
    reading.forget(cursors)
    yield from reading.rest()


def poll(account: Account, env: Env) -> Iterator[Record]:
    """The plan's present figures, from the vendor. Nothing without a network or a login."""
    if env.http is None:
        return
    for home in _roots(account):
        if (home / "auth.json").is_file():
            known = logins.login(home / "auth.json")
            if known.access_token:
                yield from logins.ask(account.id, home, known, env)
                return


def _files(account: Account, problems: list[Problem]) -> dict[str, _File]:
    """Session -> its file, in the order of the sessions' beginnings."""
    best: dict[str, _File] = {}
    names: dict[str, str] = {}
    for nth, home in enumerate(_roots(account)):
        for archived, folder in enumerate((_SESSIONS, _ARCHIVED)):
            for name, path in _walk(home / folder, problems):
                found = _NAME.fullmatch(name)
                if found is None:
                    continue
                session = (found["uuid"] or found["rest"]).lower()
                packed = found["packed"] is not None
                file = _File(session, (archived, packed, nth), path, packed)
                if session not in best or file.rank < best[session].rank:
                    best[session], names[session] = file, name
    return {session: best[session] for session in sorted(best, key=names.__getitem__)}


def _walk(folder: Path, problems: list[Problem], depth: int = 6) -> Iterator[tuple[str, str]]:
    """Names and paths of the regular files below a folder."""
    try:
        with scandir(folder) as entries:
            for entry in entries:
                try:
                    is_file, is_folder = entry.is_file(), entry.is_dir()
                except OSError as e:  # a link to itself, say: the others of the folder are still read
                    problems.append(Problem(path=entry.path, what=f"cannot be looked at: {e.strerror}"))
                    continue
                if is_file:
                    yield entry.name, entry.path
                elif depth and is_folder:
                    yield from _walk(Path(entry.path), problems, depth - 1)
    except FileNotFoundError:
        return
    except OSError as e:
        problems.append(Problem(path=str(folder), what=f"cannot be listed: {e.strerror or e}"))


def _due(files: dict[str, _File], cursors: Cursors, changed: Collection[str] | None = None) -> Iterator[_Due]:
    paths = {f.path for f in files.values()}
    # By name: the watcher tells real paths, ours may lead through a link.
    names = None if changed is None else {path.rpartition("/")[2] for path in changed}
    moved = {_session(path): cursor for path, cursor in cursors.items() if path not in paths}
    for file in files.values():
        if names is not None and file.path.rpartition("/")[2] not in names:
            continue
        state = _jsonl.stat(file.path)
        if state is not None:
            cursor = cursors.get(file.path) or moved.get(file.session)
            yield _Due(file, state, cursor, _start(file, state, cursor))


def _session(path: str) -> str:
    found = _NAME.fullmatch(path.rpartition("/")[2])
    return (found["uuid"] or found["rest"]).lower() if found else ""


def _start(file: _File, state: FileState, cursor: FileCursor | None) -> int | None:
    """Where to go on in a file, also when it was moved, packed or unpacked since."""
    if cursor is None:
        return 0
    was_packed = cursor.path.endswith(".zst")
    if file.packed == was_packed:
        if cursor.size == state.size and cursor.mtime_ns == state.mtime_ns:
            return None
        if file.packed:
            return cursor.offset
        if file.path != cursor.path:
            return cursor.offset if cursor.offset <= state.size else 0
        return state.start(cursor)
    return cursor.offset if file.packed or cursor.offset <= state.size else 0


class _Reading:
    """One pass over an account's files: what the next chunk will hold, and the counters forks ask for."""

    def __init__(self, account: Account, env: Env) -> None:
        self.files: dict[str, _File] = {}
        self.problems: list[Problem] = []
        self._account = account
        self._now_us = env.now_us
        self._sink = Sink(account.id)
        self._cursors: dict[str, FileCursor] = {}
        self._gone: list[str] = []
        self._bytes = 0
        self._counters: dict[str, Sequence[int]] = {}

    def login(self, path: Path, cursors: Cursors) -> None:
        """Who is signed in, when that changed."""
        state = _jsonl.stat(path)
        if state is None or state.start(cursors.get(state.path)) is None:
            return
        try:
            known = logins.login(path)
        except SourceUnavailable as e:
            self.problems.append(Problem.of(e, state.path))
            return
        except SourceChanged as e:
            self.problems.append(Problem.of(e, state.path))
        else:
            self._sink.put(logins.facts(self._account.id, known, state.mtime_ns // 1000))
        self._cursors[state.path] = state.cursor(state.size)

    def file(self, due: _Due) -> Iterator[Chunk]:
        """Read what is new in one file."""
        path, cursor, start = due.file.path, due.cursor, due.start
        still = due.state.mtime_ns // 1000 < self._now_us - STILL_S * 1_000_000
        if cursor is not None and start is None:
            held = still and b'"held"' in cursor.state
            if cursor.path != path or held:
                parser = self._parser(due, cursor.state)
                if held:
                    parser.release()
                self._cursors[path] = due.state.cursor(cursor.offset, _encode(parser.state))
            return
        parser = self._parser(due, cursor.state if cursor is not None and start else b"")
        if start and not due.file.packed and not _jsonl.is_continued(path, start, parser.state.mark):
            start, parser = 0, self._parser(due, b"")
        offset, whole = start or 0, True
        try:
            for block in _jsonl.blocks(path, offset):
                parser.feed(block.data, block.start)
                parser.state.mark = block.mark
                self._note(path, parser, block)
                self._bytes += 0 if due.file.packed else block.end - offset
                offset = block.end
                if self._bytes >= CHUNK_BYTES:
                    parser.flush()
                    self._cursors[path] = due.state.cursor(offset, _encode(parser.state), whole=False)
                    yield self._chunk()
        except SourceUnavailable as e:
            self.problems.append(Problem.of(e, path, offset))
            whole = False
        if due.file.packed:
            self._bytes += due.state.size
        if still and whole:
            parser.release()
        parser.flush()
        if start == 0 and whole:
            self._counters[due.file.session] = parser.counters
        if whole or offset > (start or 0):
            self._cursors[path] = due.state.cursor(offset, _encode(parser.state), whole=whole)

    def forget(self, cursors: Cursors) -> None:
        """Cursors of files that are gone; a whole home that is gone may come back."""
        homes = tuple(f"{h}/" for h in _roots(self._account) if h.is_dir())
        paths = {f.path for f in self.files.values()}
        self._gone += [p for p in cursors if p not in paths and p.startswith(homes) and _missing(p)]

    def rest(self) -> Iterator[Chunk]:
        """The last chunk, when there is anything in it."""
        chunk = self._chunk()
        if chunk.records or chunk.cursors or chunk.gone or chunk.problems:
            yield chunk

    def _chunk(self) -> Chunk:
        chunk = Chunk(
            records=self._sink.take(),
            cursors=list(self._cursors.values()),
            gone=self._gone,
            problems=self.problems,
            bytes_read=self._bytes,
        )
        self._cursors, self._gone, self.problems, self._bytes = {}, [], [], 0
        return chunk

    def _parser(self, due: _Due, state: bytes) -> Parser:
        known = _decode(state) if state else None
        return Parser(self._sink, known or State(session=due.file.session), self._parent)

    def _note(self, path: str, parser: Parser, block: _jsonl.Block) -> None:
        if block.skipped:
            what = f"a line of {block.skipped >> 20} MB is too long and was skipped"
            self.problems.append(Problem(path=path, offset=block.start - block.skipped, what=what))
        self.problems += [Problem(path=path, offset=at, what=what) for at, what in parser.bad[:MAX_PROBLEMS]]
        parser.bad.clear()

    def _parent(self, ids: list[str]) -> Sequence[int]:
        """Counters of the first of these threads that is known, none when all are."""
        for session in map(str.lower, ids):
            if session not in self._counters and session in self.files:
                try:
                    blocks = _jsonl.blocks(self.files[session].path)
                    self._counters[session] = list(counters(block.data for block in blocks))
                except SourceUnavailable:
                    continue
            if session in self._counters:
                return self._counters[session]
        return ()


def _missing(path: str) -> bool:
    """Whether a file is certainly gone, and not only out of reach."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(State)


def _decode(state: bytes) -> State | None:
    """A state as we wrote it, `None` for that of another version: the file's counter starts anew."""
    try:
        return _decoder.decode(state)
    except msgspec.DecodeError:
        return None
