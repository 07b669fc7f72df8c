"""`GET /v1/usage`: a query string -> a question, rows of the store -> the reply. Pure but for the asking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from openusage.errors import UsageError
from openusage.hub.repair import is_rfc3339
from openusage.lineage import Lineages
from openusage.read_model.windows import ROLLING_DAYS, from_us, to_us, whole_minute, window
from openusage.wire.envelope import aware
from openusage.wire.events import EventKind
from openusage.wire.fleet import TokenSums, UsageReply, UsageSums, UsageWindow
from openusage.wire.rollups import By, Filter, Questions, Rollup, Window, add
from openusage.wire.sessions import SessionOrder
from openusage.zone import load_zone

WINDOWS = ("1d", *ROLLING_DAYS, "all")
DEFAULT_WINDOW = "30d"
MAX_ROWS = 50_000
_MAX_VALUES = 500
"""Of one query, all parameters together."""
ONCE = ("window", "from", "to", "tz")
FILTERS = ("machine", "provider", "account", "model", "project", "client", "session", "kind")
ALLOWED = (*ONCE, "by", *FILTERS)
_LATEST = dt.datetime(9998, 12, 31, tzinfo=dt.UTC)
_E = TypeVar("_E", By, EventKind, SessionOrder)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question; equal ones have equal answers as long as the store's state is the same."""

    window: Window
    by: tuple[By, ...]
    where: Filter
    """Its machines are still as they were asked for: by name or id."""
    tz: str


class BadQuestion(UsageError):
    """The query cannot be understood: the message names the parameter and what is allowed."""


def parse(query: bytes, now: dt.datetime) -> Asked:
    """The question in a query. Rolling windows begin at the last whole minute. Raises `BadQuestion`."""
    given = read_query(query, ALLOWED)
    once = {name: single(name, given[name]) for name in ONCE if name in given}
    tz = zone_name(once.get("tz", "UTC"))
    by = words("by", (w for text in given.get("by", ()) for w in text.split(",")), By)
    return Asked(window=window_of(once, now, tz), by=by, where=filter_of(given), tz=tz)


def filter_of(given: Mapping[str, Sequence[str]]) -> Filter:
    """Which events count. Raises `BadQuestion`."""
    return Filter(
        machines=tuple(given.get("machine", ())),
        providers=tuple(given.get("provider", ())),
        accounts=tuple(given.get("account", ())),
        kinds=words("kind", given.get("kind", ()), EventKind),
        projects=tuple(given.get("project", ())),
        models=tuple(given.get("model", ())),
        clients=tuple(given.get("client", ())),
        sessions=tuple(given.get("session", ())),
    )


def zone_name(tz: str) -> str:
    """`tz`, which there is. Raises `BadQuestion`."""
    try:
        load_zone(tz)
    except UsageError as e:
        raise BadQuestion(f"tz: {e.message} {e.hint}") from None
    return tz


def find_machines(asked: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Ids of machines that were asked for by name or id. `names`: id -> name. Raises `BadQuestion`."""
    ids = {name: number for number, name in names.items()}
    found = []
    for text in asked:
        number = ids.get(text) or (text if text in names else None)
        if number is None:
            known = ", ".join(sorted(ids)[:20]) or "none yet"
            raise BadQuestion(f'machine: there is no "{text[:80]}"; a name or an id of: {known}')
        found.append(number)
    return tuple(dict.fromkeys(found))


def answer(
    ask: Questions,
    asked: Asked,
    names: Mapping[str, str],
    copies: Mapping[str, int],
    lineages: Lineages | None = None,
) -> UsageReply:
    """The reply. `names`: machine id -> name; `copies`: machine id -> how many it has."""
    machines = find_machines(asked.where.machines, names)
    where = msgspec.structs.replace(asked.where, machines=machines)
    rollups = (lineages or Lineages()).usage(ask.usage, asked.window, asked.by, where, asked.tz)
    if len(rollups) > MAX_ROWS:
        raise BadQuestion(f"by: more than {MAX_ROWS} rows; ask for a shorter window or fewer groups")
    rows = _rows(rollups, asked.by, names) if asked.by else []
    return UsageReply(
        window=UsageWindow(
            name=asked.window.name, from_=_time(asked.window.from_us), to=_time(asked.window.to_us)
        ),
        tz=asked.tz,
        by=[str(by) for by in asked.by],
        rows=rows,
        totals=_sums({}, add(rollups)),
        sessions=ask.sessions(asked.window, where),
        copies=sum(n for number, n in copies.items() if not machines or number in machines),
    )


def read_query(query: bytes, allowed: Sequence[str]) -> dict[str, list[str]]:
    """The values of each parameter. Raises `BadQuestion` for one that is not allowed."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_MAX_VALUES,
        )
    except ValueError:
        raise BadQuestion(
            f"the query cannot be read: name=value&name=value in UTF-8, at most {_MAX_VALUES} of them"
        ) from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in allowed:
            raise BadQuestion(f'there is no parameter "{name[:80]}"; allowed: {", ".join(allowed)}')
        given.setdefault(name, []).append(value)
    return given


def single(name: str, values: Sequence[str]) -> str:
    """The one value. Raises `BadQuestion` when there are several."""
    if len(values) > 1:
        raise BadQuestion(f"{name}: may be given once only")
    return values[0]


def words(name: str, texts: Iterable[str], kind: type[_E]) -> tuple[_E, ...]:
    """Each once, in the order given. Raises `BadQuestion` for what is none of `kind`."""
    found: dict[_E, None] = {}
    for text in texts:
        try:
            found[kind(text.strip())] = None
        except ValueError:
            allowed = ", ".join(kind)
            raise BadQuestion(f'{name}: "{text[:80]}" is none of: {allowed}') from None
    return tuple(found)


def window_of(once: Mapping[str, str], now: dt.datetime, tz: str) -> Window:
    """The span of time asked for by `window`, or `from` and `to`. Raises `BadQuestion`."""
    if "from" not in once and "to" not in once:
        name = once.get("window", DEFAULT_WINDOW)
        if name not in WINDOWS:
            raise BadQuestion(f'window: "{name[:80]}" is none of: {", ".join(WINDOWS)}; or give from and to')
        return window(name, whole_minute(now), tz)
    if "window" in once:
        raise BadQuestion("window: not together with from or to")
    start, end = (_moment(name, once[name]) if name in once else None for name in ("from", "to"))
    if start is not None and end is not None and end < start:
        raise BadQuestion("to: lies before from")
    return Window("custom", start, end)


def _moment(name: str, text: str) -> int:
    """UTC microseconds. In a query a `+` that was not escaped has become a blank."""
    plain = text.strip().replace(" ", "+")
    if not is_rfc3339(plain):
        raise BadQuestion(f'{name}: "{text[:80]}" is no RFC 3339 time, such as 2026-11-22T07:00:00Z')
    return to_us(min(aware(msgspec.convert(plain, dt.datetime)), _LATEST))


def _time(at_us: int | None) -> dt.datetime | None:
    return None if at_us is None else from_us(at_us)


def _rows(rollups: Sequence[Rollup], by: Sequence[By], names: Mapping[str, str]) -> list[UsageSums]:
    """In the order of their keys, where machines go by name. There may be tens of thousands."""
    if By.MACHINE not in by:
        return [_sums(row.key, row) for row in rollups]
    machine = str(By.MACHINE)
    rows = []
    for row in rollups:
        number = row.key[machine] or ""
        key = row.key | {machine: names.get(number, number)}
        rows.append(_sums(key, row, number))
    return sorted(rows, key=_order)


def _order(row: UsageSums) -> list[str]:
    """What is not known comes first: no label is empty."""
    return [label or "" for label in row.key.values()]


def _sums(
    key: dict[str, str | None], total: Rollup, machine_id: str | msgspec.UnsetType = msgspec.UNSET
) -> UsageSums:
    requests = total.requests
    has_cost = requests == 0 or total.unpriced_events < requests
    return UsageSums(
        key=key,
        machine_id=machine_id,
        requests=requests,
        tool_calls=total.tool_calls,
        turns=total.turns,
        tokens=TokenSums(
            input=total.input,
            output=total.output,
            cache_read=total.cache_read,
            cache_write_5m=total.cache_write_5m,
            cache_write_1h=total.cache_write_1h,
            reasoning=total.reasoning,
            total=total.total_tokens,
        ),
        cost_usd=_usd(total.cost_nano) if has_cost else None,
        cost_reported_usd=_usd(total.cost_reported_nano),
        cost_computed_usd=_usd(total.cost_computed_nano),
        unpriced_requests=total.unpriced_events,
        unpriced_tokens=total.unpriced_tokens,
        estimated_requests=total.estimated_events,
        lines_added=total.lines_added,
        lines_removed=total.lines_removed,
        web_searches=total.web_searches,
        web_fetches=total.web_fetches,
        first_at=from_us(total.first_us) if total.events else None,
        last_at=from_us(total.last_us) if total.events else None,
    )


def _usd(nano: int) -> float:
    """The nearest number to so many nano-dollars: written, it has no more digits than they have."""
    return nano / 1_000_000_000
