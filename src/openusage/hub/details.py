"""`GET /v1/sessions`, `/v1/turns`, `/v1/blocks`: a query string -> a question, the history's answer -> bytes.

Runs in reading threads. Machines are shown by the names that the list of machines has. What the store said of
sessions and hours is remembered with the answers of panes; turns are found in milliseconds, and are not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from openusage.errors import UsageError
from openusage.hub.answers import FleetAnswers, Found, found
from openusage.hub.board import Board
from openusage.hub.history import History
from openusage.hub.machines import Roll
from openusage.hub.pane import PaneAnswers, Remembering
from openusage.hub.usage import (
    BadQuestion,
    filter_of,
    find_machines,
    read_query,
    single,
    window_of,
    words,
    zone_name,
)
from openusage.read_model.block_list import block_list
from openusage.read_model.limit_history import limit_histories
from openusage.read_model.windows import whole_minute
from openusage.store import Answers
from openusage.wire.local import BlocksRequest, SessionsRequest, TurnsRequest
from openusage.wire.sessions import (
    MOST_SESSIONS,
    MOST_TURNS,
    PAGE,
    BlockList,
    SessionMachine,
    SessionOrder,
    SessionPage,
    TurnPage,
)

_SPAN = ("window", "from", "to", "tz")
SESSION_FILTERS = ("machine", "provider", "account", "model", "project", "client", "session")
SESSIONS_ALLOWED = (*_SPAN, "search", "order", "limit", "offset", *SESSION_FILTERS)
TURNS_ALLOWED = ("provider", "session", "limit", "before")
BLOCK_FILTERS = ("machine", "provider", "account", "model", "project", "client")
BLOCKS_ALLOWED = (*_SPAN, *BLOCK_FILTERS)
MOST_OFFSET = 10_000_000
Asked: TypeAlias = SessionsRequest | TurnsRequest | BlocksRequest


def parse_sessions(query: bytes, now: dt.datetime) -> SessionsRequest:
    """Which sessions; machines still as they were asked for. Raises `BadQuestion`."""
    given = read_query(query, SESSIONS_ALLOWED)
    once = _once(given, (*_SPAN, "search", "order", "limit", "offset"))
    (order,) = words("order", (once.get("order", SessionOrder.NEWEST),), SessionOrder)
    return SessionsRequest(
        window=window_of(once, now, zone_name(once.get("tz", "UTC"))),
        where=filter_of(given),
        search=once.get("search", ""),
        order=order,
        limit=_number(once, "limit", PAGE, 1, MOST_SESSIONS),
        offset=_number(once, "offset", 0, 0, MOST_OFFSET),
    )


def parse_turns(query: bytes) -> TurnsRequest:
    """Of which session. Raises `BadQuestion`."""
    once = _once(read_query(query, TURNS_ALLOWED), TURNS_ALLOWED)
    for name in ("provider", "session"):
        if not once.get(name):
            raise BadQuestion(f"{name}: is missing; turns are those of one session of one provider")
    return TurnsRequest(
        provider=once["provider"],
        session=once["session"],
        limit=_number(once, "limit", PAGE, 1, MOST_TURNS),
        before=once.get("before", ""),
    )


def parse_blocks(query: bytes, now: dt.datetime) -> BlocksRequest:
    """Of which accounts; machines still as they were asked for. Raises `BadQuestion`."""
    given = read_query(query, BLOCKS_ALLOWED)
    once = _once(given, _SPAN)
    window = window_of(once, now, zone_name(once.get("tz", "UTC")))
    return BlocksRequest(window=window, where=filter_of(given))


class DetailAnswers:
    """Belongs to one history."""

    def __init__(
        self, history: History, board: Board, roll: Roll, desk: FleetAnswers, memory: PaneAnswers
    ) -> None:
        self._history, self._board, self._roll = history, board, roll
        self._desk, self._memory = desk, memory

    def answer(self, asked: Asked, known: bytes, ask: Answers) -> Found:
        """Raises `BadQuestion` for a machine there is not, a wrong cursor, more than an answer holds."""
        try:
            body = msgspec.json.encode(self._found(asked, ask))
        except UsageError as e:
            raise BadQuestion(e.message) from e
        return found(body, body, known)

    def _found(self, asked: Asked, ask: Answers) -> SessionPage | TurnPage | BlockList:
        names = self._roll.names(self._desk.kept(ask))
        if isinstance(asked, TurnsRequest):
            return _turns_shown(self._turns(ask, asked), names)
        remembering = Remembering(ask, self._memory)
        where = msgspec.structs.replace(asked.where, machines=find_machines(asked.where.machines, names))
        where = self._desk.lineages.spelled(where, remembering.usage)
        asked = msgspec.structs.replace(asked, where=where)
        if isinstance(asked, SessionsRequest):
            question = msgspec.msgpack.encode(asked)
            return _sessions_shown(self._memory.remembered(question, partial(_sessions, ask, asked)), names)
        accounts = self._desk.account_states(ask)
        now = self._board.now()
        blocks = block_list(remembering, asked.window, where, accounts, whole_minute(now))
        return msgspec.structs.replace(blocks, limits=limit_histories(ask, asked.window, where, now))

    def _turns(self, ask: Answers, asked: TurnsRequest) -> TurnPage:
        return ask.turns(
            asked.provider,
            asked.session,
            limit=asked.limit,
            before=asked.before,
            explain=self._history.explain,
        )


def _sessions(ask: Answers, asked: SessionsRequest) -> SessionPage:
    return ask.session_rows(
        asked.window,
        asked.where,
        search=asked.search,
        order=asked.order,
        limit=asked.limit,
        offset=asked.offset,
    )


def _sessions_shown(page: SessionPage, names: Mapping[str, str]) -> SessionPage:
    rows = [
        msgspec.structs.replace(row, machines=[_shown(m, names) for m in row.machines]) for row in page.rows
    ]
    return msgspec.structs.replace(page, rows=rows)


def _turns_shown(page: TurnPage, names: Mapping[str, str]) -> TurnPage:
    turns = [msgspec.structs.replace(t, machine=_shown(t.machine, names)) for t in page.turns]
    return msgspec.structs.replace(page, turns=turns)


def _shown(machine: SessionMachine, names: Mapping[str, str]) -> SessionMachine:
    return SessionMachine(machine.id, names.get(machine.id, machine.name))


def _once(given: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, str]:
    return {name: single(name, given[name]) for name in names if name in given}


def _number(once: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number. Raises `BadQuestion`."""
    text = once.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if not least <= number <= most:
        raise BadQuestion(f'{name}: "{text[:80]}" is no whole number from {least} to {most}')
    return number
