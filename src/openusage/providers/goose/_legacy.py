"""Goose's sessions before its database -> chunks: `<id>.jsonl`, the first line of which tells the totals.

A file is written anew with every message, so one that changed is read from its beginning; its totals are
dated by its first message. Newer versions take the files into the database under the same ids and leave them:
what both tell is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from openusage.errors import SourceUnavailable
from openusage.providers import _jsonl
from openusage.providers._calls import Calls
from openusage.providers._contract import Chunk, Cursors
from openusage.providers._jsonl import FileState
from openusage.providers._sqlite import is_touched
from openusage.providers._totals import Totals
from openusage.providers._values import json_object, nano_usd, text, time_us
from openusage.providers.goose._sessions import Session, counts_of, is_estimate, message_events, model_of
from openusage.wire.events import EventKind, Record, UsageEvent
from openusage.wire.problems import Problem

_FIELDS = ("input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens")


def due(folder: Path, cursors: Cursors, changed: Collection[str] | None = None) -> Iterator[FileState]:
    """Files of a folder that changed."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")
    except OSError:
        return
    for path in paths:
        state = _jsonl.stat(path)
        if state is not None and state.start(cursors.get(state.path)) is not None:
            if is_touched(state.path, changed):
                yield state


def gone(folder: Path, cursors: Cursors) -> list[str]:
    """Files of a folder that were read and are there no more."""
    ours = (path for path in cursors if path.endswith(".jsonl") and Path(path).parent == folder)
    return [path for path in ours if folder.is_dir() and not Path(path).exists()]


def chunk_of(account: str, state: FileState) -> Chunk:
    """All that one file tells."""
    records: list[Record] = []
    problems: list[Problem] = []
    calls = Calls()
    head: dict[str, object] = {}
    session = Session(id=Path(state.path).stem)
    end = first_us = 0
    try:
        for block in _jsonl.blocks(state.path):
            for offset, view in block.views():
                line = json_object(bytes(view))
                if not head:
                    head, session = line, _session(session.id, line)
                elif line:
                    first_us = first_us or time_us(line.get("created")) or 0
                    records += _message(account, session, line, calls)
                elif not _is_json(bytes(view)):
                    problems.append(Problem(path=state.path, offset=offset, what="not a JSON line"))
            end = block.end
    except SourceUnavailable as e:
        return Chunk(problems=[Problem.of(e, state.path)])
    if first_us:
        records += _total(session.about(account, first_us, EventKind.MESSAGE), session, head)
    return Chunk(
        records=records,
        cursors=[state.cursor(end)],
        problems=problems[:20],
        bytes_read=state.size,
    )


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return not data.strip()
    return True


def _session(name: str, line: dict[str, object]) -> Session:
    return Session(
        id=name,
        directory=text(line.get("working_dir")),
        vendor=text(line.get("provider_name")),
        model=text(line.get("model")) or model_of(line.get("model_config_json")),
    )


def _total(about: UsageEvent, session: Session, line: dict[str, object]) -> Iterator[Record]:
    sums = [line.get(f"accumulated_{f}") or line.get(f) for f in _FIELDS]
    used = counts_of(*sums)
    if used.total:
        about = msgspec.structs.replace(
            about,
            tokens=used,
            cost_reported_nano=nano_usd(line.get("accumulated_cost")),
            estimated=is_estimate(*sums[:3]),
        )
        yield from Totals().events(about, session.identity)


def _message(account: str, session: Session, line: dict[str, object], calls: Calls) -> Iterator[Record]:
    content, at_us = line.get("content"), time_us(line.get("created"))
    if isinstance(content, list) and at_us is not None:
        about = session.about(account, at_us, EventKind.TURN)
        yield from message_events(about, session, line.get("role"), content, calls, shown=True)
