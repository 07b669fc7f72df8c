"""Cursor's tracking database -> batches of records: which code a model wrote, and how much of commits.

A row of `ai_code_hashes` is a line or block of code, not a request: rows of one request and kind of file are
one event, with that many lines. What `source` calls `human` is no use of a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.errors import SourceChanged
from openusage.providers._rows import Followed, Row, Table
from openusage.providers._sqlite import CHANGED_HINT, Batch, Database
from openusage.providers._touched import file_key, language_of
from openusage.providers._values import count, remembered, text, time_us
from openusage.providers.cursor._chats import PROVIDER, upstream_of
from openusage.wire.events import EventKind, Outcome, QuotaReading, Record, Scope, UsageEvent, event_key

KEPT_GROUPS = 128
_CODE = (
    "source",
    "model",
    "fileExtension",
    "fileName",
    "requestId",
    "conversationId",
    "timestamp",
    "createdAt",
)
_CLIENTS = {"composer": "IDE", "tab": "IDE", "cli": "CLI"}
_BY_AI = ("tabLinesAdded", "composerLinesAdded")


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    code: Followed = msgspec.field(default_factory=Followed)
    lines: dict[str, int] = {}
    """Lines of the newest requests, by request and kind of file: more may come."""


_decoder = msgspec.json.Decoder(State)


def batches(db: Database, state: bytes, account: str) -> Iterator[Batch]:
    """Everything new in the database since `state`."""
    if not db.columns("ai_code_hashes") and not db.columns("scored_commits"):
        raise SourceChanged(f"{db.path} has no table `ai_code_hashes`", CHANGED_HINT)
    known = remembered(state, _decoder)
    if "hash" in db.columns("ai_code_hashes"):
        table = Table(name="ai_code_hashes", key="hash", columns=db.select("ai_code_hashes", _CODE))

        def read(rows: list[Row]) -> list[Record]:
            return list(_code(known, rows, account))

        for records, share in known.code.batches(db, table, read):
            yield Batch(records, msgspec.json.encode(known), share)
    yield Batch(list(_commits(db, account)), msgspec.json.encode(known))


def _code(known: State, rows: list[Row], account: str) -> Iterator[UsageEvent]:
    newest: dict[str, UsageEvent] = {}
    for _, _, source, model, extension, file, request, chat, timestamp, created in rows:
        kind, at_us = text(source), time_us(timestamp) or time_us(created)
        if kind is None or kind == "human" or at_us is None:
            continue
        group = text(request) or f"{chat} {at_us // 1_000_000}"
        suffix = (text(extension) or "").lstrip(".")
        name = f"{kind} {group} {suffix}"
        lines = known.lines.pop(name, 0) + 1
        known.lines[name] = lines
        newest[name] = UsageEvent(
            provider=PROVIDER,
            account=account,
            at_us=newest[name].at_us if name in newest else at_us,
            kind=EventKind.TOOL,
            event_key=event_key(PROVIDER, "code", kind, group, suffix),
            model=text(model),
            upstream=upstream_of(text(model)),
            client=_CLIENTS.get(kind, "IDE"),
            session=text(chat),
            tool=kind,
            outcome=Outcome.OK,
            language=language_of(f"x.{suffix}"),
            lines_added=lines,
            file_key=file_key(path) if (path := text(file)) else None,
        )
    for name in list(known.lines)[:-KEPT_GROUPS]:
        del known.lines[name]
    yield from newest.values()


def _commits(db: Database, account: str) -> Iterator[Record]:
    """How many commits were scored, and how much of their lines is of a model. Branches share commits."""
    columns = db.columns("scored_commits")
    if not {"commitHash", "scoredAt"} <= columns:
        return
    wanted = ("commitHash", "scoredAt", "linesAdded", *_BY_AI)
    commits: dict[Any, tuple[Any, ...]] = {
        row[0]: row for row in db.rows(f"SELECT {db.select('scored_commits', wanted)} FROM scored_commits")
    }
    at_us = max((time_us(row[1]) or 0 for row in commits.values()), default=0)
    if not at_us:
        return
    added = sum(count(row[2]) or 0 for row in commits.values())
    by_ai = sum((count(row[3]) or 0) + (count(row[4]) or 0) for row in commits.values())
    figures = [("scored_commits", float(len(commits)), "commits")]
    if added:
        figures.append(("ai_code_percentage", 100.0 * min(by_ai, added) / added, "%"))
    for key, used, unit in figures:
        yield QuotaReading(
            provider=PROVIDER,
            account=account,
            key=key,
            at_us=at_us,
            unit=unit,
            window="all-time",
            used=used,
            scope=Scope.MACHINE,
        )
