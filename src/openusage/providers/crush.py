"""Crush: one database a project, `.crush/crush.db`, all named in a registry of projects.

Seen: the schemas of 2025 and 2026 (`internal/db/migrations` of the Crush repository). A session knows what it
cost so far, and nothing else of its past: `prompt_tokens` and `completion_tokens` are those of the last
request, how full the context is. So there are requests (one a message of the assistant), tool calls and
money, and no token counts. A session's money is told as it grows, in steps that are of the models that
answered since; its messages cost nothing beside it. Not covered: projects of versions without a registry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from openusage.providers import _sqlite, _walk
from openusage.providers._calls import Calls, is_unique, mcp_name
from openusage.providers._contract import Chunk, Cursors, Env, Kind, Plan, ProviderSpec
from openusage.providers._documents import object_in
from openusage.providers._inputs import touch_of
from openusage.providers._rows import Followed, Row, Table, marks
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database
from openusage.providers._totals import Totals
from openusage.providers._values import (
    count,
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
    QuotaReading,
    Record,
    Scope,
    UsageEvent,
    event_key,
)

SPEC = ProviderSpec(
    id="crush",
    name="Crush",
    kind=Kind.LOCAL,
    default_account="crush",
    docs_url="https://github.com/charmbracelet/crush",
    patterns=("~/.local/share/crush/projects.json", "<project>/.crush/crush.db"),
    binaries=("crush",),
    retention_hint="Crush keeps its sessions until they or their project are deleted.",
)

REGISTRY = "projects.json"
_SESSION = (
    "id",
    "parent_session_id",
    "cost",
    "prompt_tokens",
    "completion_tokens",
    "created_at",
    "updated_at",
)
Run = tuple[str | None, str | None, int]
"""Model, vendor, and how many messages of it followed each other."""


class Project(msgspec.Struct, frozen=True):
    """A line of the registry."""

    database: str
    name: str | None


class State(msgspec.Struct, omit_defaults=True):
    """Travels in a database's cursor, as JSON."""

    messages: Followed = msgspec.field(default_factory=Followed)
    calls: Calls = msgspec.field(default_factory=Calls)
    totals: Totals = msgspec.field(default_factory=Totals)
    models: dict[str, list[Run]] = {}
    """Session -> who answered in it since its cost last grew."""


_state = msgspec.json.Decoder(State)


def discover(env: Env) -> Iterator[Account]:
    """One account over all projects, when there is a registry of them."""
    folder = _folder(env)
    return one_account(SPEC, flat_roots=[str(folder)] if (folder / REGISTRY).is_file() else [])


def _folder(env: Env) -> Path:
    named = env.environ.get("CRUSH_GLOBAL_DATA", "")
    return Path(named) if named else _walk.data_home(env) / "crush"


def watched(account: Account) -> Iterator[str]:
    """The folders of the projects' databases: which these are, only the registry tells."""
    folders = dict.fromkeys(str(Path(project.database).parent) for project in projects(account))
    yield from (folder for folder in folders if Path(folder).is_dir())


def projects(account: Account) -> list[Project]:
    """The databases of the registry, each once."""
    found: dict[str, Project] = {}
    for root in account.flat_roots[:1]:  # the folder of the registry; others are watched ones
        listed = object_in(Path(root) / REGISTRY).get("projects")
        for one in listed if isinstance(listed, list) else []:
            path = text(one.get("path")) if isinstance(one, dict) else None
            if path is not None:
                database = Path(path) / (text(one.get("data_dir")) or ".crush") / "crush.db"
                found.setdefault(str(database), Project(str(database), project_of(path)))
    return list(found.values())


def plan(account: Account, cursors: Cursors, env: Env) -> Plan:
    """How much there is to read."""
    return _sqlite.plan([p.database for p in projects(account)], cursors)


def read(
    account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
) -> Iterator[Chunk]:
    """Everything new since `cursors`, project by project."""
    found = {p.database: p for p in projects(account)}

    def reader(db: Database, state: bytes) -> Iterator[Batch]:
        return Reading(db, remembered(state, _state), account.id, found[db.path].name).batches()

    yield from _sqlite.read(list(found), cursors, changed, reader)


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Crush has no quota of its own."""
    yield from ()


class Reading:
    """One pass over one database."""

    def __init__(self, db: Database, state: State, account: str, project: str | None) -> None:
        known = db.expect("messages", "id", "session_id", "role", "parts", "created_at", "updated_at")
        db.expect("sessions", "id", "parent_session_id", "cost", "created_at", "updated_at")
        provider = "provider" if "provider" in known else "NULL"
        self._table = Table(
            name="messages",
            columns=f"session_id, role, model, {provider}, created_at, CAST(parts AS BLOB)",
            stamp="updated_at || ' ' || octet_length(parts)",
        )
        self._db = db
        self._state = state
        self._problems: list[str] = []
        self._about = UsageEvent(
            provider=SPEC.id,
            account=account,
            at_us=0,
            kind=EventKind.MESSAGE,
            event_key=b"",
            client="CLI",
            project=project,
        )

    def batches(self) -> Iterator[Batch]:
        """What is new: messages, then what their sessions cost."""
        for records, share in self._state.messages.batches(self._db, self._table, self._messages):
            problems, self._problems = self._problems, []
            yield Batch(records, msgspec.json.encode(self._state), share, problems)
        records = list(self._sessions())
        yield Batch(records, msgspec.json.encode(self._state))

    def _messages(self, rows: list[Row]) -> list[Record]:
        sessions = {row[2] for row in rows}
        found = self._db.rows(
            f"SELECT id, parent_session_id FROM sessions WHERE id IN ({marks(sessions)})", [*sessions]
        )
        parents = dict(found)
        records: list[Record] = []
        may_change: list[str] = []
        for rowid, key, session, role, model, vendor, created, data in rows:
            parts, at_us = json_value(data), time_us(created)
            if not isinstance(parts, list) or at_us is None:
                self._problems.append(f"row {rowid} of `messages` has no parts or no time")
                continue
            about = msgspec.structs.replace(
                self._about,
                at_us=at_us,
                session=text(session),
                agent=agent_of(text(session) or "", parents.get(session)),
                model=text(model),
                upstream=text(vendor),
            )
            by_type = [(p.get("type"), p.get("data")) for p in parts if isinstance(p, dict)]
            records += self._message(about, str(key), role, by_type)
            if role == "assistant" and not any(kind == "finish" for kind, _ in by_type):
                may_change.append(key)
        self._state.messages.keep(self._db, self._table, rows, may_change)
        return records

    def _message(
        self, about: UsageEvent, key: str, role: object, parts: list[tuple[Any, Any]]
    ) -> Iterator[UsageEvent]:
        if role == "user" and about.agent is None:
            yield msgspec.structs.replace(
                about, kind=EventKind.TURN, event_key=event_key(SPEC.id, "turn", key)
            )
        if role == "assistant" and any(kind == "finish" for kind, _ in parts):
            # What it cost is in its session's total.
            yield msgspec.structs.replace(
                about, event_key=event_key(SPEC.id, "message", key), cost_reported_nano=0
            )
            self._answered(about)
        for kind, data in parts:
            if isinstance(data, dict):
                event = self._call(about, key, data) if kind == "tool_call" else None
                if kind == "tool_result":
                    outcome = Outcome.ERROR if data.get("is_error") is True else Outcome.OK
                    event = self._state.calls.end(_id(about, data.get("tool_call_id")), outcome)
                if event is not None:
                    yield event

    def _call(self, about: UsageEvent, message: str, data: Mapping[str, Any]) -> UsageEvent | None:
        call, name = text(data.get("id")), text(data.get("name"))
        if call is None or name is None or data.get("finished") is False:
            return None
        touch = touch_of(data.get("input"))
        key = event_key(SPEC.id, "tool", *((call,) if is_unique(call) else (message, call)))
        event = msgspec.structs.replace(
            about,
            kind=EventKind.TOOL,
            event_key=key,
            tool=mcp_name(name),
            language=touch.language,
            lines_added=touch.lines_added,
            lines_removed=touch.lines_removed,
            file_key=touch.file_key,
        )
        return self._state.calls.begin(_id(about, call), event)

    def _answered(self, about: UsageEvent) -> None:
        runs = self._state.models.setdefault(about.session or "", [])
        if runs and runs[-1][:2] == (about.model, about.upstream):
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((about.model, about.upstream, 1))

    def _sessions(self) -> Iterator[Record]:
        """What the sessions of persons cost: theirs holds what their agents cost, once those are done."""
        rows = self._db.rows(
            f"SELECT {self._db.select('sessions', _SESSION)} FROM sessions"
            " WHERE ifnull(parent_session_id, '') = '' ORDER BY updated_at"
        )
        since_us = self._state.totals.newest_us
        for session, _, cost, _, _, created, updated in rows:
            nano = nano_usd(cost)
            about = msgspec.structs.replace(
                self._about,
                at_us=time_us(updated) or time_us(created) or 0,
                session=text(session),
                cost_reported_nano=nano,
            )
            identity = (str(session),)
            if nano and about.at_us and self._state.totals.may_have_grown(identity, about.at_us, since_us):
                steps = list(self._state.totals.events(about, identity))
                yield from by_models(steps, self._state.models.get(str(session), []))
                if steps:
                    self._keep_last(str(session))
        self._forget()
        if rows:
            yield from _context(self._about.account, rows[-1])

    def _keep_last(self, session: str) -> None:
        runs = self._state.models.get(session)
        if runs:
            self._state.models[session] = [(*runs[-1][:2], 0)]

    def _forget(self) -> None:
        """Only sessions that may still grow need to be known."""
        for session in [s for s in self._state.models if s not in self._state.totals.sessions]:
            del self._state.models[session]


def by_models(steps: list[UsageEvent], runs: list[Run]) -> Iterator[UsageEvent]:
    """Steps of a cost as those of the models that answered meanwhile, by their number of answers."""
    answered = [(model, vendor) for model, vendor, n in runs for _ in range(n)] or [
        (model, vendor) for model, vendor, _ in runs[-1:] or [(None, None, 0)]
    ]
    total, before = sum(s.cost_reported_nano or 0 for s in steps), 0
    for step in steps:
        nano = step.cost_reported_nano or 0
        nth = (2 * before + nano) * len(answered) // max(1, 2 * total)
        model, vendor = answered[min(nth, len(answered) - 1)]
        before += nano
        yield msgspec.structs.replace(step, model=model, upstream=vendor)


def _context(account: str, row: tuple[Any, ...]) -> Iterator[QuotaReading]:
    """How full the context of the session written last is: what its last request read and wrote."""
    prompt, completion, at_us = count(row[3]), count(row[4]), time_us(row[6])
    if at_us is not None and (prompt or completion):
        yield QuotaReading(
            provider=SPEC.id,
            account=account,
            key="context_tokens",
            at_us=at_us,
            unit="tokens",
            window="session",
            used=float((prompt or 0) + (completion or 0)),
            scope=Scope.MACHINE,
        )


def _id(about: UsageEvent, call: object) -> str:
    return f"{about.session} {call}"


def agent_of(session: str, parent: object) -> str | None:
    """Who a session is of: sessions with a parent are of Crush's own agents."""
    if not text(parent):
        return None
    return "title" if session.startswith("title-") else "agent"
