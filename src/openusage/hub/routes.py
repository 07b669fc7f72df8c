"""Paths of a hub that remembers, beside those of the contract: who may, which method, which answer."""

from __future__ import annotations

import logging
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
    panes = PaneAnswers(history, board, roll, desk)
    details = DetailAnswers(history, board, roll, desk, panes)

    async def machines(scope: Scope, known: bytes) -> Found:
        return await history.ask(desk.machines)

    async def accounts(scope: Scope, known: bytes) -> Found:
        return await history.ask(lambda ask: desk.accounts(ask, known))

    async def usage(scope: Scope, known: bytes) -> Found:
        asked = parse(scope["query_string"], board.now())
        return await history.ask(partial(desk.usage, asked, known))

    async def fleet(scope: Scope, known: bytes) -> Found:
        wanted = parse_pane(scope["query_string"])
        return await history.ask(partial(panes.pane, wanted, known))

    async def sessions(scope: Scope, known: bytes) -> Found:
        asked = parse_sessions(scope["query_string"], board.now())
        return await history.ask(partial(details.answer, asked, known))

    async def turns(scope: Scope, known: bytes) -> Found:
        asked = parse_turns(scope["query_string"])
        return await history.ask(partial(details.answer, asked, known))

    async def blocks(scope: Scope, known: bytes) -> Found:
        asked = parse_blocks(scope["query_string"], board.now())
        return await history.ask(partial(details.answer, asked, known))

    async def capabilities(scope: Scope, known: bytes) -> Found:
        said = Capabilities(
            version=__version__,
            records=True,
            usage=True,
            machines=True,
            accounts=True,
            fleet=True,
            sessions=True,
            blocks=True,
            durable=not history.in_memory,
            stream=True,
            openapi=True,
        )
        return Found(b"", msgspec.json.encode(said))

    async def openapi(scope: Scope, known: bytes) -> Found:
        tag, body = document()
        match = match_tag(known, (tag, zip_tag(tag)))
        return Found(match, None) if match else Found(tag, body)

    gets = {
        "/v1/machines": machines,
        "/v1/accounts": accounts,
        "/v1/usage": usage,
        "/v1/fleet": fleet,
        "/v1/sessions": sessions,
        "/v1/turns": turns,
        "/v1/blocks": blocks,
        "/v1/capabilities": capabilities,
        "/openapi.json": openapi,
    }
    handlers: dict[str, Handler] = {path: partial(_get, gate, find) for path, find in gets.items()}
    return {
        **web_routes(history, gate, panes, desk, look or Look()),
        **handlers,
        "/v1/records": RecordsCall(history, roll, gate, meters),
        "/v1/stream": stream,
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
