"""The session files of Kiro CLI -> one chunk: headers with their transcripts, and logs of the newer layout.

Credits have no place in an event, so they are told as a counter: what this machine used in all. Each cursor
keeps the counter as it was after it, and the highest of them is where it goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _documents, _jsonl
from openusage.providers._calls import Calls
from openusage.providers._contract import Chunk, Cursors
from openusage.providers._documents import object_in
from openusage.providers._jsonl import FileState, Mark
from openusage.providers._loose import Unreadable
from openusage.providers._sqlite import is_touched
from openusage.providers._values import json_object, project_of, remembered, text
from openusage.providers.kiro_cli._turns import (
    PROVIDER,
    Header,
    Log,
    Session,
    Spent,
    header_of,
    transcript_events,
    turn_events,
)
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Behaviour, QuotaReading, Record, Scope
from openusage.wire.problems import Problem

HOUR_US = 3_600_000_000
LOG = "messages.jsonl"


class State(msgspec.Struct, omit_defaults=True):
    """Travels in a file's cursor, as JSON."""

    turns: int = 0
    """Of a header: how many of its turns were counted."""
    conversation: str = ""
    calls: Calls = msgspec.field(default_factory=Calls)
    log: Log | None = None
    mark: Mark | None = None
    counter: tuple[int, float] = (0, 0.0)
    """Credits of all sessions after this file was read, and the latest time of any."""


_state = msgspec.json.Decoder(State)


def state_of(cursor: FileCursor | None) -> State:
    """What a cursor remembers; nothing, when it was written by another version of this program."""
    if cursor is None or not cursor.state:
        return State()
    if cursor.path.endswith(".json"):
        return _state_in(_documents.kept_of(cursor).memory)
    return remembered(cursor.state, _state)


def _state_in(memory: msgspec.Raw) -> State:
    return remembered(bytes(memory), _state)


def find(home: Path, cli: Path) -> list[Path]:
    """Headers and transcripts in `cli`, and logs of the newer layout below `home`'s sessions."""
    found = [p for p in _children(cli) if p.suffix in (".json", ".jsonl")]
    for workspace in _children(home / "sessions"):
        if workspace != cli and workspace.is_dir():
            found += [log for s in _children(workspace) if (log := s / LOG).is_file()]
    return found


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def due(paths: list[Path], cursors: Cursors, changed: Collection[str] | None = None) -> list[FileState]:
    """Files that changed."""
    states = [s for p in paths if (s := _jsonl.stat(p)) is not None and is_touched(s.path, changed)]
    return [s for s in states if s.start(cursors.get(s.path)) is not None]


def size_of(state: FileState, cursors: Cursors) -> int:
    """Bytes to read of a file that is due."""
    is_whole = state.path.endswith(".json")
    return state.size if is_whole else max(0, state.size - (state.start(cursors.get(state.path)) or 0))


class Reading:
    """One pass over the files."""

    def __init__(self, account: str, cursors: Cursors) -> None:
        self._account = account
        self._old = cursors
        self._records: list[Record] = []
        self._spent: list[Spent] = []
        self._done: list[tuple[FileCursor, State]] = []
        self._problems: list[Problem] = []
        self._bytes = 0
        self._counter = (0, 0.0)
        self._contexts: list[tuple[int, float, int | None]] = []

    def chunk(self, states: list[FileState], paths: list[Path]) -> Chunk | None:
        """All that is new in files that are due; `paths` are those that are there. `None`: nothing."""
        for state in states:
            if state.path.endswith(".json"):
                self._header(state)
            elif state.path.endswith(f"/{LOG}"):
                self._log(state)
            else:
                self._transcript(state)
        here = set(map(str, paths))
        gone = [p for p in self._old if p not in here and _is_gone(p)]
        if not self._done and not gone and not self._problems:
            return None
        return Chunk(
            records=[*self._records, *self._readings()],
            cursors=self._cursors(gone),
            gone=gone,
            problems=self._problems,
            bytes_read=self._bytes,
        )

    def _header(self, file: FileState) -> None:
        found: list[tuple[Header, State]] = []

        def parse(data: bytes, memory: msgspec.Raw) -> tuple[Iterable[Record], msgspec.Raw]:
            header, state = header_of(data), _state_in(memory)
            # The last turn that was counted may have been written again since.
            turns = header.turns[max(0, state.turns - 1) :]
            records = [r for turn in turns for r in turn_events(self._account, header.session, turn)]
            found.append((header, state))
            return records, memory

        try:
            read = _documents.read(file, self._old.get(file.path), parse)
        except SourceUnavailable as e:
            self._problems.append(Problem.of(e, file.path))
            return
        self._bytes += read.bytes_read
        self._records += read.records
        self._problems += [] if read.problem is None else [read.problem]
        state = state_of(self._old.get(file.path))
        for header, state in found:
            self._spent += [(t.at_us, t.credits) for t in header.turns[state.turns :] if t.credits]
            state.turns, state.conversation = len(header.turns), header.session.id
            if header.context_pct is not None:
                self._contexts.append((header.updated_us, header.context_pct, header.context_tokens))
        if read.cursor is not None:
            self._done.append((read.cursor, state))

    def _transcript(self, file: FileState) -> None:
        path = Path(file.path).with_suffix(".json")
        try:
            header = header_of(path.read_bytes())
        except FileNotFoundError:
            session = Session(id=path.stem, started_us=file.mtime_ns // 1000)
            header = Header(session, [], None, None, 0)
        except (OSError, Unreadable):
            return  # being written: it tells when the calls were
        state, offset = self._resumed(file)
        for line in self._lines(file, state, offset):
            self._records += transcript_events(self._account, header, line, state.calls)

    def _log(self, file: FileState) -> None:
        state, offset = self._resumed(file)
        log = state.log = state.log or Log(session=_session_beside(Path(file.path)))
        for line in self._lines(file, state, offset):
            self._records += log.events(self._account, line, self._spent)
        if log.context is not None:
            self._contexts.append((*log.context, None))

    def _resumed(self, file: FileState) -> tuple[State, int]:
        """What is remembered of a file and where to go on in it; nothing and 0, when it was written anew."""
        cursor = self._old.get(file.path)
        state, offset = state_of(cursor), file.start(cursor) or 0
        if offset and _jsonl.is_continued(file.path, offset, state.mark):
            return state, offset
        return State(), 0

    def _lines(self, file: FileState, state: State, offset: int) -> Iterator[dict[str, object]]:
        """Objects in the lines of a file from `offset` on."""
        start, whole = offset, True
        try:
            for block in _jsonl.blocks(file.path, offset):
                for at, view in block.views():
                    line = json_object(bytes(view))
                    if line:
                        yield line
                    elif bytes(view).lstrip().startswith(b"{") and len(self._problems) < 20:
                        self._problems.append(Problem(path=file.path, offset=at, what="not a JSON line"))
                offset, state.mark = block.end, block.mark
        except SourceUnavailable as e:
            whole = False
            self._problems.append(Problem.of(e, file.path))
        self._bytes += file.size - start if whole else 0
        if whole or offset > start:
            self._done.append((file.cursor(offset, whole=whole), state))

    def _readings(self) -> Iterator[Record]:
        """The counter of credits, hour by hour, and how full the newest context is.

        The counter's time never goes back: what was found late was spent when it was found.
        """
        latest_us, total = max((state_of(c).counter for c in self._old.values()), default=(0, 0.0))
        by_hour: dict[int, tuple[int, float]] = {}
        for at_us, spent in sorted(self._spent):
            latest_us, total = max(latest_us, at_us), total + spent
            by_hour[latest_us // HOUR_US] = (latest_us, total)
        self._counter = (latest_us, total)
        for at_us, used in by_hour.values():
            yield _reading(self._account, "credits", at_us, "credits", used, None, "all-time")
        if self._contexts:
            at_us, pct, size = max(self._contexts, key=lambda c: c[0])
            if at_us:
                used, unit = (pct, "%") if size is None else (pct / 100 * size, "tokens")
                limit = 100.0 if size is None else float(size)
                yield _reading(self._account, "context_window", at_us, unit, used, limit, "session")

    def _cursors(self, gone: list[str]) -> list[FileCursor]:
        done = list(self._done)
        if gone and not done:
            # The counter must outlive the file that kept it.
            done = [(c, state_of(c)) for p, c in self._old.items() if p not in gone][:1]
        return [_with(cursor, state, self._counter) for cursor, state in done]


def _with(cursor: FileCursor, state: State, counter: tuple[int, float]) -> FileCursor:
    """The cursor with what is to be remembered."""
    state.counter = counter
    data = msgspec.json.encode(state)
    if cursor.path.endswith(".json"):
        kept = _documents.kept_of(cursor)
        data = msgspec.json.encode(msgspec.structs.replace(kept, memory=msgspec.Raw(data)))
    return msgspec.structs.replace(cursor, state=data)


def _reading(
    account: str, key: str, at_us: int, unit: str, used: float, limit: float | None, window: str
) -> QuotaReading:
    return QuotaReading(
        provider=PROVIDER,
        account=account,
        key=key,
        at_us=at_us,
        unit=unit,
        window=window,
        used=used,
        limit=limit,
        behaviour=Behaviour.COUNTER if limit is None else Behaviour.GAUGE,
        scope=Scope.MACHINE,
    )


def _session_beside(log: Path) -> Session:
    """What the `session.json` beside a log tells."""
    given = object_in(log.parent / "session.json")
    workspace = text(given.get("workspace")) or text(given.get("workspacePath")) or text(given.get("cwd"))
    return Session(
        id=log.parent.name,
        model=text(given.get("modelId")),
        directory=workspace if project_of(workspace) else None,
    )


def _is_gone(path: str) -> bool:
    """Whether a log is certainly gone; a folder that is out of reach may come back.

    A header's cursor is kept: its credits would count again if it came back.
    """
    place = Path(path)
    if place.suffix != ".jsonl":
        return False
    top = place.parent if place.name != LOG else place.parents[2]
    return top.is_dir() and not place.exists()
