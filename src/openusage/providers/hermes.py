"""Hermes Agent: one database a profile, `state.db`, with totals of sessions.

Seen: schemas of 2025 and 2026 (`hermes_state.py`, `hermes_state_usage.py` of the Hermes repository). A
session knows what it used so far; newer versions also by model, vendor and side task (vision, compression).
Totals are told as they grow. Costs are what Hermes recorded: the vendor's own, else its estimate. Not
covered: which request used what, and `session_*.json` files, which are copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers import _sqlite
from openusage.providers._calls import Calls, is_unique, mcp_name
from openusage.providers._contract import Env, Kind, ProviderSpec
from openusage.providers._inputs import touch_of
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database, Databases
from openusage.providers._totals import Totals
from openusage.providers._values import (
    child,
    count,
    disjoint,
    json_value,
    nano_usd,
    project_of,
    remembered,
    text,
    time_us,
)
from openusage.wire.events import (
    Account,
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

SPEC = ProviderSpec(
    id="hermes",
    name="Hermes Agent",
    kind=Kind.LOCAL,
    default_account="hermes",
    docs_url="https://hermes-agent.nousresearch.com/docs",
    patterns=("~/.hermes/state.db", "~/.hermes/profiles/*/state.db"),
    binaries=("hermes",),
    retention_hint="Hermes may prune old sessions; what was read stays.",
)

DATABASE = "state.db"
KEPT_RECENT = 64
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_COSTS = ("actual_cost_usd", "estimated_cost_usd", "cost_status")
_SESSION = ("id", "source", "model", "billing_provider", "started_at", "ended_at", "cwd", *_COUNTS, *_COSTS)
_ROUTE = ("session_id", "model", "billing_provider", "task", "last_seen", *_COUNTS, *_COSTS)
_MESSAGE = ("session_id", "role", "timestamp", "tool_call_id", "tool_calls!")
_AGENTS = ("subagent", "delegate", "delegation")
_VENDORS = {"claude": "anthropic", "openai_codex": "openai", "openai-codex": "openai"}
_VENDORS |= {"gemini": "google", "vertex": "google"}
_CLIENTS = {None: None, "cli": "CLI", "cron": "Scheduled"}


class State(msgspec.Struct, omit_defaults=True):
    """Travels in a database's cursor, as JSON."""

    sessions: Followed = msgspec.field(default_factory=Followed)
    messages: Followed = msgspec.field(default_factory=Followed)
    calls: Calls = msgspec.field(default_factory=Calls)
    totals: Totals = msgspec.field(default_factory=Totals)
    due: dict[str, None] = {}
    """Sessions that something was seen of, and whose totals were not read since."""
    recent: dict[str, None] = {}
    """Sessions that may still grow, newest last: totals come a little after messages."""
    is_midway: bool = False
    """The last pass was stopped: `due` is what was left of it."""


_state = msgspec.json.Decoder(State)


def discover(env: Env) -> Iterator[Account]:
    """One account over all profiles."""
    return one_account(SPEC, flat_roots=_DATABASES.among(_folders(env)))


def _folders(env: Env) -> list[Path]:
    named = [Path(part.strip()) for part in env.environ.get("HERMES_HOME", "").split(",") if part.strip()]
    homes = named or [env.home / ".hermes"]
    return [folder for home in homes for folder in (home, *sorted(home.glob("profiles/*")))]


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Hermes has no quota of its own."""
    yield from ()


def _batches(account: Account, env: Env, db: Database, state: bytes) -> Iterator[Batch]:
    return Reading(db, remembered(state, _state), account.id).batches()


_DATABASES = Databases(DATABASE, _batches)
plan, read = _DATABASES.plan, _DATABASES.read


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: str) -> None:
        db.expect("sessions", "id", "model", "started_at")
        self._db = db
        self._state = state
        self._account = account
        self._has_routes = "last_seen" in db.columns("session_model_usage")

    def batches(self) -> Iterator[Batch]:
        """What is new: messages, sessions, then the totals of those that something was seen of."""
        db, state = self._db, self._state
        if {"id", "session_id", "role", "timestamp"} <= db.columns("messages"):
            witness = "session_id || ' ' || timestamp"
            table = Table(name="messages", columns=db.select("messages", _MESSAGE), witness=witness)
            for records, share in state.messages.batches(db, table, self._messages):
                yield self._batch(records, share)
        for _ in state.sessions.batches(db, Table(name="sessions", columns="NULL"), self._found):
            yield self._batch([], 1.0)
        if not state.is_midway:
            state.due, state.is_midway = {**state.recent, **state.due}, True
        while state.due:
            slice_ = list(state.due)[: _sqlite.BATCH_ROWS]
            with db.moment():
                records = [record for name in slice_ for record in self._session(name)]
            for name in slice_:
                del state.due[name]
            state.is_midway = bool(state.due)
            state.recent = dict(list({**state.recent, **dict.fromkeys(slice_)}.items())[-KEPT_RECENT:])
            yield self._batch(records, 1.0)
        state.is_midway = False

    def _batch(self, records: list[Record], share: float) -> Batch:
        return Batch(records, msgspec.json.encode(self._state), share)

    def _found(self, rows: list[Row]) -> None:
        self._state.due |= {str(row[1]): None for row in rows}

    def _messages(self, rows: list[Row]) -> list[Record]:
        sessions = {row[2] for row in rows}
        columns = self._db.select("sessions", _SESSION)
        found = self._db.rows(f"SELECT {columns} FROM sessions WHERE id IN ({marks(sessions)})", [*sessions])
        abouts = {row[0]: _about(self._account, row) for row in found}
        records: list[Record] = []
        for _, _, session, role, timestamp, result_of, calls in rows:
            self._state.due[str(session)] = None
            about, at_us = abouts.get(session), time_us(timestamp)
            if about is not None and at_us is not None:
                about = msgspec.structs.replace(about, at_us=at_us, cost_reported_nano=None)
                records += self._message(about, role, text(result_of), json_value(calls))
        return records

    def _message(
        self, about: UsageEvent, role: object, result_of: str | None, calls: Any
    ) -> Iterator[UsageEvent]:
        if role == "user" and about.agent is None:
            key = event_key(SPEC.id, "turn", about.session, about.at_us)
            yield msgspec.structs.replace(about, kind=EventKind.TURN, event_key=key)
        if role == "tool" and result_of is not None:
            # Whether it failed is told to the model only.
            event = self._state.calls.end(result_of, Outcome.OK)
            if event is not None:
                yield event
        for call in calls if isinstance(calls, list) else []:
            name, call_id = text(child(call, "function").get("name")), text(child(call).get("id"))
            if name is not None and call_id is not None:
                yield self._call(about, call_id, name, child(call, "function").get("arguments"))

    def _call(self, about: UsageEvent, call: str, name: str, given: Any) -> UsageEvent:
        touch = touch_of(given)
        scope = () if is_unique(call) else (about.session, about.at_us)
        event = msgspec.structs.replace(
            about,
            kind=EventKind.TOOL,
            event_key=event_key(SPEC.id, "tool", call, *scope),
            tool=mcp_name(name),
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        return self._state.calls.begin(call, event)

    def _session(self, name: str) -> Iterator[Record]:
        """What a session used: by its routes where they tell all of it, else as a whole; side tasks too."""
        columns = self._db.select("sessions", _SESSION)
        rows = self._db.rows(f"SELECT {columns} FROM sessions WHERE id = ?", (name,))
        if not rows:
            return
        about = _about(self._account, rows[0])
        used = counts_of(rows[0][7:12])
        routes = self._routes(name)
        main = [route for route in routes if not route[3]]
        is_split = bool(main) and _covers([counts_of(route[5:10]) for route in main], used)
        if not is_split and about.model is not None:
            at_us = time_us(rows[0][5]) or self._last_message_us(name) or about.at_us
            whole = msgspec.structs.replace(about, at_us=at_us, tokens=used)
            yield from self._grown(whole, rows[0][12:15], (name,))
        for _, model, vendor, task, seen, *figures in routes:
            if task or is_split:
                part = msgspec.structs.replace(
                    about,
                    at_us=time_us(seen) or about.at_us,
                    model=text(model) or about.model,
                    upstream=vendor_of(text(vendor), text(model)),
                    agent=text(task) or about.agent,
                    tokens=counts_of(figures[:5]),
                )
                identity = (name, text(model) or "", text(vendor) or "", text(task) or "")
                yield from self._grown(part, figures[5:8], identity)

    def _grown(self, about: UsageEvent, costs: Any, identity: tuple[str, ...]) -> Iterator[UsageEvent]:
        about = msgspec.structs.replace(about, cost_reported_nano=cost_of(*costs))
        if about.tokens.total or about.cost_reported_nano:
            yield from self._state.totals.events(about, identity)

    def _routes(self, name: str) -> list[tuple[Any, ...]]:
        """A session's usage by model, vendor and task; those that differ in their address only together."""
        if not self._has_routes:
            return []
        columns = self._db.select("session_model_usage", _ROUTE)
        rows = self._db.rows(f"SELECT {columns} FROM session_model_usage WHERE session_id = ?", (name,))
        found: dict[tuple[Any, ...], list[Any]] = {}
        for row in rows:
            known = found.setdefault(
                row[1:4], [*row[:4], None, *([None] * len(_COUNTS)), None, None, row[12]]
            )
            known[4] = max(known[4] or 0, row[4] or 0)
            for i in range(5, 12):
                known[i] = known[i] if row[i] is None else (known[i] or 0) + row[i]
        return [tuple(route) for route in found.values()]

    def _last_message_us(self, name: str) -> int | None:
        if "timestamp" not in self._db.columns("messages"):
            return None
        ((last,),) = self._db.rows("SELECT max(timestamp) FROM messages WHERE session_id = ?", (name,))
        return time_us(last)


def _about(account: str, row: tuple[Any, ...]) -> UsageEvent:
    name, source, model, vendor, started, _, cwd = row[:7]
    kind = text(source)
    return UsageEvent(
        provider=SPEC.id,
        account=account,
        at_us=time_us(started) or 0,
        kind=EventKind.MESSAGE,
        event_key=b"",
        model=text(model),
        upstream=vendor_of(text(vendor), text(model)),
        client=_CLIENTS.get(kind, kind.capitalize() if kind else None),
        project=project_of(cwd),
        session=text(name),
        agent="subagent" if kind in _AGENTS else None,
    )


def vendor_of(named: str | None, model: str | None) -> str | None:
    """Who answered: as Hermes names it, in the names that others use, else by the model."""
    if named:
        return _VENDORS.get(named.lower(), named.lower())
    return upstream_by_name(model)


def counts_of(values: Any) -> TokenCounts:
    """Counts of a row. Reasoning is part of output, as long as it can be."""
    given, output, read, written, reasoning = map(count, values)
    return disjoint(
        input=given,
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=reasoning,
        reasoning_inside=(reasoning or 0) <= (output or 0),
    )


def cost_of(actual: object, estimated: object, status: object) -> int | None:
    """The vendor's cost, else Hermes' estimate. 0 is a cost only where a subscription covers it."""
    nano = nano_usd(actual) or nano_usd(estimated)
    return 0 if nano is None and status == "included" else nano


def _covers(routes: list[TokenCounts], whole: TokenCounts) -> bool:
    return all(
        sum(getattr(route, f) or 0 for route in routes) >= (getattr(whole, f) or 0)
        for f in ("input", "output", "cache_read", "cache_write_5m")
    )
