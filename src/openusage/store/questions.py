"""Answers: the `Questions` contract over the tables. All SQL that sums is in `plan`, `sums` and `levels`.

Each question borrows a read-only connection and sees one moment of the database, also while the writer works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

import apsw

from openusage.store import levels, numbers, outbox, plan, sessions
from openusage.store.meta import meta, meta_text
from openusage.store.readings import VALUES, reading_of
from openusage.store.results import Machine, Told
from openusage.store.rows import Group, fold, rollups
from openusage.store.slots import BASE, DAY_US, Grain, Piece, Unit, pieces
from openusage.wire.events import AccountFact, QuotaReading, Scope
from openusage.wire.records import Outbox
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sessions import PAGE, Explain, SessionOrder, SessionPage, TurnPage, unexplained

Borrow: TypeAlias = Callable[[], AbstractContextManager[apsw.Connection]]
"""Lends a connection for one question."""


class Answers:
    """Answers questions from whatever `borrow` lends."""

    def __init__(self, borrow: Borrow, own_machine: str = "") -> None:
        self._borrow = borrow
        self._own_machine = own_machine

    @property
    def own_machine(self) -> str:
        """The id of the machine whose store this is; empty where that was not said."""
        return self._own_machine

    def revision(self) -> int:
        """Rises with every change of what the other questions answer. O(1)."""
        with self._borrow() as db:
            return meta(db, "revision")

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        """Sums per group, ordered by group.

        O(rows of the coarsest table that knows the labels, see `plan`) for whole spans of it, O(rows of finer
        ones) for the rest; O(events) of the two slots that the window cuts.
        """
        grain = Grain.HOUR if By.HOUR in by else Grain.DAY if By.DAY in by else Grain.NONE
        labels = [b for b in by if b not in (By.DAY, By.HOUR)]
        groups: dict[Group, Sequence[int]] = {}
        with self._borrow() as db:
            for piece in self._usage_pieces(db, window, grain, tz, labels, where):
                sql, values = plan.usage_sql(piece, grain, labels, where)
                for row in db.execute(sql, (piece.start, piece.end, *values)):
                    fold(groups, row[: 1 + len(labels)], row[1 + len(labels) :])
        if not by:
            return [Rollup({}, *figures) for figures in groups.values()] or [Rollup()]
        return rollups(groups, grain, labels, by)

    def sessions(self, window: Window, where: Filter = ANY) -> int:
        """How many different sessions have a message in the window.

        O(rows of `rollup` in it); where levels are kept, mostly O(rows of `session_day`).
        """
        with self._borrow() as db:
            if levels.kept(db):
                by_days = plan.session_sql(*_bounds(window), meta(db, "raw_from_us"), where)
                if by_days is not None:
                    return int(db.execute(*by_days).get)
            condition, wanted = plan.condition_of(where)
            found: set[int] = set()
            for piece in self._pieces(db, window, Grain.NONE, "UTC", BASE[-1:]):
                sql = (
                    f"SELECT DISTINCT r.session_id {plan.base_from(piece)} AND s.kind = 'message' {condition}"
                )
                found.update(number for (number,) in db.execute(sql, (piece.start, piece.end, *wanted)))
        return len(found - {0})

    def session_rows(
        self,
        window: Window,
        where: Filter = ANY,
        *,
        search: str = "",
        order: SessionOrder = SessionOrder.NEWEST,
        limit: int = PAGE,
        offset: int = 0,
    ) -> SessionPage:
        """Some of the sessions with a message in the window, see `sessions.page`. O(`rollup` in it)."""
        asked = sessions.Question(where, search, order, limit, offset)
        with self._borrow() as db:
            return sessions.page(db, self._pieces(db, window, Grain.NONE, "UTC", BASE[-1:]), asked)

    def turns(
        self,
        provider: str,
        session: str,
        *,
        limit: int = PAGE,
        before: str = "",
        explain: Explain = unexplained,
    ) -> TurnPage:
        """Some events of a session, the newest first, see `sessions.turns`. `explain` tells of prices."""
        with self._borrow() as db:
            return sessions.turns(db, provider, session, limit, before, explain)

    def files_changed(self, window: Window, where: Filter = ANY) -> int:
        """How many different files had lines added or removed in the window. O(tool calls on files in it)."""
        condition, values = plan.condition_of(where)
        from_us, to_us = _bounds(window)
        sql = f"""
            SELECT count(DISTINCT file_key) FROM event r CROSS JOIN series s ON s.id = r.series_id
            WHERE file_key IS NOT NULL AND at_us >= ? AND at_us < ?
            AND (lines_added IS NOT NULL OR lines_removed IS NOT NULL) {condition}
            """
        with self._borrow() as db:
            return int(db.execute(sql, (from_us, to_us, *values)).get)

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

    def told(self, after: int = -1) -> tuple[int, dict[str, Told]]:
        """What each machine said of its accounts, by id: what has a number above `after`; and the number to
        ask from next time. What was forgotten since is not told. O(facts + readings given)."""
        told: dict[str, Told] = {}
        with self._borrow() as db:
            facts = db.execute(
                "SELECT machine, provider, account, key, value, at_us FROM fact WHERE number > ?"
                " ORDER BY 1, 2, 3, 4",
                (after,),
            )
            for machine, *fields in facts:
                _of(told, machine).facts.append(AccountFact(**dict(zip(_FACT, fields, strict=True))))
            names = ", ".join(("machine", "provider", "account", "key", *VALUES))
            readings = db.execute(
                f"SELECT {names} FROM reading WHERE number > ? ORDER BY 1, 2, 3, 4", (after,)
            )
            for machine, provider, account, key, *value in readings:
                _of(told, machine).readings.append(reading_of(provider, account, key, value))
            return meta(db, "number"), told

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

    def repeated(self) -> dict[tuple[str, str, str], int]:
        """(machine, provider, account) -> how many of its messages a second session of it has too, because
        a conversation was resumed or forked there. They count once. Of the raw events kept; O(those)."""
        with self._borrow() as db:
            rows = db.execute(
                """
                SELECT s.machine, s.provider, s.account, sum(e.n) FROM (
                    SELECT series_id, count(*) AS n FROM event WHERE repeated GROUP BY 1
                ) e JOIN series s ON s.id = e.series_id GROUP BY 1, 2, 3
                """
            )
            return {(machine, provider, account): n for machine, provider, account, n in rows}

    def oldest_us(self) -> int | None:
        """Time of the first event ever seen. O(rows of the first day)."""
        with self._borrow() as db:
            first = "SELECT min(first_us) FROM rollup_day WHERE day = (SELECT min(day) FROM rollup_day)"
            found = db.execute(first).get
            return None if found is None else int(found)

    def machines(self) -> list[Machine]:
        """All machines, by id. O(machines + rows of `rollup_day`), O(machines) where levels are kept."""
        ever = "sum_ever r CROSS JOIN coarse s ON s.id = r.series_id"
        days = "rollup_day r CROSS JOIN series s ON s.id = r.series_id"
        sql = """
            SELECT m.id, m.name, m.first_us, ifnull(u.events, 0), u.first_us, u.last_us,
                m.copies, m.version, m.heard_us, m.skew_us, m.backlog
            FROM machine m LEFT JOIN (
                SELECT s.machine, sum(r.events) AS events,
                    min(r.first_us) AS first_us, max(r.last_us) AS last_us
                FROM {source} GROUP BY 1
            ) u ON u.machine = m.id ORDER BY m.id
            """
        names = Machine.__struct_fields__
        with self._borrow() as db:
            found = db.execute(sql.format(source=ever if levels.kept(db) else days))
            return [Machine(**dict(zip(names, row, strict=True))) for row in found]

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

    def _usage_pieces(
        self,
        db: apsw.Connection,
        window: Window,
        grain: Grain,
        tz: str,
        labels: Sequence[By],
        where: Filter,
    ) -> list[Piece]:
        coarser = levels.kept(db)
        is_open = window.from_us is None and window.to_us is None and grain is Grain.NONE
        if coarser and is_open and plan.answers_ever(labels, where):
            return [Piece(levels.EVER.table, 0, 1)]
        return self._pieces(db, window, grain, tz, plan.units(labels, where, coarser=coarser))

    def _pieces(
        self, db: apsw.Connection, window: Window, grain: Grain, tz: str, units: Sequence[Unit]
    ) -> list[Piece]:
        first, last = db.execute(
            "SELECT (SELECT min(day) FROM rollup_day), (SELECT max(day) FROM rollup_day)"
        ).get
        if first is None:
            return []
        from_us, to_us = _bounds(window)
        return pieces(
            max(from_us, first * DAY_US),
            min(to_us, (last + 1) * DAY_US),
            meta(db, "raw_from_us"),
            grain,
            tz,
            units,
        )


def _owner(where: Filter) -> tuple[str, list[str]]:
    """The same for readings and facts, which have no labels but these."""
    wanted = {"machine": where.machines, "provider": where.providers, "account": where.accounts}
    parts = [f"{name} IN ({', '.join('?' * len(v))})" for name, v in wanted.items() if v]
    return f"WHERE {' AND '.join(parts)}" if parts else "", [v for values in wanted.values() for v in values]


_FACT = ("provider", "account", "key", "value", "at_us")


def _of(told: dict[str, Told], machine: str) -> Told:
    found = told.get(machine)
    if found is None:
        found = told[machine] = Told([], [])
    return found


def _bounds(window: Window) -> tuple[int, int]:
    from_us = 0 if window.from_us is None else max(window.from_us, 0)
    return from_us, _END_US if window.to_us is None else window.to_us


_END_US = 1 << 62
