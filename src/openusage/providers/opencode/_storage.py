"""The JSON files of OpenCode before 1.2 -> chunks: `storage/message/<session>/<message>.json`, its parts.

A newer version leaves them as they are after it has copied them into its database. One folder is one session:
its time tells if a message came, and the messages that were not finished are known by name, so a pass costs
one stat a session and a look at what is new. Files are written in place: one that is half written is read
again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from openusage.providers import _opencode_messages as messages
from openusage.providers._contract import Chunk, Cursors, Plan
from openusage.providers._opencode_messages import Part, Session
from openusage.providers._values import child, decoded, json_object, text, time_us
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.wire.problems import Problem

CHUNK_MESSAGES = 200
SETTLED_US = 2_000_000
"""A folder that changed later than this before now may change again within the same tick of its clock."""
HALF_WRITTEN_US = 60_000_000
"""Nobody needs longer to write a file: what is broken then is told."""


class State(msgspec.Struct, omit_defaults=True):
    """Travels in a folder's cursor, as JSON."""

    last: str = ""
    """The newest message read; their names sort by time."""
    open: dict[str, int] = {}
    """Messages that were not finished, and when they were written last."""


_state = msgspec.json.Decoder(State)


class Folder(msgspec.Struct, frozen=True):
    """The messages of one session, and how far they were read."""

    path: Path
    inode: int
    size: int
    mtime_ns: int
    state: State
    is_same: bool
    """No file came or went since it was read."""

    def names(self) -> list[str]:
        """Files to read: unfinished ones that were written since, and new ones."""
        names = [] if self.is_same else _names(self.path)
        new = [name for name in names if name > self.state.last and name.endswith(".json")]
        written = [name for name, at in self.state.open.items() if _written(self.path / name) != at]
        return [*written, *new]

    def cursor(self, *, whole: bool) -> FileCursor:
        """`whole`: all that is in it now was read."""
        return FileCursor(
            path=str(self.path),
            inode=self.inode,
            size=self.size,
            mtime_ns=self.mtime_ns if whole else 0,
            offset=0,
            state=msgspec.json.encode(self.state),
        )


def due(root: Path, cursors: Cursors, changed: Collection[str] | None) -> Iterator[Folder]:
    """Sessions below a data folder in which something may be new."""
    top = root / "storage" / "message"
    touched = None if changed is None else {path.rpartition("/")[0] for path in changed} | set(changed)
    real = os.path.realpath(top)
    for name in _names(top):
        path = top / name
        if touched is not None and f"{real}/{name}" not in touched and real not in touched:
            continue
        try:
            found = path.stat()
        except OSError:
            continue
        cursor = cursors.get(str(path))
        state = (decoded(cursor.state, _state) if cursor is not None else None) or State()
        is_same = cursor is not None and (cursor.inode, cursor.mtime_ns) == (found.st_ino, found.st_mtime_ns)
        folder = Folder(path, found.st_ino, found.st_size, found.st_mtime_ns, state, is_same)
        if not is_same or folder.names():
            yield folder


def planned(folders: Iterator[Folder]) -> Plan:
    """Folders with something to read, and the bytes of its messages."""
    sizes = [sum(_size(folder.path / name) for name in folder.names()) for folder in folders]
    return Plan(files=sum(size > 0 for size in sizes), bytes_to_read=sum(sizes))


def _names(folder: Path) -> list[str]:
    """What is in a folder, sorted; nothing, when it cannot be listed."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class Storage:
    """One pass over the JSON files of one data folder."""

    def __init__(self, root: Path, account: Account, now_us: int) -> None:
        self._storage = root / "storage"
        self._account = account
        self._now_us = now_us
        self._reset()

    def _reset(self) -> None:
        self._records: list[Record] = []
        self._cursors: dict[str, FileCursor] = {}
        self._problems: list[Problem] = []
        self._bytes = self._messages = 0

    def chunks(self, folders: Iterator[Folder]) -> Iterator[Chunk]:
        """What is new in these sessions."""
        for folder in folders:
            session = self._session(folder.path.name)
            for name in folder.names():
                self._file(folder.path / name, session, folder.state.open)
                folder.state.last = max(folder.state.last, name)
                self._messages += 1
                if self._messages >= CHUNK_MESSAGES:
                    self._cursors[str(folder.path)] = folder.cursor(whole=False)
                    yield self._chunk()
            is_settled = abs(self._now_us - folder.mtime_ns // 1000) > SETTLED_US
            self._cursors[str(folder.path)] = folder.cursor(whole=is_settled)
        if self._cursors:
            yield self._chunk()

    def _chunk(self) -> Chunk:
        chunk = Chunk(
            records=self._records,
            cursors=list(self._cursors.values()),
            problems=self._problems,
            bytes_read=self._bytes,
        )
        self._reset()
        return chunk

    def _file(self, path: Path, session: Session, opened: dict[str, int]) -> None:
        """One message; those in `opened` are read again when they are written."""
        written = opened[path.name] = _written(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            del opened[path.name]
            return
        except OSError as e:
            opened[path.name] = 0
            self._problems.append(Problem(path=str(path), what=f"cannot be read: {e.strerror}"))
            return
        self._bytes += len(data)
        message = messages.message_of(data)
        age_us = self._now_us - written // 1000
        if message is None:
            if age_us > HALF_WRITTEN_US:
                self._problems.append(Problem(path=str(path), what="not a JSON object"))
            return
        parts = self._parts(path.stem) if message.role == "assistant" else []
        is_stale = age_us > messages.STALE_US
        self._records += messages.events(self._account, message, session, parts, final=is_stale)
        if message.role != "assistant" or (message.is_done and not messages.is_running(parts)):
            del opened[path.name]

    def _parts(self, message: str) -> list[Part]:
        folder = self._storage / "part" / message
        found: list[Part] = []
        for name in _names(folder):
            try:
                part = messages.part_of((folder / name).read_bytes())
            except OSError:
                continue
            if part is not None:
                found.append(part)
        return found

    def _session(self, name: str) -> Session:
        """What the session's own file tells, wherever among the projects it is."""
        for project in _names(self._storage / "session"):
            try:
                data = (self._storage / "session" / project / f"{name}.json").read_bytes()
            except OSError:
                continue
            known = json_object(data)
            created = child(known, "time").get("created")
            return Session(name, text(known.get("directory")), text(known.get("parentID")), time_us(created))
        return Session(name)
