"""Sessions that OpenClaw put away in a database -> their lines.

Sources: `src/state/openclaw-agent-schema.sql`, `src/config/sessions/session-cold-storage*.ts` of the OpenClaw
repository. A session that was reset or deleted is a log in a row, of which OpenClaw also makes a file. One
that was not used for long is packed into a file that a row names (in a backup into that row), each of its
rows as a line that says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _documents
from openusage.providers._loose import Unreadable
from openusage.providers._packed import unpacked
from openusage.providers._rows import Trail
from openusage.providers._sqlite import Database
from openusage.providers._values import child, json_object, text

_COLD_NAME = re.compile(r"[0-9a-f]{64}\.jsonl\.zst")
_WITNESS = "session_id || ' ' || generation"


class Archive(msgspec.Struct, frozen=True):
    """A session that was put away."""

    where: str
    session: str
    key: str = ""
    """Under which it was known."""
    lines: list[bytes] = []
    problem: str | None = None


class Store(msgspec.Struct, frozen=True):
    """A table of such sessions."""

    table: str
    needs: frozenset[str]
    columns: str
    is_cold: bool


STORES = (
    Store(
        "session_transcript_archives",
        frozenset(("session_id", "generation", "session_key", "encoding", "archive_blob")),
        "session_id, session_key, encoding = 'zstd', archive_blob, ''",
        is_cold=False,
    ),
    Store(
        "session_transcript_cold_archives",
        frozenset(("session_id", "generation", "archive_blob", "archive_name")),
        "session_id, (SELECT session_key FROM session_windows AS w WHERE w.session_id = a.session_id), 1,"
        " archive_blob, archive_name",
        is_cold=True,
    ),
)


def unread(db: Database, trails: dict[str, Trail]) -> Iterator[Archive]:
    """Sessions that were put away since, one at a time: each may be large. The tables' `trails` move on."""
    for store in STORES:
        if not store.needs <= db.columns(store.table):
            continue
        trail = trails.setdefault(store.table, Trail())
        at = trail.start(db, store.table, _WITNESS)
        one = f"SELECT rowid, {_WITNESS}, {store.columns} FROM {store.table} AS a WHERE rowid > ?"
        while rows := db.rows(f"{one} ORDER BY rowid LIMIT 1", (at,)):
            [(at, name, session, key, is_packed, blob, file)] = rows
            trail.add(at, str(name))
            where = f"row {at} of `{store.table}`"
            try:
                data = _content(db, file) if blob is None else blob
                data = unpacked(data, _documents.MAX_DOCUMENT_BYTES) if is_packed else data
                lines = filter(bytes.strip, data.split(b"\n"))
                said = list(_events(lines) if store.is_cold else lines)
                yield Archive(where, str(session), text(key) or "", said)
            except (Unreadable, SourceUnavailable) as e:
                yield Archive(where, str(session), problem=f"{where}: {e}")


def _content(db: Database, name: object) -> bytes:
    """A file of a cold session, which lies beside the agent's logs."""
    if not isinstance(name, str) or not _COLD_NAME.fullmatch(name):
        raise Unreadable("names no archive")
    return _documents.content(Path(db.path).parents[1] / "sessions" / "cold" / name)


def _events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that were a session's, out of those of all its rows."""
    for line in lines:
        found = json_object(line)
        event = child(found, "row").get("event_json") if found.get("kind") == "event" else None
        if isinstance(event, str):
            yield event.encode("utf-8", "replace")
