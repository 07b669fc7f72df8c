"""The tables of a history as `Extract`s: every row that is shown, with exact figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from openusage.tui.cuts import Ranked, cost_usd
from openusage.tui.export import Extract, Value
from openusage.tui.spans import Span, moment_of
from openusage.wire.rollups import Rollup
from openusage.wire.sessions import SessionRow, Turn

_TOKENS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")


def of_ranked(rows: Sequence[Ranked], by: str, span: Span, where: str, *, money: bool) -> Extract:
    """A ranking: models, projects, tools, …"""
    columns = [by, "requests", "tool_calls", "tokens", *(f"{name}_tokens" for name in _TOKENS)]
    columns += ["unpriced_requests", "estimated_requests"]
    columns += ["cost_usd", "cost_before_usd"] if money else []
    found = []
    for row in rows:
        used = row.row
        values: list[Value] = [row.name, used.requests, used.tool_calls, used.total_tokens, *_tokens(used)]
        values += [used.unpriced_events, used.estimated_events]
        if money:
            values += [cost_usd(used), None if row.earlier is None else cost_usd(row.earlier)]
        found.append(values)
    return Extract(
        name=f"{by}s {span.name}", columns=columns, rows=found, about={"of": where, "window": span.name}
    )


def _tokens(used: Rollup) -> list[Value]:
    return [getattr(used, name) for name in _TOKENS]


def of_sessions(rows: Sequence[SessionRow], span: Span, where: str, *, money: bool) -> Extract:
    """Sessions, in their order."""
    columns = [
        "session",
        "provider",
        "account",
        "machines",
        "project",
        "client",
        "models",
        "first_at",
        "last_at",
    ]
    columns += ["requests", "tokens", *(f"{name}_tokens" for name in _TOKENS), "unpriced_requests"]
    columns += ["cost_usd"] if money else []
    found = []
    for row in rows:
        used = row.used
        values: list[Value] = [
            row.session,
            row.provider,
            row.account,
            ", ".join(m.name for m in row.machines),
        ]
        values += [row.project, row.client, ", ".join(row.models), _time(row.first_us), _time(row.last_us)]
        values += [used.requests, used.total_tokens, *_tokens(used), used.unpriced_events]
        found.append([*values, cost_usd(used)] if money else values)
    return Extract(
        name=f"sessions {span.name}", columns=columns, rows=found, about={"of": where, "window": span.name}
    )


def of_turns(session: SessionRow, turns: Sequence[Turn], *, money: bool) -> Extract:
    """The turns of one session, as they are shown."""
    columns = ["at", "kind", "model", "tool", "outcome", "agent", *(f"{name}_tokens" for name in _TOKENS)]
    columns += ["is_estimated"] + (["cost_usd", "cost_known"] if money else [])
    found = []
    for turn in turns:
        values: list[Value] = [_time(turn.at_us), turn.kind, turn.model, turn.tool, turn.outcome, turn.agent]
        values += [getattr(turn.tokens, name) for name in _TOKENS]
        values.append(int(turn.estimated))
        if money:
            values += [None if turn.cost_nano is None else turn.cost_nano / 1e9, turn.known]
        found.append(values)
    about = {"session": session.session, "provider": session.provider, "project": session.project}
    return Extract(name="turns", columns=columns, rows=found, about=about)


def _time(at_us: int) -> str:
    return moment_of(at_us).isoformat().replace("+00:00", "Z")
