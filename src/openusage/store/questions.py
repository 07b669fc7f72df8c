"""Answers: the `Questions` contract over the tables. All SQL that sums is here and in `sums`.

Each question borrows a read-only connection and sees one moment of the database, also while the writer works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import apsw
import msgspec

from openusage.store import numbers, outbox
from openusage.store.meta import meta, meta_text
from openusage.store.readings import VALUES, reading_of
from openusage.store.schema import SUMS
from openusage.store.slots import DAY_US, Grain, Piece, Table, day_name, hour_name, pieces
from openusage.store.sums import EVENT_SUMS, ROLLUP_SUMS, TOKENS_SQL
from openusage.wire.events import AccountFact, EventKind, QuotaReading, Scope
from openusage.wire.records import Outbox
from openusage.wire.rollups import ANY, By, Filter, Moment, Rollup, Window

Borrow: TypeAlias = Callable[[], AbstractContextManager[apsw.Connection]]
"""Lends a connection for one question."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine whose records are kept here."""

    id: str
    name: str
    first_us: int
    """When its first record came in."""
    events: int = 0
    """Events that count for it."""
    first_event_us: int | None = None
    last_event_us: int | None = None
    """Times of the first and the last of them; `None`: there are none."""
    copies: int = 0
    """Events of it that count for another machine, which has them too (of the raw events kept)."""
    version: str = ""
    """Of its openusage, as it told when it was last heard."""
    heard_us: int | None = None
    """When it was last heard, by this machine's clock."""
    skew_us: int | None = None
    """How far its clock was ahead of ours then."""
    backlog: int | None = None
    """Records that waited there then."""


class Answers:
    """Answers questions from whatever `borrow` lends."""

    def __init__(self, borrow: Borrow, own_machine: str = "") -> None:
        self._borrow = borrow
        self._own_machine = own_machine

    def revision(self) -> int:
        """Rises with every change of what the other questions answer. O(1)."""
        with self._borrow() as db:
            return meta(db, "revision")

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        """Sums per group, ordered by group.

        O(rows of `rollup_day`) for whole UTC days, O(rows of `rollup`) for the rest and whenever hours,
        sessions or days of another zone are asked for; O(events) of the two slots that the window cuts.
        """
        grain = Grain.HOUR if By.HOUR in by else Grain.DAY if By.DAY in by else Grain.NONE
        labels = [b for b in by if b not in (By.DAY, By.HOUR)]
        condition, values = _condition(where)
        groups: dict[tuple[Any, ...], list[int]] = {}
        with self._borrow() as db:
            for piece in self._pieces(db, window, grain, tz, By.SESSION not in by):
                sql = _usage_sql(piece, grain, labels, condition)
                for row in db.execute(sql, (piece.start, piece.end, *values)):
                    _fold(groups, row[: 1 + len(labels)], row[1 + len(labels) :])
        if not by:
            return [_rollup({}, figures) for figures in groups.values()] or [Rollup()]
        named = [(_key(group, grain, labels, by), figures) for group, figures in groups.items()]
        return [_rollup(key, figures) for key, figures in sorted(named, key=_key_order)]

    def sessions(self, window: Window, where: Filter = ANY) -> int:
        """How many different sessions have a message in the window. O(rows of `rollup` in it)."""
        condition, values = _condition(where)
        found: set[int] = set()
        with self._borrow() as db:
            for piece in self._pieces(db, window, Grain.NONE, "UTC", False):
                found.update(
                    number
                    for (number,) in db.execute(
                        f"SELECT DISTINCT r.session_id {_from(piece)} AND s.kind = 'message' {condition}",
                        (piece.start, piece.end, *values),
                    )
                )
        return len(found - {0})

    def files_changed(self, window: Window, where: Filter = ANY) -> int:
        """How many different files had lines added or removed in the window. O(tool calls on files in it)."""
        condition, values = _condition(where)
        from_us, to_us = _bounds(window)
        sql = f"""
            SELECT count(DISTINCT file_key) FROM event r CROSS JOIN series s ON s.id = r.series_id
            WHERE file_key IS NOT NULL AND at_us >= ? AND at_us < ?
            AND (lines_added IS NOT NULL OR lines_removed IS NOT NULL) {condition}
            """
        with self._borrow() as db:
            return int(db.execute(sql, (from_us, to_us, *values)).get)

    def moments(self, since_us: int, where: Filter = ANY) -> list[Moment]:
        """Messages from `since_us` on, in time order. O(events since then)."""
        condition, values = _condition(where)
        sql = f"""
            SELECT at_us, {TOKENS_SQL}, ifnull(input, 0), ifnull(output, 0), ifnull(cache_read, 0),
                ifnull(cache_write_5m, 0) + ifnull(cache_write_1h, 0),
                coalesce(cost_reported_nano, cost_computed_nano, 0)
            FROM event r INDEXED BY event_time CROSS JOIN series s ON s.id = r.series_id
            WHERE at_us >= ? AND kind_number = 0 {condition} ORDER BY at_us, event_key
            """
        with self._borrow() as db:
            return [Moment(*row) for row in db.execute(sql, (since_us, *values))]

    def readings(self, where: Filter = ANY) -> list[QuotaReading]:
        """The newest reading per provider, account and key; of machine-scope ones per machine. O(keys)."""
        condition, values = _owner(where)
        sql = f"""
            SELECT provider, account, key, machine, {", ".join(VALUES)} FROM reading {condition}
            ORDER BY 1, 2, 3, at_us, machine
            """
        newest: dict[tuple[str, ...], QuotaReading] = {}
        with self._borrow() as db:
            for provider, account, key, machine, *value in db.execute(sql, values):
                reading = reading_of(provider, account, key, value)
                shared = reading.scope is Scope.ACCOUNT
                newest[provider, account, key, "" if shared else machine] = reading
        return list(newest.values())

    def reading_history(self, provider: str, account: str, key: str, since_us: int) -> list[QuotaReading]:
        """Readings in time order, from the last one at or before `since_us` on. O(readings given).

        Account-scope readings of all machines; machine-scope ones of this machine only.
        """
        whose = "provider = ? AND account = ? AND key = ? AND (h.scope = 'account' OR machine = ?)"
        joined = "FROM reading r JOIN reading_history h ON h.reading_id = r.id"
        values = ", ".join(f"h.{name}" for name in VALUES)
        names = (provider, account, key, self._own_machine)
        with self._borrow() as db:
            last = db.execute(
                f"SELECT max(h.at_us) {joined} WHERE {whose} AND h.at_us <= ?", (*names, since_us)
            ).get
            rows = db.execute(
                f"SELECT {values} {joined} WHERE {whose} AND h.at_us >= ? ORDER BY h.at_us, machine",
                (*names, since_us if last is None else last),
            )
            return [reading_of(provider, account, key, row) for row in rows]

    def facts(self, where: Filter = ANY) -> list[AccountFact]:
        """The newest fact per provider, account and key. O(facts)."""
        condition, values = _owner(where)
        sql = f"""
            SELECT provider, account, key, value, at_us FROM fact {condition}
            ORDER BY 1, 2, 3, at_us, value
            """
        with self._borrow() as db:
            newest = {(p, a, k): (v, at) for p, a, k, v, at in db.execute(sql, values)}
        return [
            AccountFact(provider=p, account=a, key=k, value=v, at_us=at)
            for (p, a, k), (v, at) in newest.items()
        ]

    def accounts(self) -> list[tuple[str, str]]:
        """Every (provider, account) that has anything. O(rows of `rollup_day`)."""
        with self._borrow() as db:
            rows = db.execute(
                """
                SELECT DISTINCT provider, account FROM series
                    WHERE id IN (SELECT DISTINCT series_id FROM rollup_day)
                UNION SELECT provider, account FROM reading
                UNION SELECT provider, account FROM fact
                ORDER BY 1, 2
                """
            )
            return [(provider, account) for provider, account in rows]

    def oldest_us(self) -> int | None:
        """Time of the first event ever seen. O(rows of the first day)."""
        with self._borrow() as db:
            first = "SELECT min(first_us) FROM rollup_day WHERE day = (SELECT min(day) FROM rollup_day)"
            found = db.execute(first).get
            return None if found is None else int(found)

    def machines(self) -> list[Machine]:
        """All machines, by id. O(machines + rows of `rollup_day`)."""
        sql = """
            SELECT m.id, m.name, m.first_us, ifnull(u.events, 0), u.first_us, u.last_us,
                m.copies, m.version, m.heard_us, m.skew_us, m.backlog
            FROM machine m LEFT JOIN (
                SELECT s.machine, sum(r.events) AS events,
                    min(r.first_us) AS first_us, max(r.last_us) AS last_us
                FROM rollup_day r CROSS JOIN series s ON s.id = r.series_id GROUP BY 1
            ) u ON u.machine = m.id ORDER BY m.id
            """
        names = msgspec.structs.fields(Machine)
        with self._borrow() as db:
            return [
                Machine(**{field.name: value for field, value in zip(names, row, strict=True)})
                for row in db.execute(sql)
            ]

    def outbox(self, after: int, limit: int) -> Outbox:
        """This machine's records with a number above `after`, in the order of their numbers.

        An event that changed appears once, under its newest number. What a hub's store has of other machines
        is passed over. O(limit), whatever is stored.
        """
        with self._borrow() as db:
            return outbox.read(db, self._own_machine, after, limit)

    def outbox_count(self, upto: int) -> int:
        """How many records have a number up to `upto`. O(those)."""
        with self._borrow() as db:
            return outbox.count(db, upto)

    def secret(self) -> str:
        """32 hex digits that never leave this machine: pseudonyms are made with them. O(1)."""
        with self._borrow() as db:
            return meta_text(db, "secret")

    def heard(self, machine_id: str, store_id: str) -> int:
        """Up to which number everything of another machine's store is here; 0: nothing. O(1)."""
        with self._borrow() as db:
            return numbers.heard(db, machine_id, store_id)

    def _pieces(
        self, db: apsw.Connection, window: Window, grain: Grain, tz: str, whole_days: bool
    ) -> list[Piece]:
        first, last = db.execute(
            "SELECT (SELECT min(day) FROM rollup_day), (SELECT max(day) FROM rollup_day)"
        ).get
        if first is None:
            return pieces(0, 0, 0, grain, tz, whole_days)
        from_us, to_us = _bounds(window)
        return pieces(
            max(from_us, first * DAY_US),
            min(to_us, (last + 1) * DAY_US),
            meta(db, "raw_from_us"),
            grain,
            tz,
            whole_days,
        )


_TIME = {Table.EVENT: "at_us", Table.SLOT: "slot", Table.DAY: "day"}
_LOCAL_SLOT = {Table.EVENT: "(r.at_us / 900000000", Table.SLOT: "(r.slot", Table.DAY: "(r.day * 96"}


def _from(piece: Piece) -> str:
    hint = "INDEXED BY event_time" if piece.table is Table.EVENT else ""
    time = _TIME[piece.table]
    return (
        f"FROM {piece.table} r {hint} CROSS JOIN series s ON s.id = r.series_id"
        f" WHERE r.{time} >= ? AND r.{time} < ?"
    )


def _usage_sql(piece: Piece, grain: Grain, labels: Sequence[By], condition: str) -> str:
    local = f"{_LOCAL_SLOT[piece.table]} + {piece.shift}) / {grain.value}" if grain.value else "0"
    columns = [local, *("r.session_id" if by is By.SESSION else f"s.{by}" for by in labels)]
    sums = EVENT_SUMS if piece.table is Table.EVENT else ROLLUP_SUMS
    groups = ", ".join(str(n + 1) for n in range(len(columns)))
    grouped = f"SELECT {', '.join(columns)}, {sums} {_from(piece)} {condition} GROUP BY {groups}"
    if By.SESSION not in labels:
        return grouped
    names = [f"c{n}" for n in range(len(columns) + len(SUMS) + 2)]
    at = labels.index(By.SESSION) + 1
    shown = [f"(SELECT name FROM session WHERE id = c{at})" if n == at else c for n, c in enumerate(names)]
    return f"WITH g ({', '.join(names)}) AS ({grouped}) SELECT {', '.join(shown)} FROM g"


def _condition(where: Filter) -> tuple[str, list[str]]:
    """SQL that keeps what the filter lets through, over `series s`."""
    wanted: dict[str, Sequence[str]] = {
        "machine": where.machines,
        "provider": where.providers,
        "account": where.accounts,
        "kind": [str(EventKind(kind)) for kind in where.kinds],
        "project": where.projects,
        "model": where.models,
    }
    parts = [f"AND s.{name} IN ({', '.join('?' * len(v))})" for name, v in wanted.items() if v]
    return " ".join(parts), [value for values in wanted.values() for value in values]


def _owner(where: Filter) -> tuple[str, list[str]]:
    """The same for readings and facts, which have no labels but these."""
    wanted = {"machine": where.machines, "provider": where.providers, "account": where.accounts}
    parts = [f"{name} IN ({', '.join('?' * len(v))})" for name, v in wanted.items() if v]
    return f"WHERE {' AND '.join(parts)}" if parts else "", [v for values in wanted.values() for v in values]


def _bounds(window: Window) -> tuple[int, int]:
    from_us = 0 if window.from_us is None else max(window.from_us, 0)
    return from_us, _END_US if window.to_us is None else window.to_us


_END_US = 1 << 62


def _fold(groups: dict[tuple[Any, ...], list[int]], group: tuple[Any, ...], figures: tuple[int, ...]) -> None:
    known = groups.get(group)
    if known is None:
        groups[group] = list(figures)
        return
    for n in range(len(SUMS)):
        known[n] += figures[n]
    known[-2] = min(known[-2], figures[-2])
    known[-1] = max(known[-1], figures[-1])


def _key(
    group: tuple[Any, ...], grain: Grain, labels: Sequence[By], by: Sequence[By]
) -> dict[str, str | None]:
    key: dict[str, str | None] = {
        str(label): text or None for label, text in zip(labels, group[1:], strict=True)
    }
    if grain is Grain.HOUR:
        hour = hour_name(group[0])
        key |= {str(By.HOUR): hour, str(By.DAY): hour[:10]}
    elif grain is Grain.DAY:
        key[str(By.DAY)] = day_name(group[0])
    return {str(name): key[str(name)] for name in by}


def _key_order(named: tuple[dict[str, str | None], list[int]]) -> tuple[tuple[bool, str], ...]:
    return tuple((text is not None, text or "") for text in named[0].values())


def _rollup(key: dict[str, str | None], figures: Sequence[int]) -> Rollup:
    return Rollup(key=key, **dict(zip((*SUMS, "first_us", "last_us"), figures, strict=True)))
