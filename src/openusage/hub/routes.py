"""Paths of a hub that remembers, beside those of the contract: who may, which method, which answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from openusage import __version__
from openusage.errors import StoreError
from openusage.hub.answers import FleetAnswers, Found, zip_tag
from openusage.hub.auth import Gate
from openusage.hub.board import Board
from openusage.hub.details import DetailAnswers, parse_blocks, parse_sessions, parse_turns
from openusage.hub.history import History, Unavailable
from openusage.hub.http import (
    NOT_GET,
    Answer,
    Handler,
    Header,
    Receive,
    Scope,
    Send,
    answer,
    asked_for,
    error,
    match_tag,
    not_modified,
    refuse,
    reply,
    zipped,
)
from openusage.hub.machines import Roll, ask_kept
from openusage.hub.meters import Meters
from openusage.hub.openapi import document
from openusage.hub.pane import PaneAnswers
from openusage.hub.pane import parse as parse_pane
from openusage.hub.records import RecordsCall
from openusage.hub.stream import Stream
from openusage.hub.usage import BadQuestion, parse
from openusage.hub.web.desk import Look
from openusage.hub.web.routes import web_routes
from openusage.lineage import Lineages
from openusage.wire.fleet import Capabilities

_log = logging.getLogger("openusage.hub")
_GZIP_FROM_BYTES = 1024
_ALWAYS: tuple[Header, ...] = ((b"cache-control", b"private, no-cache"), (b"vary", b"accept-encoding"))


def history_routes(
    history: History,
    board: Board,
    gate: Gate,
    roll: Roll,
    meters: Meters,
    stream: Stream,
    look: Look | None = None,
    lineages: Lineages | None = None,
    links: Mapping[str, str] | None = None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> dict[str, Handler]:
    """Path -> handler. What `history` remembers of machines goes to the board, their ids to the gate."""
    try:
        kept = ask_kept(history.store.reader())
        roll.remember(kept)
        for machine in kept.machines.values():
            gate.note_owner(machine.name, machine.id)
    except StoreError as e:
        _log.warning("history: cannot read what was kept: %s", e.message)
    history.on_tick = roll.tell
    desk = FleetAnswers(history, board, roll, lineages, links)
    panes = PaneAnswers(history, board, roll, desk, monotonic=monotonic)
    questions = _Questions(history, board, roll, desk, panes).by_path()
    handlers: dict[str, Handler] = {path: partial(_get, gate, find) for path, find in questions.items()}
    return {
        **web_routes(history, gate, panes, desk, look or Look()),
        **handlers,
        "/v1/records": RecordsCall(history, roll, gate, meters),
        "/v1/stream": stream,
    }


class _Questions:
    """What each path answers; `known` is the tag of what the asker has."""

    def __init__(
        self, history: History, board: Board, roll: Roll, desk: FleetAnswers, panes: PaneAnswers
    ) -> None:
        self._history = history
        self._now = board.now
        self._desk = desk
        self._panes = panes
        self._details = DetailAnswers(history, board, roll, desk, panes)

    async def machines(self, scope: Scope, known: bytes) -> Found:
        return await self._history.ask(self._desk.machines)

    async def accounts(self, scope: Scope, known: bytes) -> Found:
        return await self._history.ask(lambda ask: self._desk.accounts(ask, known))

    async def usage(self, scope: Scope, known: bytes) -> Found:
        asked = parse(scope["query_string"], self._now())
        return await self._history.ask(partial(self._desk.usage, asked, known))

    async def fleet(self, scope: Scope, known: bytes) -> Found:
        wanted = parse_pane(scope["query_string"])
        return await self._history.ask(partial(self._panes.pane, wanted, known))

    async def sessions(self, scope: Scope, known: bytes) -> Found:
        asked = parse_sessions(scope["query_string"], self._now())
        return await self._history.ask(partial(self._details.answer, asked, known))

    async def turns(self, scope: Scope, known: bytes) -> Found:
        asked = parse_turns(scope["query_string"])
        return await self._history.ask(partial(self._details.answer, asked, known))

    async def blocks(self, scope: Scope, known: bytes) -> Found:
        asked = parse_blocks(scope["query_string"], self._now())
        return await self._history.ask(partial(self._details.answer, asked, known))

    async def capabilities(self, scope: Scope, known: bytes) -> Found:
        said = Capabilities(
            version=__version__,
            records=True,
            usage=True,
            machines=True,
            accounts=True,
            fleet=True,
            sessions=True,
            blocks=True,
            durable=not self._history.in_memory,
            stream=True,
            openapi=True,
        )
        return Found(b"", msgspec.json.encode(said))

    async def openapi(self, scope: Scope, known: bytes) -> Found:
        tag, body = document()
        match = match_tag(known, (tag, zip_tag(tag)))
        return Found(match, None) if match else Found(tag, body)

    def by_path(self) -> dict[str, Callable[[Scope, bytes], Awaitable[Found]]]:
        return {
            "/v1/machines": self.machines,
            "/v1/accounts": self.accounts,
            "/v1/usage": self.usage,
            "/v1/fleet": self.fleet,
            "/v1/sessions": self.sessions,
            "/v1/turns": self.turns,
            "/v1/blocks": self.blocks,
            "/v1/capabilities": self.capabilities,
            "/openapi.json": self.openapi,
        }


async def _get(
    gate: Gate,
    find: Callable[[Scope, bytes], Awaitable[Found]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        return await refuse(NOT_GET, scope, receive, send)
    if (refusal := gate.check(scope)) is not None:
        return await refuse(refusal, scope, receive, send)
    known, takes_gzip = asked_for(scope)
    try:
        outcome = _answer(await find(scope, known), takes_gzip)
    except BadQuestion as e:
        outcome = error(400, "bad query", e.message)
    except Unavailable as e:
        outcome = error(e.status, e.message, headers=[(b"retry-after", str(e.retry_after_s).encode())])
    await reply(send, outcome)


def _answer(found: Found, takes_gzip: bool) -> Answer:
    headers = list(_ALWAYS)
    if found.body is None:
        return not_modified((*headers, (b"etag", found.tag)))
    body, tag = found.body, found.tag
    if takes_gzip and len(body) >= _GZIP_FROM_BYTES:
        body = zipped(body)
        tag = tag and zip_tag(tag)
        headers.append((b"content-encoding", b"gzip"))
    if tag:
        headers.append((b"etag", tag))
    return answer(200, body, headers)
