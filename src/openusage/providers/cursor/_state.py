"""Cursor's state database (`state.vscdb`) -> batches of records, and the login that is in it.

It is a table of keys and values, often of many GB, of which a few kinds of keys are of interest. Writing a
key gives it a new row, so what changed is behind the last row that was read; a first read goes by the index
of keys instead. A value is fetched only when its key is of interest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from openusage.errors import SourceChanged
from openusage.providers import _http, _sqlite
from openusage.providers._rows import Trail, marks
from openusage.providers._sqlite import CHANGED_HINT, Batch, Database
from openusage.providers._totals import Totals
from openusage.providers._values import count, json_object, project_of, remembered, text, time_us
from openusage.providers.cursor import _chats as chats
from openusage.providers.cursor._chats import PROVIDER, Chat
from openusage.wire.events import AccountFact, QuotaReading, Record, Scope
from openusage.wire.identity import account_key

CHAT, BUBBLE, STATS = "composerData:", "bubbleId:", "aiCodeTracking.dailyStats."
_TOKEN, _EMAIL, _PLAN = (
    f"cursorAuth/{name}" for name in ("accessToken", "cachedEmail", "stripeMembershipType")
)
_KINDS = (CHAT, BUBBLE)
_SCANNED_ROWS = 5_000
"""Keys looked at in one statement."""
_DAY_US = 86_400_000_000
_LINES = {
    "tab_suggested_lines": "tabSuggestedLines",
    "tab_accepted_lines": "tabAcceptedLines",
    "composer_suggested_lines": "composerSuggestedLines",
    "composer_accepted_lines": "composerAcceptedLines",
}


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    trail: Trail = msgspec.field(default_factory=Trail)
    first: list[str] | None = None
    """During a first read: the last key read of each kind."""
    end: int = 0
    """During a first read: the last row there was when it began."""
    totals: Totals = msgspec.field(default_factory=Totals)
    facts: dict[str, str] = {}
    chats: list[str] = []
    """Of a workspace: the chats in it."""
    project: str | None = None


_decoder = msgspec.json.Decoder(State)


def state_of(data: bytes) -> State:
    """What a cursor remembers."""
    return remembered(data, _decoder)


class Login(msgspec.Struct, frozen=True):
    """Who is signed in. Lives as long as the call that needs it."""

    token: str
    subject: str | None = None
    email: str | None = None
    plan: str | None = None

    def __repr__(self) -> str:
        return "Login(…)"


def login(db: Database) -> Login | None:
    """Who is signed in, `None` when nobody is."""
    if "value" not in db.columns("ItemTable"):
        return None
    names = (_TOKEN, _EMAIL, _PLAN)
    rows = db.rows(f"SELECT key, CAST(value AS BLOB) FROM ItemTable WHERE key IN ({marks(names)})", names)
    found = {key: (text(value) or "").strip('"') for key, value in rows}
    token = found.get(_TOKEN)
    if not _http.is_header(token):
        return None
    subject = text(_http.claims(token).get("sub"))
    return Login(token, subject, found.get(_EMAIL) or None, found.get(_PLAN) or None)


def workspace(db: Database, state: bytes, project: str | None) -> Iterator[Batch]:
    """The chats of a workspace: no records, only what its cursor remembers."""
    known = state_of(state)
    known.project = project
    db.expect("ItemTable", "key", "value")
    rows = db.rows("SELECT CAST(value AS BLOB) FROM ItemTable WHERE key = 'composer.composerData'")
    listed = json_object(rows[0][0]).get("allComposers") if rows else None
    chats_ = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    known.chats = [name for c in chats_ if (name := text(c.get("composerId")))]
    yield Batch([], msgspec.json.encode(known))


class Reading:
    """One pass over the global state database."""

    def __init__(
        self, db: Database, state: bytes, account: str, at_us: int, projects: Mapping[str, str]
    ) -> None:
        if not db.columns("ItemTable") and not db.columns("cursorDiskKV"):
            raise SourceChanged(f"{db.path} has no table `ItemTable`", CHANGED_HINT)
        self._db = db
        self._state = state_of(state)
        self._account = account
        self._at_us = at_us
        self._projects = projects
        self._login = login(db)
        self._chats: dict[str, Chat] = {}

    def batches(self) -> Iterator[Batch]:
        """What is new."""
        if "value" in self._db.columns("cursorDiskKV"):
            start = self._state.trail.start(self._db, "cursorDiskKV", "key")
            is_first = start == 0 or self._state.first is not None
            yield from self._by_key() if is_first else self._by_row(start)
        yield self._batch([*self._facts(), *self._lines()], 1.0)

    def _batch(self, records: list[Record], share: float) -> Batch:
        return Batch(records, msgspec.json.encode(self._state), share)

    def _by_key(self) -> Iterator[Batch]:
        """All chats and messages, by the index of keys. What is written meanwhile is behind `end`."""
        state = self._state
        if state.first is None:
            ((last,),) = self._db.rows("SELECT ifnull(max(rowid), 0) FROM cursorDiskKV")
            state.first, state.end = list(_KINDS), last
        for nth, kind in enumerate(_KINDS):
            while True:
                with self._db.moment():
                    rows = self._db.rows(
                        "SELECT key, CAST(value AS BLOB) FROM cursorDiskKV WHERE key > ? AND key < ?"
                        " ORDER BY key LIMIT ?",
                        (state.first[nth], kind[:-1] + ";", _sqlite.BATCH_ROWS),
                    )
                    records = self._records(rows)
                if not rows:
                    break
                state.first[nth] = rows[-1][0]
                yield self._batch(records, 0.5 * nth)
        if state.end:
            found = self._db.rows(
                "SELECT rowid, key FROM cursorDiskKV WHERE rowid <= ? ORDER BY rowid DESC LIMIT 1",
                (state.end,),
            )
            for rowid, key in found:
                state.trail.add(rowid, str(key))
        state.first, state.end = None, 0

    def _by_row(self, at: int) -> Iterator[Batch]:
        ((last,),) = self._db.rows("SELECT max(rowid) FROM cursorDiskKV")
        while last is not None and at < last:
            with self._db.moment():
                keys = self._db.rows(
                    "SELECT rowid, key FROM cursorDiskKV WHERE rowid > ? ORDER BY rowid LIMIT ?",
                    (at, min(_SCANNED_ROWS, 25 * _sqlite.BATCH_ROWS)),
                )
                if not keys:
                    return
                wanted = [rowid for rowid, key in keys if str(key).startswith(_KINDS)]
                records: list[Record] = []
                for n in range(0, len(wanted), _sqlite.BATCH_ROWS):
                    part = wanted[n : n + _sqlite.BATCH_ROWS]
                    which = f"rowid IN ({marks(part)}) ORDER BY key DESC"
                    records += self._records(
                        self._db.rows(
                            f"SELECT key, CAST(value AS BLOB) FROM cursorDiskKV WHERE {which}", part
                        )
                    )
            at = keys[-1][0]
            self._state.trail.add(at, str(keys[-1][1]))
            yield self._batch(records, at / last)

    def _records(self, rows: list[tuple[Any, ...]]) -> list[Record]:
        records: list[Record] = []
        for key, value in rows:
            kind, _, rest = str(key).partition(":")
            if f"{kind}:" == CHAT:
                records += self._chat_records(rest, value)
            else:
                name, _, bubble_name = rest.partition(":")
                bubble = chats.bubble_of(value)
                if bubble is not None:
                    chat = self._chat(name)
                    about = chats.about(self._account, name, chat, self._projects.get(name))
                    records += chats.bubble_events(
                        about, chat, bubble_name, bubble, with_usage=self._login is None
                    )
        return records

    def _chat_records(self, name: str, value: bytes | None) -> Iterator[Record]:
        chat = chats.chat_of(value)
        if chat is None:
            return
        self._chats[name] = chat
        about = chats.about(self._account, name, chat, self._projects.get(name))
        if self._login is None:
            yield from chats.chat_events(about, chat, self._state.totals)
        context = chats.context_of(self._account, chat)
        if context is not None:
            yield context

    def _chat(self, name: str) -> Chat:
        """The chat that a message is of; one without anything, when it is not there."""
        if name not in self._chats:
            rows = self._db.rows(
                "SELECT CAST(value AS BLOB) FROM cursorDiskKV WHERE key = ?", (f"{CHAT}{name}",)
            )
            self._chats[name] = (chats.chat_of(rows[0][0]) if rows else None) or Chat()
        return self._chats[name]

    def _facts(self) -> Iterator[Record]:
        """Who is signed in, when that changed."""
        known = self._login
        pairs: dict[str, str | None] = {}
        if known is not None:
            subject = known.subject
            pairs = {"account_email": known.email, "membership_type": known.plan}
            pairs["account_key"] = None if subject is None else account_key("cursor", subject)
        facts = {key: value for key, value in pairs.items() if value}
        for key, value in facts.items():
            if self._state.facts.get(key) != value:
                yield AccountFact(
                    provider=PROVIDER, account=self._account, key=key, value=value, at_us=self._at_us
                )
        self._state.facts = facts

    def _lines(self) -> Iterator[Record]:
        """Lines that were suggested and taken on the last day that is noted."""
        if "value" not in self._db.columns("ItemTable"):
            return
        rows = self._db.rows(
            "SELECT key, CAST(value AS BLOB) FROM ItemTable WHERE key > ? AND key < ?"
            " ORDER BY key DESC LIMIT 1",
            (STATS, STATS[:-1] + "/"),
        )
        for key, value in rows:
            given = json_object(value)
            at_us = time_us(text(given.get("date")) or str(key).rpartition(".")[2])
            for name, field in _LINES.items():
                lines = count(given.get(field))
                if at_us is not None and lines is not None:
                    yield QuotaReading(
                        provider=PROVIDER,
                        account=self._account,
                        key=name,
                        # A day's figures grow while it lasts.
                        at_us=max(at_us, min(at_us + _DAY_US - 1, self._at_us)),
                        unit="lines",
                        window="1d",
                        used=float(lines),
                        scope=Scope.MACHINE,
                    )


def project_beside(content: bytes) -> str | None:
    """The project that a `workspace.json` is of: the last part of its folder's address."""
    return project_of((text(json_object(content).get("folder")) or "").removeprefix("file://"))
