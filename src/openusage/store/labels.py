"""Labels to numbers and back: `series`, `session` and price versions, looked up once and remembered.

The writer's own: numbers given in a transaction that fails are forgotten again with `undo`.
"""

from __future__ import annotations

from typing import TypeAlias

import apsw

from openusage.store.schema import LABELS

Labels: TypeAlias = tuple[str | None, ...]
"""In the order of `schema.LABELS`."""

_MOST = 200_000
"""Entries remembered of each sort; then it starts anew, so that memory stays flat."""


class LabelBook:
    """Numbers for labels. O(1) for known ones, one look-up in an index for others."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._series: dict[Labels, int] = {}
        self._labels: dict[int, Labels] = {}
        self._sessions: dict[tuple[str, str | None], int] = {}
        self._names: dict[int, str | None] = {0: None}
        self._prices: dict[str, int] = {}
        self._new = False

    def series(self, labels: Labels) -> int:
        """The number of a combination of labels."""
        known = self._series.get(labels)
        return self._add_series(labels) if known is None else known

    def series_elsewhere(self, series_id: int, machine: str) -> int:
        """The number of the same labels on another machine."""
        return self.series((machine, *self.labels_of(series_id)[1:]))

    def session(self, provider: str, name: str | None) -> int:
        """The number of a session, 0 for none."""
        known = self._sessions.get((provider, name))
        return self._add_session(provider, name) if known is None else known

    def price(self, version: str) -> int:
        """The number of a version of prices."""
        known = self._prices.get(version)
        if known is None:
            known = self._prices[version] = self._number("price_version", ("name",), (version,))
        return known

    def labels_of(self, series_id: int) -> Labels:
        """What a number stands for; a missing label is `None`."""
        labels = self._labels.get(series_id)
        if labels is None:
            row = self._db.execute(f"SELECT {', '.join(LABELS)} FROM series WHERE id = ?", (series_id,))
            labels = self._labels[series_id] = tuple(label or None for label in row.fetchone() or ())
        return labels

    def session_of(self, session_id: int) -> str | None:
        """What a number stands for."""
        if session_id not in self._names:
            row = self._db.execute("SELECT name FROM session WHERE id = ?", (session_id,)).fetchone()
            self._names[session_id] = row[0] if row else None
        return self._names[session_id]

    def settle(self) -> None:
        """The transaction is committed: what was given stays."""
        self._new = False
        for cache in (self._series, self._labels, self._sessions, self._names):
            if len(cache) > _MOST:
                self.forget()

    def undo(self) -> None:
        """The transaction was rolled back: what it gave is void."""
        if self._new:
            self.forget()

    def forget(self) -> None:
        """Labels were removed: their numbers mean nothing any more."""
        self._series.clear()
        self._labels.clear()
        self._sessions.clear()
        self._names = {0: None}
        self._prices.clear()
        self._new = False

    def _add_series(self, labels: Labels) -> int:
        number = self._number("series", LABELS, tuple(clean(label or "") for label in labels))
        self._series[labels] = number
        return number

    def _add_session(self, provider: str, name: str | None) -> int:
        number = self._number("session", ("provider", "name"), (clean(provider), clean(name))) if name else 0
        self._sessions[provider, name] = number
        return number

    def _number(self, table: str, columns: tuple[str, ...], values: tuple[str, ...]) -> int:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)
        if self._db.changes():
            self._new = True
            return self._db.last_insert_rowid()
        where = f"SELECT id FROM {table} WHERE ({names}) = ({marks})"
        return int(self._db.execute(where, values).get)


def clean(text: str) -> str:
    """The text as SQLite can hold it: a lone surrogate, as broken logs have it, becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
