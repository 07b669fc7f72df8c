"""Events in: each kept once, merged with what is there, sums following in the same transaction.

An event belongs to one machine: that of the record `carrier_rank` prefers, among equals the smaller machine
id. The other machines that have it are kept in `copy`. So nothing depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import apsw
import msgspec
from msgspec.structs import astuple

from openusage.store import levels, sums
from openusage.store.labels import LabelBook, Labels, clean
from openusage.store.numbers import Numbers
from openusage.store.schema import COUNTS, LARGEST_COUNT, LATEST_US
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, carrier_rank, merge


class Priced(Protocol):
    """What one event costs, and by which prices."""

    @property
    def nano(self) -> int: ...
    @property
    def version(self) -> str: ...


PriceOf: TypeAlias = Callable[[UsageEvent], Priced | None]
"""The price of a message; `None`: not known."""

Row: TypeAlias = tuple[Any, ...]
"""A row of `event`, see `COLUMNS`."""

COLUMNS = (
    "event_key",
    "at_us",
    "kind_number",
    "series_id",
    "session_id",
    *COUNTS[:-1],
    "file_key",
    "estimated",
    "carried",
    "cost_computed_nano",
    "price_id",
    "id",
)
_PRICE_AT = len(COLUMNS) - 3
"""Where the columns that come from the price begin; those before are the event itself. Last is its number."""
SERIES_AT, SESSION_AT = COLUMNS.index("series_id"), COLUMNS.index("session_id")

_MESSAGE = EventKind.MESSAGE
_NO_COST = (None, None)
_KIND_NUMBERS = {EventKind.MESSAGE: 0, EventKind.TOOL: 1, EventKind.TURN: 2}
_ONE = f"({', '.join('?' * len(COLUMNS))})"
_INSERT = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES {_ONE} ON CONFLICT (event_key) DO NOTHING"
_AT_ONCE = 250
"""Rows of one statement. The interpreter's lock is given up once a statement: row by row, a thread that reads
logs meanwhile would make the writer wait up to 5 ms for each row. Short enough for the statement cache."""
_VALUES_AT_ONCE = _AT_ONCE * len(COLUMNS)
_INSERT_MANY = _INSERT.replace(_ONE, ",".join([_ONE.replace(" ", "")] * _AT_ONCE))
_UPDATE = f"UPDATE event SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE id = ?"
_REPEATED = "UPDATE event SET repeated = 1 WHERE event_key = ? AND repeated IS NULL"
_FIND = f"SELECT {', '.join(COLUMNS)} FROM event WHERE event_key = ?"


class EventCount(msgspec.Struct):
    """What became of the events of one batch."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    seen_elsewhere: int = 0
    copies: int = 0
    """Rows of `copy` that changed."""


class EventTable:
    """The `event` table and what follows from it. Used inside a transaction of the writer."""

    def __init__(self, db: apsw.Connection, book: LabelBook, price: PriceOf) -> None:
        self._db = db
        self._book = book
        self._price = price
        self.coarser = levels.kept(db)
        """Whether `levels` are kept too."""
        self.unsummed: int | None = None
        """Events with a number above this one are not in the sums yet; `None`: all are."""

    def add(
        self, events: Iterable[UsageEvent], machine: str, raw_from_us: int, numbers: Numbers
    ) -> EventCount:
        """Stores what is new, merges what is known. O(events), not of what is stored."""
        count = EventCount()
        repeated: set[bytes] = set()
        batch = once(events, repeated)
        if not batch:
            return count
        self._drop_settled(batch, machine, count)
        last_id = numbers.last
        values = self._values(batch.values(), machine, last_id + 1)
        before = self._db.total_changes()
        whole = len(values) - len(values) % _VALUES_AT_ONCE
        for start in range(0, whole, _VALUES_AT_ONCE):
            self._db.execute(_INSERT_MANY, values[start : start + _VALUES_AT_ONCE])
        self._db.executemany(_INSERT, _rows(values, whole))
        count.inserted = self._db.total_changes() - before
        if count.inserted:
            numbers.last += len(batch)
            if self.unsummed is None:
                self.unsummed = last_id
        if count.inserted < len(batch):
            new = {key for (key,) in self._db.execute("SELECT event_key FROM event WHERE id > ?", (last_id,))}
            known = [row for row in _rows(values) if row[0] not in new]
            self._merge(known, batch, machine, raw_from_us, numbers, count, repeated)
        if repeated:
            self._db.executemany(_REPEATED, [(key,) for key in repeated])
        return count

    def sum_up(self) -> None:
        """Brings new events into the sums: once a transaction, or before events that are known change."""
        if self.unsummed is not None:
            sums.add_new(self._db, self.unsummed, coarser=self.coarser)
            self.unsummed = None

    def reprice(self, raw_from_us: int) -> int:
        """Prices the messages that had no price when they came, and now have one. O(unpriced messages)."""
        found = f"SELECT {', '.join(COLUMNS)} FROM event WHERE kind_number = 0 AND price_id IS NULL"
        changed: list[tuple[int, Row, bool]] = []
        stored: list[Any] = self._db.execute(found).fetchall()
        for row in stored:
            cost, price_id = self._cost(self._event(row))
            if price_id is not None:
                changed.append((row[-1], (*row[:_PRICE_AT], cost, price_id, row[-1]), False))
        self._change(changed, raw_from_us)
        return len(changed)

    def _drop_settled(self, batch: dict[bytes, UsageEvent], machine: str, count: EventCount) -> None:
        """Takes out what is already in the rollups although its raw event is gone."""
        db = self._db
        if db.execute("SELECT 1 FROM pruned LIMIT 1").fetchall():
            keys = {short_key(key): key for key in batch}
            ask = "SELECT key FROM pruned WHERE key = ?"
            gone: list[Any] = db.executemany(ask, [(short,) for short in keys]).fetchall()
            for (short,) in gone:
                del batch[keys[short]]
                count.unchanged += 1
        settled: list[Any] = db.execute(
            "SELECT provider, before_us FROM floor WHERE machine = ?", (machine,)
        ).fetchall()
        floors = dict(settled)
        if floors:
            old = [key for key, event in batch.items() if event.at_us < floors.get(event.provider, 0)]
            ask = "SELECT event_key FROM event WHERE event_key = ?"
            kept = {key for (key,) in db.executemany(ask, [(key,) for key in old])}
            for key in old:
                if key not in kept:
                    del batch[key]
                    count.unchanged += 1

    def _merge(
        self,
        rows: Sequence[Row],
        batch: dict[bytes, UsageEvent],
        machine: str,
        raw_from_us: int,
        numbers: Numbers,
        count: EventCount,
        repeated: set[bytes],
    ) -> None:
        changed: list[tuple[int, Row, bool]] = []
        copies: list[tuple[bytes, str]] = []
        owned: list[tuple[bytes, str]] = []
        stored: list[Any] = self._db.executemany(_FIND, [(row[0],) for row in rows]).fetchall()
        for old, row in zip(stored, rows, strict=True):
            if old[:_PRICE_AT] == row[:_PRICE_AT]:
                continue
            new, owner, other = self._merged(old, batch[old[0]], machine)
            if owner != other:
                count.seen_elsewhere += 1
                owned.append((old[0], owner))
                copies.append((old[0], other))
            elif row[SESSION_AT] != old[SESSION_AT] and row[SESSION_AT] and old[SESSION_AT] and not row[2]:
                repeated.add(old[0])
            if new[:_PRICE_AT] != old[:_PRICE_AT]:
                leaves = (
                    old[1] != new[1] or old[SERIES_AT : SESSION_AT + 1] != new[SERIES_AT : SESSION_AT + 1]
                )
                changed.append((old[-1], (*new[:-1], numbers.next()), leaves))
        before = self._db.total_changes()
        if copies:
            self._db.executemany("INSERT INTO copy VALUES (?, ?) ON CONFLICT DO NOTHING", copies)
            self._db.executemany("DELETE FROM copy WHERE event_key = ? AND machine = ?", owned)
        count.copies = self._db.total_changes() - before
        self._change(changed, raw_from_us)
        count.updated += len(changed)
        count.unchanged += len(rows) - len(changed)

    def _merged(self, old: Row, newcomer: UsageEvent, machine: str) -> tuple[Row, str, str]:
        """The new row, the machine it belongs to, and the other machine that has it (or the same)."""
        kept = self._event(old)
        newcomer = _clean(newcomer)
        here = self._book.labels_of(old[SERIES_AT])[0] or ""
        ranked = sorted(((carrier_rank(kept), here), (carrier_rank(newcomer), machine)))
        owner, other = ranked[0][1], ranked[1][1]
        event = merge(kept, newcomer)
        return self._row(event, owner, old[-1]), owner, other

    def _change(self, changed: list[tuple[int, Row, bool]], raw_from_us: int) -> None:
        if not changed:
            return
        self.sum_up()
        self._db.executemany("INSERT INTO touched VALUES (?, ?)", [(n, moves) for n, _, moves in changed])
        sums.take_touched(self._db, coarser=self.coarser)
        self._db.executemany(_UPDATE, [(*row, n) for n, row, _ in changed])
        self._db.execute("DELETE FROM touched")
        self._db.executemany(
            "INSERT INTO touched VALUES (?, ?)", [(row[-1], moves) for _, row, moves in changed]
        )
        sums.add_touched(self._db, raw_from_us, coarser=self.coarser)

    def _row(self, event: UsageEvent, machine: str, number: int) -> Row:
        return tuple(self._values((event,), machine, number))

    def _values(self, events: Iterable[UsageEvent], machine: str, first: int) -> list[Any]:
        """The rows of events with numbers from `first` on, one after the other.

        One list, since a list for each would keep the garbage collector busy; in one loop, since a first read
        and a hub spend much of their time here.
        """
        values: list[Any] = []
        series, session, cost_of = self._book.series, self._book.session, self._cost
        for number, event in enumerate(events, first):
            # In the order of the fields. Of both structures at once: field by field takes twice as long.
            (
                provider, account, at_us, kind, key, tokens, model, upstream, client, project, name, agent,
                tool, outcome, language, plus, minus, file_key, searches, fetches, reported, estimated,
                carried,
            ) = astuple(event)  # fmt: skip
            i, o, r, w5, w1, think = astuple(tokens)
            cost, price_id = cost_of(event) if kind is _MESSAGE else _NO_COST
            said = None if outcome is None else outcome._value_
            labels = (
                machine, provider, account, kind._value_, model, upstream, client, project, agent, tool,
                said, language,
            )  # fmt: skip
            values += (
                key, at_us, _KIND_NUMBERS[kind], series(labels), session(provider, name), i, o, r, w5, w1,
                think, plus, minus, searches, fetches, reported, file_key, estimated, carried, cost, price_id,
                number,
            )  # fmt: skip
        return values

    def _cost(self, event: UsageEvent) -> tuple[int | None, int | None]:
        priced = self._price(event)
        if priced is None or not 0 <= priced.nano <= LARGEST_COUNT:
            return None, None
        return priced.nano, self._book.price(priced.version)

    def _event(self, row: Row) -> UsageEvent:
        """The event as it was stored."""
        return event_of(row, self._book.labels_of(row[SERIES_AT]), self._book.session_of(row[SESSION_AT]))


def _rows(values: Sequence[Any], start: int = 0) -> Iterator[Row]:
    """Values, one after the other, as rows again."""
    width = len(COLUMNS)
    return (tuple(values[at : at + width]) for at in range(start, len(values), width))


def event_of(row: Row, labels: Labels, session: str | None) -> UsageEvent:
    """The event of a row, and of what its labels and session are called."""
    key, at_us, _, _, _, i, o, r, w5, w1, think, plus, minus, searches, fetches, cost = row[:16]
    file_key, estimated, carried = row[16:_PRICE_AT]
    _, provider, account, kind, model, upstream, client, project, agent, tool, outcome, language = labels
    return UsageEvent(
        provider=provider or "",
        account=account or "",
        at_us=at_us,
        kind=EventKind(kind or ""),
        event_key=key,
        tokens=TokenCounts(i, o, r, w5, w1, think),
        model=model,
        upstream=upstream,
        client=client,
        project=project,
        session=session,
        agent=agent,
        tool=tool,
        outcome=Outcome(outcome) if outcome else None,
        language=language,
        lines_added=plus,
        lines_removed=minus,
        file_key=file_key,
        web_searches=searches,
        web_fetches=fetches,
        cost_reported_nano=cost,
        estimated=bool(estimated),
        carried=carried,
    )


def once(events: Iterable[UsageEvent], repeated: set[bytes]) -> dict[bytes, UsageEvent]:
    """Every event of a batch once, by its key; keys of messages that two sessions have go to `repeated`."""
    batch: dict[bytes, UsageEvent] = {}
    for event in events:
        known = batch.get(event.event_key)
        if known is None:
            batch[event.event_key] = event
            continue
        batch[event.event_key] = merge(known, event)
        if known.session != event.session and known.session and event.session and event.kind is _MESSAGE:
            repeated.add(event.event_key)
    return batch


def short_key(key: bytes) -> int:
    """8 of the 16 bytes: with ten million events, one chance in 300,000 that any two are taken for one."""
    return int.from_bytes(key[:8], "big", signed=True)


def _clean(event: UsageEvent) -> UsageEvent:
    texts = {name: getattr(event, name) for name in _TEXTS}
    dirty = {name: clean(text) for name, text in texts.items() if text is not None and not text.isascii()}
    return msgspec.structs.replace(event, **dirty) if dirty else event


_TEXTS = (
    "provider",
    "account",
    "model",
    "upstream",
    "client",
    "project",
    "session",
    "agent",
    "tool",
    "language",
)


def plausible(event: UsageEvent) -> bool:
    """False for what no tool can mean: a negative count, a number beyond sense, a key of another length."""
    t = event.tokens
    counts = (
        t.input,
        t.output,
        t.cache_read,
        t.cache_write_5m,
        t.cache_write_1h,
        t.reasoning,
        event.lines_added,
        event.lines_removed,
        event.web_searches,
        event.web_fetches,
        event.cost_reported_nano,
    )
    return (
        all(n is None or 0 <= n <= LARGEST_COUNT for n in counts)
        and 0 <= event.at_us <= LATEST_US
        and (event.carried is None or 0 <= event.carried <= 6 * LARGEST_COUNT)
        and (event.file_key is None or 0 <= event.file_key < 1 << 63)
        and len(event.event_key) == 16
    )
