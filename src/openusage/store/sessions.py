"""Sessions and their turns out of the tables: which sessions there are, what each is made of, what it did.

Sums come from `rollup`, which is kept for ever; turns from raw events, as far as they are kept. Nothing here
joins two moments: whoever calls has one connection, and so one moment of the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apsw

from openusage.errors import UsageError
from openusage.store import plan
from openusage.store.events import COLUMNS, SERIES_AT, event_of
from openusage.store.meta import meta
from openusage.store.schema import LABELS
from openusage.store.slots import SLOT_US, Piece
from openusage.wire.events import EventKind, UsageEvent
from openusage.wire.rollups import Filter, Rollup
from openusage.wire.sessions import (
    MOST_MODELS,
    MOST_SESSIONS,
    MOST_TURNS,
    CostKnown,
    Explain,
    SessionMachine,
    SessionOrder,
    SessionPage,
    SessionRow,
    Turn,
    TurnPage,
)

_FIGURES = ", ".join(plan.FIGURES)
_SUMMED = ", ".join(
    {"first_us": "min(first_us)", "last_us": "max(last_us)"}.get(name, f"ifnull(sum({name}), 0)")
    for name in plan.FIGURES
)
_TOKENS = "input + output + cache_read + cache_write_5m + cache_write_1h + reasoning"
_ORDER = {
    SessionOrder.NEWEST: "last_us DESC, session_id DESC",
    SessionOrder.COST: f"cost_nano DESC, {_TOKENS} DESC, session_id DESC",
}
_ALL, _NONE = 0, -1
"""Rows of an answer that are no session: all of them together, what belongs to none."""


class Question(NamedTuple):
    """Which sessions, and which part of the list."""

    where: Filter
    search: str
    order: SessionOrder
    limit: int
    offset: int


def page(db: apsw.Connection, pieces: Sequence[Piece], asked: Question) -> SessionPage:
    """Some of the sessions with a message in the window that `pieces` are.

    O(rows of `rollup` in the window) for their sums, O(rows of `rollup` of the sessions given) for what they
    are made of.
    """
    raw_from_us = meta(db, "raw_from_us")
    if not pieces:
        return SessionPage(rows=[], total=0, used=Rollup(), outside=Rollup(), raw_from_us=raw_from_us)
    found: dict[int, Rollup] = {}
    total = 0
    sums, values = plan.session_sums_sql(pieces, asked.where, asked.search.lower())
    matches = ""
    if asked.search:
        matches = "AND (hit OR session_id IN (SELECT id FROM session WHERE instr(lower(name), ?) > 0))"
        values.append(asked.search.lower())
    sql = f"""
        WITH g AS MATERIALIZED (SELECT session_id, {_FIGURES}, hit FROM ({sums})),
        f AS MATERIALIZED (
            SELECT * FROM g WHERE session_id > 0 AND events > tool_calls + turns {matches}
        )
        SELECT {_ALL}, count(*), {_SUMMED} FROM f
        UNION ALL SELECT {_NONE}, 0, {_FIGURES} FROM g WHERE session_id = 0
        UNION ALL SELECT * FROM (
            SELECT session_id, 0, {_FIGURES} FROM f ORDER BY {_ORDER[asked.order]} LIMIT ? OFFSET ?
        )
        """
    limit = max(0, min(asked.limit, MOST_SESSIONS))
    for number, count, *figures in db.execute(sql, (*values, limit, max(0, asked.offset))):
        total += count
        found[number] = Rollup({}, *(figure or 0 for figure in figures))
    whole, outside = found.pop(_ALL, Rollup()), found.pop(_NONE, Rollup())
    return SessionPage(
        rows=_rows(db, pieces, asked.where, found),
        total=total,
        used=whole,
        outside=outside,
        raw_from_us=raw_from_us,
    )


def turns(
    db: apsw.Connection, provider: str, session: str, limit: int, before: str, explain: Explain
) -> TurnPage:
    """Some events of a session, the newest first.

    O(rows of `rollup` of the session) and O(events of all sessions in the quarter-hours that are read), which
    are those that the turns given lie in.

    Raises:
        UsageError: `before` was not given by an earlier page.
    """
    raw_from_us, last = meta(db, "raw_from_us"), _cursor(before)
    number = db.execute("SELECT id FROM session WHERE (provider, name) = (?, ?)", (provider, session)).get
    if number is None:
        return TurnPage(turns=[], total=0, raw_from_us=raw_from_us)
    slots: list[Any] = db.execute(
        "SELECT slot, sum(events) FROM rollup INDEXED BY rollup_session WHERE session_id = ?"
        " GROUP BY slot ORDER BY slot DESC",
        (number,),
    ).fetchall()
    raw_slot = raw_from_us // SLOT_US
    limit = max(1, min(limit, MOST_TURNS))
    spans = _runs(slot for slot, _ in slots if slot >= raw_slot)
    rows = _newest(db, number, spans, limit + 1, last)
    more = len(rows) > limit
    shown = rows[:limit]
    return TurnPage(
        turns=_turns(db, session, shown, explain),
        total=sum(events for _, events in slots),
        pruned=sum(events for slot, events in slots if slot < raw_slot),
        raw_from_us=raw_from_us,
        next=f"{shown[-1][_AT]}-{shown[-1][_KEY].hex()}" if more else "",
    )


# -- the list ------------------------------------------------------------------------------------


class _Weight(NamedTuple):
    """How great a part is: what is compared first comes first."""

    cost_nano: int
    tokens: int
    events: int


def _rows(
    db: apsw.Connection, pieces: Sequence[Piece], where: Filter, sums: Mapping[int, Rollup]
) -> list[SessionRow]:
    """The rows of sessions, in the order of `sums`."""
    if not sums:
        return []
    numbers = list(sums)
    marks = ", ".join("?" * len(numbers))
    names = {
        number: (provider, name)
        for number, provider, name in db.execute(
            f"SELECT id, provider, name FROM session WHERE id IN ({marks})", numbers
        )
    }
    parts: dict[int, dict[str, dict[str, _Weight]]] = {}
    for piece in pieces:
        sql, values = plan.session_parts_sql(piece, len(numbers), where)
        for number, *rest in db.execute(sql, (piece.start, piece.end, *numbers, *values)):
            labels, weight = rest[:-3], _Weight(*rest[-3:])
            known = parts.setdefault(number, {name: {} for name in plan.SESSION_LABELS})
            for name, label in zip(plan.SESSION_LABELS, labels, strict=True):
                old = known[name].get(label, _Weight(0, 0, 0))
                known[name][label] = _Weight(*(a + b for a, b in zip(old, weight, strict=True)))
    machines = _machine_names(db)
    return [
        _row(names[number], {n: _greatest(w) for n, w in parts[number].items()}, machines, used)
        for number, used in sums.items()
    ]


def _greatest(weights: Mapping[str, _Weight]) -> list[str]:
    """Known labels, the greatest part first."""
    return sorted(filter(None, weights), key=lambda label: (*(-n for n in weights[label]), label))


def _row(
    name: tuple[str, str], parts: Mapping[str, list[str]], machines: Mapping[str, str], used: Rollup
) -> SessionRow:
    provider, session = name
    return SessionRow(
        session=session,
        provider=provider,
        account=next(iter(parts["account"]), ""),
        machines=[SessionMachine(number, machines.get(number, number)) for number in parts["machine"]],
        project=next(iter(parts["project"]), None),
        client=next(iter(parts["client"]), None),
        models=parts["model"][:MOST_MODELS],
        used=used,
    )


def _machine_names(db: apsw.Connection) -> dict[str, str]:
    return {number: name for number, name in db.execute("SELECT id, name FROM machine")}


# -- the turns of one ----------------------------------------------------------------------------

_KEY, _AT = COLUMNS.index("event_key"), COLUMNS.index("at_us")
_COMPUTED, _PRICE = COLUMNS.index("cost_computed_nano"), COLUMNS.index("price_id")
_READ = f"""
    SELECT {", ".join(COLUMNS)} FROM event INDEXED BY event_time
    WHERE at_us >= ? AND at_us < ? AND session_id = ? AND (at_us, event_key) < (?, ?)
    ORDER BY at_us DESC, event_key DESC LIMIT ?
    """
_LAST = (1 << 62, b"")


def _cursor(before: str) -> tuple[int, bytes]:
    if not before:
        return _LAST
    at, _, key = before.partition("-")
    try:
        at_us, event_key = int(at), bytes.fromhex(key)
    except ValueError:
        at_us, event_key = -1, b""
    if not 0 <= at_us < 1 << 62 or len(event_key) != 16:
        raise UsageError(f'before: "{before[:80]}" is not what `next` of an earlier page was')
    return at_us, event_key


def _runs(slots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Descending slots as spans of time without a gap, the latest first."""
    first = last = -1
    for slot in slots:
        if slot != first - 1:
            if first >= 0:
                yield first * SLOT_US, (last + 1) * SLOT_US
            last = slot
        first = slot
    if first >= 0:
        yield first * SLOT_US, (last + 1) * SLOT_US


def _newest(
    db: apsw.Connection,
    session_id: int,
    spans: Iterable[tuple[int, int]],
    limit: int,
    last: tuple[int, bytes],
) -> list[tuple[Any, ...]]:
    """Rows of `event` before `last`, at most `limit`."""
    found: list[tuple[Any, ...]] = []
    for start_us, end_us in spans:
        if start_us > last[0]:
            continue
        values = (start_us, min(end_us, last[0] + 1), session_id, *last, limit - len(found))
        found += db.execute(_READ, values).fetchall()
        if len(found) == limit:
            break
    return found


def _turns(
    db: apsw.Connection, session: str, rows: Sequence[tuple[Any, ...]], explain: Explain
) -> list[Turn]:
    series = {row[SERIES_AT] for row in rows}
    marks = ", ".join("?" * len(series))
    labels = {
        number: tuple(label or None for label in names)
        for number, *names in db.execute(
            f"SELECT id, {', '.join(LABELS)} FROM series WHERE id IN ({marks})", tuple(series)
        )
    }
    machines = _machine_names(db)
    prices = {number: name for number, name in db.execute("SELECT id, name FROM price_version")}
    made = []
    for row in rows:
        event = event_of(row, labels[row[SERIES_AT]], session)
        machine = labels[row[SERIES_AT]][0] or ""
        shown = SessionMachine(machine, machines.get(machine, machine))
        made.append(_turn(event, shown, row[_COMPUTED], prices.get(row[_PRICE]), explain))
    return made


def _turn(
    event: UsageEvent, machine: SessionMachine, computed: int | None, version: str | None, explain: Explain
) -> Turn:
    reported = event.cost_reported_nano
    cost = computed if reported is None else reported
    known = None
    if event.kind is EventKind.MESSAGE:
        unknown = CostKnown.UNPRICED if computed is None else CostKnown.COMPUTED
        known = unknown if reported is None else CostKnown.REPORTED
    return Turn(
        at_us=event.at_us,
        kind=event.kind,
        model=event.model,
        upstream=event.upstream,
        account=event.account,
        machine=machine,
        project=event.project,
        client=event.client,
        agent=event.agent,
        tool=event.tool,
        outcome=event.outcome,
        language=event.language,
        tokens=event.tokens,
        lines_added=event.lines_added,
        lines_removed=event.lines_removed,
        web_searches=event.web_searches,
        web_fetches=event.web_fetches,
        cost_nano=cost,
        known=known,
        cost_reported_nano=reported,
        cost_computed_nano=computed,
        price_version=version,
        estimated=event.estimated,
        price=None if computed is None else explain(event),
    )
