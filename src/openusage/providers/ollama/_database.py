"""The database of Ollama's desktop program -> batches of records.

Source: `app/store/database.go` and `store.go` of the Ollama repository. It keeps texts and no counts, so
tokens are estimated from lengths, which the database itself tells: no text is read. What a model newly reads
for an answer is what was said since its last one; what went before it keeps ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._sqlite import Batch, Database
from openusage.providers._values import count, decoded, remembered, text, time_us
from openusage.providers.ollama._log import PROVIDER
from openusage.wire.cursors import FileCursor
from openusage.wire.events import (
    AccountFact,
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

CHARACTERS_A_TOKEN = 4
CLIENT = "Desktop"
OPEN_US = 3_600_000_000
"""An answer that was not written for so long is complete."""
KEPT_TIMES = 500

_CALLS = """(SELECT count(*) || ' ' || count(function_result) FROM tool_calls AS t
    WHERE t.message_id = messages.id)"""
_WEB = {"web_search": (1, None), "web_fetch": (None, 1)}
_LAST = (
    "SELECT max(q.id) FROM messages q WHERE q.chat_id = m.chat_id AND q.role = 'assistant' AND q.id < m.id"
)
_SAID = f"""(SELECT sum(length(p.content)) FROM messages p WHERE p.chat_id = m.chat_id AND p.id < m.id
    AND p.role <> 'assistant' AND p.id > ifnull(({_LAST}), 0))"""


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    rows: Followed = msgspec.field(default_factory=Followed)
    times: list[int] = []
    """When the latest answers began."""


_state = msgspec.json.Decoder(State)


def times(cursor: FileCursor) -> list[int]:
    """When the latest answers that were read began."""
    known = decoded(cursor.state, _state) if cursor.state else None
    return [] if known is None else known.times


def batches(db: Database, state: bytes, account: str, now_us: int) -> Iterator[Batch]:
    """Everything new in a database since `state`."""
    known = remembered(state, _state)
    yield from Reading(db, known, account, now_us).batches()


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: str, now_us: int) -> None:
        columns = db.expect("messages", "id", "chat_id", "role", "content", "created_at")
        self._db = db
        self._state = state
        self._account = account
        self._now_us = now_us
        thinking = "ifnull(length(thinking), 0)" if "thinking" in columns else "0"
        updated = "updated_at" if "updated_at" in columns else "created_at"
        model = "model_name" if "model_name" in columns else "NULL"
        has_calls = {"message_id", "function_result"} <= db.columns("tool_calls")
        self._table = Table(
            name="messages",
            columns=f"chat_id, role, {model}, created_at, {updated}, length(content), {thinking}",
            witness="chat_id || ' ' || role || ' ' || created_at",
            stamp=f"{updated} || ' ' || length(content) || ' ' || {_CALLS if has_calls else thinking}",
        )

    def batches(self) -> Iterator[Batch]:
        """What is new in chats, then what the program knows of its account."""
        for records, share in self._state.rows.batches(self._db, self._table, self._records):
            yield Batch(records, msgspec.json.encode(self._state), share)
        yield Batch(list(self._facts()), msgspec.json.encode(self._state))

    def _records(self, rows: list[Row]) -> list[Record]:
        answers = [row[1] for row in rows if row[3] == "assistant"]
        said, calls = self._said(answers), self._calls(answers)
        found: list[Record] = []
        may_change: list[str] = []
        for row in rows:
            _, key, chat, role, model, created, updated, *lengths = row
            at_us = time_us(created)
            if at_us is None:
                continue
            about = self._about(at_us, text(chat), text(model), role == "user", key)
            if role == "user":
                found.append(about)
            elif role == "assistant":
                found.append(_answer(about, said.get(key), lengths))
                found += (_call(about, call) for call in calls.get(key, []))
                self._state.times = [*self._state.times, at_us][-KEPT_TIMES:]
                if self._now_us - (time_us(updated) or at_us) < OPEN_US:
                    may_change.append(key)
        self._state.times = sorted(set(self._state.times))
        self._state.rows.keep(self._db, self._table, rows, may_change)
        return found

    def _said(self, answers: list[Any]) -> dict[Any, int]:
        """Answer -> characters that were said since the one before it."""
        sql = f"SELECT m.id, {_SAID} FROM messages m WHERE m.id IN ({marks(answers)})"
        return {key: length or 0 for key, length in self._db.rows(sql, answers)}

    def _calls(self, answers: list[Any]) -> dict[Any, list[Row]]:
        found: dict[Any, list[Row]] = {}
        if {"id", "message_id", "function_name"} <= self._db.columns("tool_calls"):
            has_result = "function_result" in self._db.columns("tool_calls")
            result = "function_result IS NOT NULL" if has_result else "0"
            sql = f"SELECT message_id, id, function_name, {result} FROM tool_calls WHERE message_id IN "
            for message, *call in self._db.rows(f"{sql} ({marks(answers)})", answers):
                found.setdefault(message, []).append(tuple(call))
        return found

    def _about(self, at_us: int, chat: str | None, model: str | None, is_turn: bool, key: Any) -> UsageEvent:
        kind = EventKind.TURN if is_turn else EventKind.MESSAGE
        return UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, kind, chat, key),
            model=model,
            upstream=PROVIDER,
            client=CLIENT,
            session=chat,
        )

    def _facts(self) -> Iterator[AccountFact]:
        users = self._db.select("users", ("email", "plan", "cached_at"))
        settings = self._db.select("settings", ("selected_model",))
        found: list[tuple[str, Any, Any]] = []
        if self._db.columns("users"):
            for email, plan, cached in self._db.rows(f"SELECT {users} FROM users LIMIT 1"):
                found += [("account_email", email, cached), ("plan_type", plan, cached)]
        if self._db.columns("settings"):
            for (model,) in self._db.rows(f"SELECT {settings} FROM settings LIMIT 1"):
                found.append(("active_model", model, None))
        for key, value, at in found:
            if told := text(value):
                at_us = time_us(at) or self._now_us
                yield AccountFact(provider=PROVIDER, account=self._account, key=key, value=told, at_us=at_us)


def _answer(about: UsageEvent, said: int | None, lengths: list[Any]) -> UsageEvent:
    content, thinking = (count(length) or 0 for length in lengths)
    tokens = TokenCounts(
        input=tokens_of(said or 0), output=tokens_of(content), reasoning=tokens_of(thinking) or None
    )
    return msgspec.structs.replace(about, tokens=tokens, estimated=True)


def tokens_of(characters: int) -> int:
    """About how many tokens a text of so many characters is.

    >>> tokens_of(0), tokens_of(1), tokens_of(400)
    (0, 1, 100)
    """
    return -(-characters // CHARACTERS_A_TOKEN)


def _call(about: UsageEvent, call: Row) -> UsageEvent:
    key, name, has_result = call
    tool = text(name) or "unknown"
    searches, fetches = _WEB.get(tool, (None, None))
    return msgspec.structs.replace(
        about,
        kind=EventKind.TOOL,
        event_key=event_key(PROVIDER, "tool", about.session, key),
        tool=tool,
        outcome=Outcome.OK if has_result else None,
        web_searches=searches,
        web_fetches=fetches,
    )
