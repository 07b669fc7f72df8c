"""Which tables a question about sums is answered from, and the SQL that does it. Pure.

The fewer labels a question names, the coarser the table that knows the answer (`levels`). A row of an
answer is, from any table: the local day or hour (0 when not told apart), the labels asked for, `FIGURES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from openusage.store import levels
from openusage.store.levels import EVER, HOUR, MODEL, OWNERS, PROJECT, SHARED, SLOT, Level
from openusage.store.slots import BASE, DAY_US, EVENT, SLOT_US, Grain, Piece, Unit
from openusage.store.sums import OF_EVENTS, TOKENS_SQL
from openusage.wire.events import EventKind
from openusage.wire.rollups import By, Filter, Rollup

FIGURES = Rollup.__struct_fields__[1:]
"""The figures of an answer's row, as a `Rollup` has them: sums, then the earliest and the latest time."""

_SLOTS = BASE[-1]
_HOURS = (Unit(HOUR.table, HOUR.slots), _SLOTS)
_COARSE = {level.table: level for level in (SLOT, HOUR, MODEL, PROJECT, SHARED, EVER)}
_TIME = {EVENT: "at_us", "rollup": "slot", "rollup_day": "day"}


def _figures(special: Mapping[str, str]) -> str:
    """All figures; those that are not sums of columns of `r` are given."""
    known = {"first_us": "min(r.first_us)", "last_us": "max(r.last_us)"} | dict(special)
    return ", ".join(known.get(name, f"sum(r.{name})") for name in FIGURES)


_LEVEL_FIGURES = _figures({})
_BASE_FIGURES = _figures(
    {
        "tool_calls": f"sum(CASE s.kind WHEN '{EventKind.TOOL}' THEN r.events ELSE 0 END)",
        "turns": f"sum(CASE s.kind WHEN '{EventKind.TURN}' THEN r.events ELSE 0 END)",
    }
)
_RAW_FIGURES = _figures(
    OF_EVENTS
    | {"tool_calls": "sum(r.kind_number = 1)", "turns": "sum(r.kind_number = 2)"}
    | {"first_us": "min(at_us)", "last_us": "max(at_us)"}
)


def units(labels: Sequence[By], where: Filter, *, coarser: bool) -> tuple[Unit, ...]:
    """The tables that can answer, longest spans first. `labels`: what is grouped by, but for time."""
    named = _named(labels, where)
    if By.SESSION in named:
        return (_SLOTS,)
    if not coarser or not named.issubset(levels.LABELS):
        return BASE
    if named.issubset(SLOT.labels):
        return (Unit(SLOT.table, SLOT.slots),)
    for level in (PROJECT, MODEL) if "machine" in named else (SHARED,):
        if named.issubset(level.labels):
            return (Unit(level.table, level.slots), *_HOURS)
    return _HOURS


def answers_ever(labels: Sequence[By], where: Filter) -> bool:
    """Whether the sums of all time can answer."""
    return _named(labels, where).issubset(EVER.labels)


def _named(labels: Sequence[By], where: Filter) -> set[str]:
    """The labels that a table must know."""
    named = {str(by) for by in labels} | {name for name, wanted in wanted_of(where).items() if wanted}
    return named | {str(By.SESSION)} if where.sessions else named


def usage_sql(piece: Piece, grain: Grain, labels: Sequence[By], where: Filter) -> tuple[str, list[str]]:
    """The statement for one piece, and its values after the piece's start and end."""
    level = _COARSE.get(piece.table)
    if level is None:
        return _base_sql(piece, grain, labels, where)
    if level.owner:
        return _owned_sql(level, piece, grain, labels, where)
    if level.slots in (0, MODEL.slots) and grain is Grain.NONE:
        return _series_sql(level, labels, where)
    condition, values = condition_of(where)
    columns = [_local(piece, grain, "at"), *(f"s.{by}" for by in labels)]
    return (
        f"SELECT {', '.join(columns)}, {_LEVEL_FIGURES} FROM {level.table} r"
        f" CROSS JOIN coarse s ON s.id = r.series_id WHERE r.at >= ? AND r.at < ? {condition}"
        f" {_grouped(columns)}",
        values,
    )


def _base_sql(piece: Piece, grain: Grain, labels: Sequence[By], where: Filter) -> tuple[str, list[str]]:
    condition, values = condition_of(where)
    local = _local(piece, grain, _TIME[piece.table])
    columns = [local, *("r.session_id" if by is By.SESSION else f"s.{by}" for by in labels)]
    sums = _RAW_FIGURES if piece.table == EVENT else _BASE_FIGURES
    grouped = f"SELECT {', '.join(columns)}, {sums} {base_from(piece)} {condition} {_grouped(columns)}"
    if By.SESSION not in labels:
        return grouped, values
    names = [f"c{n}" for n in range(len(columns) + len(FIGURES))]
    at = labels.index(By.SESSION) + 1
    shown = [
        f"ifnull((SELECT name FROM session WHERE id = c{at}), '')" if n == at else c
        for n, c in enumerate(names)
    ]
    return f"WITH g ({', '.join(names)}) AS ({grouped}) SELECT {', '.join(shown)} FROM g", values


def session_sums_sql(pieces: Sequence[Piece], where: Filter, search: str) -> tuple[str, list[str | int]]:
    """Sums by session: `session_id`, `FIGURES`, and whether the name of a project contains `search`."""
    condition, values = condition_of(where)
    hit = "max(instr(lower(s.project), ?) > 0)" if search else "0"
    parts, given = [], []
    for piece in pieces:
        sums = _RAW_FIGURES if piece.table == EVENT else _BASE_FIGURES
        parts.append(f"SELECT r.session_id, {sums}, {hit} {base_from(piece)} {condition} GROUP BY 1")
        given += [*([search] if search else ()), piece.start, piece.end, *values]
    names = ", ".join(("session_id", *FIGURES, "hit"))
    return (
        f"WITH p ({names}) AS ({' UNION ALL '.join(parts)}), q ({names}) AS"
        f" (SELECT session_id, {_LEVEL_FIGURES}, max(hit) FROM p r GROUP BY 1) SELECT * FROM q",
        given,
    )


def session_parts_sql(piece: Piece, sessions: int, where: Filter) -> tuple[str, list[str]]:
    """What so many sessions are made of, by their labels; their numbers come after the piece's bounds."""
    condition, values = condition_of(where)
    chosen = f"r.session_id IN ({', '.join('?' * sessions)})"
    sums = OF_EVENTS if piece.table == EVENT else {"cost_nano": "sum(cost_nano)", "events": "sum(events)"}
    tokens = f"sum({TOKENS_SQL})"
    source = base_from(piece)
    if piece.table != EVENT:
        source = source.replace(f"{piece.table} r", f"{piece.table} r INDEXED BY rollup_session", 1)
    labels = ", ".join(f"s.{name}" for name in SESSION_LABELS)
    return (
        f"SELECT r.session_id, {labels}, {sums['cost_nano']}, {tokens}, {sums['events']}"
        f" {source} AND {chosen} {condition} GROUP BY r.session_id, {labels}",
        values,
    )


SESSION_LABELS = ("machine", "account", "project", "client", "model")
"""Those that a session's parts are told apart by."""


def _owned_sql(
    level: Level, piece: Piece, grain: Grain, labels: Sequence[By], where: Filter
) -> tuple[str, list[str]]:
    """Owner by owner: grouped by owner, or owner and day, the rows are in order already."""
    condition, values = condition_of(where, level.owner)
    columns = [_local(piece, grain, "at"), *(f"{'o' if by == level.owner else 's'}.{by}" for by in labels)]
    in_order = ["o.id"] if level.owner in labels else []
    if grain is not Grain.NONE:
        in_order.append("r.at" if grain.value == piece.slots else "1")
    others = [f"s.{by}" for by in labels if by != level.owner]
    groups = f"GROUP BY {', '.join([*in_order, *others])}" if in_order or others else "HAVING count(*) > 0"
    series = "CROSS JOIN coarse s ON s.id = r.series_id" if others or "s." in condition else ""
    return (
        f"SELECT {', '.join(columns)}, {_LEVEL_FIGURES} FROM coarse o INDEXED BY coarse_level"
        f" CROSS JOIN {level.table} r ON r.owner = o.id AND r.at >= ? AND r.at < ? {series}"
        f" WHERE o.level = {OWNERS[level.owner].number} {condition} {groups}",
        values,
    )


def _series_sql(level: Level, labels: Sequence[By], where: Filter) -> tuple[str, list[str]]:
    """Each combination of labels over the whole time first, in order; then the few that are left by label."""
    condition, values = condition_of(where)
    columns = ["0", *(f"s.{by}" for by in labels)]
    names = ", ".join(FIGURES)
    return (
        f"WITH q (id, {names}) AS (SELECT s.id, {_LEVEL_FIGURES} FROM coarse s INDEXED BY coarse_level"
        f" CROSS JOIN {level.table} r ON r.series_id = s.id AND r.at >= ? AND r.at < ?"
        f" WHERE s.level = {level.number} {condition} GROUP BY s.id)"
        f" SELECT {', '.join(columns)}, {_LEVEL_FIGURES} FROM q r CROSS JOIN coarse s ON s.id = r.id"
        f" {_grouped(columns)}",
        values,
    )


def _local(piece: Piece, grain: Grain, time: str) -> str:
    """The local day or hour of a row."""
    if grain is Grain.NONE:
        return "0"
    slot = f"r.{time} / {SLOT_US}" if piece.table == EVENT else f"r.{time} * {piece.slots}"
    return f"({slot} + {piece.shift}) / {grain.value}"


def _grouped(columns: Sequence[str]) -> str:
    return f"GROUP BY {', '.join(str(n + 1) for n in range(len(columns)))}"


def base_from(piece: Piece) -> str:
    """Rows `r` of one of the tables that every store keeps, and their labels `s`."""
    hint = "INDEXED BY event_time" if piece.table == EVENT else ""
    time = _TIME[piece.table]
    return (
        f"FROM {piece.table} r {hint} CROSS JOIN series s ON s.id = r.series_id"
        f" WHERE r.{time} >= ? AND r.{time} < ?"
    )


def condition_of(where: Filter, owner: str = "") -> tuple[str, list[str]]:
    """SQL that keeps what the filter lets through, over labels `s`; that of the owner over `o`.

    Sessions are told by the rows `r`: only the base tables have them.
    """
    parts = [
        f"AND {'o' if name == owner else 's'}.{name} IN ({', '.join('?' * len(values))})"
        for name, values in wanted_of(where).items()
        if values
    ]
    wanted = [value for values in wanted_of(where).values() for value in values]
    if where.sessions:
        tools = f"provider IN ({', '.join('?' * len(where.providers))}) AND " if where.providers else ""
        named = f"SELECT id FROM session WHERE {tools}name IN ({', '.join('?' * len(where.sessions))})"
        none = " UNION ALL SELECT 0" if "" in where.sessions else ""
        parts.append(f"AND r.session_id IN ({named}{none})")
        wanted += [*where.providers, *where.sessions]
    return " ".join(parts), wanted


def wanted_of(where: Filter) -> dict[str, Sequence[str]]:
    """Label -> the values that the filter lets through; none: all. Without sessions, which are no label."""
    return {
        "machine": where.machines,
        "provider": where.providers,
        "account": where.accounts,
        "kind": [str(EventKind(kind)) for kind in where.kinds],
        "project": where.projects,
        "model": where.models,
        "client": where.clients,
    }


def session_sql(
    from_us: int, to_us: int, raw_from_us: int, where: Filter
) -> tuple[str, list[str | int]] | None:
    """Counts the sessions with a message in `[from_us, to_us)` by days; `None`: days cannot tell.

    On the days that the window cuts, the first and the last message of a session decide. A slot that it cuts
    belongs where `slots.pieces` says.
    """
    named = {name for name, wanted in wanted_of(where).items() if wanted} - {"kind"}
    first, last = from_us // DAY_US, (to_us - 1) // DAY_US
    if first >= last or where.sessions or not named.issubset(PROJECT.labels):
        return None
    if where.kinds and EventKind.MESSAGE not in where.kinds:
        return "SELECT 0", []
    begin, end = (
        at_us if at_us // SLOT_US * SLOT_US >= raw_from_us else -(-at_us // SLOT_US) * SLOT_US
        for at_us in (from_us, to_us)
    )
    condition, values = condition_of(msgspec.structs.replace(where, kinds=()))
    series = "CROSS JOIN coarse s ON s.id = r.series_id" if values else ""
    return (
        f"SELECT count(DISTINCT r.session_id) FROM session_day r {series} WHERE r.day >= ? AND r.day <= ?"
        f" AND (r.day > ? OR r.last_us >= ?) AND (r.day < ? OR r.first_us < ?) {condition}",
        [first, last, first, begin, last, end, *values],
    )
