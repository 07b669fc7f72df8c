"""The database of older versions (and of Amazon Q Developer CLI before them) -> batches of records.

A conversation is one large JSON value that is written anew with every turn, so only those that changed are
read. Conversations that are in the session files too are left to those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from zlib import crc32

import msgspec

from openusage.errors import SourceChanged
from openusage.providers._calls import Calls
from openusage.providers._sqlite import CHANGED_HINT, Batch, Database
from openusage.providers._values import child, json_object, remembered, text, time_us
from openusage.providers.kiro_cli._turns import PROVIDER, Session, call
from openusage.wire.events import EventKind, Outcome, Record, UsageEvent, event_key


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    stamps: dict[str, str] = {}
    """Conversation -> what told its last change."""


_state = msgspec.json.Decoder(State)


def batches(db: Database, state: bytes, account: str, known: Collection[str]) -> Iterator[Batch]:
    """Conversations that changed, one at a time. `known`: those that the session files tell of."""
    told = remembered(state, _state)
    tables = [t for t in ("conversations_v2", "conversations") if db.columns(t)]
    if not tables:
        raise SourceChanged(f"{db.path} has no table `conversations`", CHANGED_HINT)
    for table in tables:
        columns = db.expect(table, "key", "value")
        name = "conversation_id" if "conversation_id" in columns else "key"
        updated = "updated_at" if "updated_at" in columns else "NULL"
        # Where no time tells of a change, the ends of the value do.
        ends = "NULL" if updated != "NULL" else "CAST(substr(value, 1, 200) || substr(value, -200) AS BLOB)"
        found = db.rows(f"SELECT rowid, {name}, {updated}, octet_length(value), {ends} FROM {table}")
        rows = [(rowid, key, f"{at} {size} {crc32(end or b'')}") for rowid, key, at, size, end in found]
        changed = [row for row in rows if told.stamps.get(f"{table} {row[1]}") != row[2]]
        for nth, (rowid, key, stamp) in enumerate(changed, 1):
            records: list[Record] = []
            found = db.rows(
                f"SELECT key, {updated}, CAST(value AS BLOB) FROM {table} WHERE rowid = ?", (rowid,)
            )
            for directory, at, value in found:
                given = json_object(value)
                conversation = text(given.get("conversation_id")) or str(key)
                if conversation not in known:
                    session = Session(conversation, _model(given), text(directory), time_us(at) or 0)
                    records += _events(account, session, given)
            told.stamps[f"{table} {key}"] = stamp
            yield Batch(records, msgspec.json.encode(told), nth / len(changed))


def _model(given: Mapping[str, Any]) -> str | None:
    return text(child(given, "model_info").get("model_id")) or text(given.get("model"))


def _events(account: str, session: Session, given: Mapping[str, Any]) -> Iterator[UsageEvent]:
    """Requests, turns and calls of a conversation. Its older part may have been cut off."""
    history = given.get("history")
    calls = Calls()
    for nth, entry in enumerate(history if isinstance(history, list) else []):
        meta = child(entry, "request_metadata")
        at_us = (
            time_us(meta.get("request_start_timestamp_ms"))
            or time_us(child(entry, "user").get("timestamp"))
            or session.started_us
        )
        if not at_us:
            continue
        about = session.about(account, at_us, EventKind.TURN)
        about = msgspec.structs.replace(about, model=text(meta.get("model_id")) or session.model)
        key = text(meta.get("message_id")) or text(meta.get("request_id")) or str(nth)
        if "Prompt" in child(entry, "user", "content"):
            yield msgspec.structs.replace(about, event_key=event_key(PROVIDER, "turn", session.id, key))
        if meta:
            yield msgspec.structs.replace(
                about, kind=EventKind.MESSAGE, event_key=event_key(PROVIDER, "request", session.id, key)
            )
        yield from _calls(about, session, child(entry), calls)


def _calls(
    about: UsageEvent, session: Session, entry: Mapping[str, Any], calls: Calls
) -> Iterator[UsageEvent]:
    results = child(entry, "user", "content", "ToolUseResults").get("tool_use_results")
    for result in results if isinstance(results, list) else []:
        failed = str(child(result).get("status")).lower() == "error"
        event = calls.end(str(child(result).get("tool_use_id")), Outcome.ERROR if failed else Outcome.OK)
        if event is not None:
            yield event
    uses = child(entry, "assistant", "ToolUse").get("tool_uses")
    for use in uses if isinstance(uses, list) else []:
        given = child(use)
        event = call(about, given.get("id"), given.get("name"), given.get("args"), session.directory, calls)
        if event is not None:
            yield event
