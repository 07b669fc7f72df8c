"""The hub as one ASGI application: three paths of the contract, and a place to add others."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from openusage import format
from openusage.hub.auth import Gate
from openusage.hub.board import Board, Change
from openusage.hub.http import (
    NOT_GET,
    NOT_POST,
    TAKES_GZIP,
    Answer,
    Handler,
    Packable,
    Receive,
    Scope,
    Send,
    answer,
    error,
    refuse,
    reply,
)
from openusage.hub.ingest import MAX_BODY, Batch, PushRefused, gunzip, read_repaired, read_strictly
from openusage.hub.limits import Door
from openusage.hub.meters import Meters
from openusage.hub.view import SnapshotsView

MAX_BODIES_BYTES = 16 * MAX_BODY
"""Bytes of bodies under way together: 64 MiB, or 16 of the largest, or 450 usual ones."""
_SLOW_BYTES = 65_536
"""Loose bodies from here on are repaired in a thread, one at a time."""

_OK = answer(200, b'{"ok":true}', [TAKES_GZIP])
_CROWDED = error(503, "too many requests at once", headers=[(b"retry-after", b"2")])
_NOT_FOUND = error(404, "not found")
_BROKEN = error(500, "internal error")
_SLASHES = re.compile("//+")
_log = logging.getLogger("openusage.hub")


class HubApp:
    """`routes` adds paths: an exact one, or a prefix when it ends in `/`; `/` alone is the front page. They
    check `gate` themselves."""

    def __init__(
        self,
        board: Board,
        gate: Gate,
        *,
        door: Door | None = None,
        meters: Meters | None = None,
        healthz_machines: bool = True,
        routes: Mapping[str, Handler] | None = None,
        max_bodies: int = MAX_BODIES_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gate = gate
        self._board = board
        self._door = door or Door()
        self._meters = meters or Meters()
        self._view = SnapshotsView(board, monotonic)
        self._healthz_machines = healthz_machines
        self._healthz: tuple[tuple[str, ...] | None, Answer] = None, _health(None)
        self._bodies = Packable(max_bodies, most=MAX_BODY, most_packed=MAX_BODY, crowded=_CROWDED)
        self._repairing = asyncio.Semaphore(1)
        own: dict[str, Handler] = {
            "/v1/push": self._push,
            "/v1/snapshots": self._snapshots,
            "/healthz": self._health,
        }
        added = dict(routes or {})
        if taken := sorted(own.keys() & added.keys()):
            raise ValueError(f"routes of the contract cannot be replaced: {', '.join(taken)}")
        self._routes = {**added, **own}
        self._prefixes = sorted((p for p in added if p.endswith("/") and p != "/"), key=len, reverse=True)
        board.listeners.append(_log_change)

    @property
    def paths(self) -> frozenset[str]:
        """All that it serves; a prefix ends in `/`."""
        return frozenset(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, handler = self._find(scope["path"])
        tally = self._meters.begin(route, send)
        try:
            await self._let_in(handler, scope, receive, tally)
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("failed on %s %s", scope["method"], ascii(scope["path"][:200]))
            await reply(tally, _BROKEN)
        finally:
            self._meters.end(route, tally)

    async def _let_in(self, handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
        if (refusal := self._door.admit(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        if scope["method"] != "POST":
            return await handler(scope, receive, send)
        if (refusal := self._door.begin_body(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        try:
            await handler(scope, receive, send)
        finally:
            self._door.end_body(scope)

    def _find(self, path: str) -> tuple[str, Handler]:
        """(what the path is counted as, who answers it)."""
        handler = self._routes.get(path)
        if handler is not None:
            return path, handler
        for prefix in self._prefixes:
            if path.startswith(prefix):
                return prefix, self._routes[prefix]
        return "other", self._elsewhere

    async def _elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Doubled slashes of a path we have are sent to the single ones, as the Go hub does; else 404."""
        path = _SLASHES.sub("/", scope["path"])
        if path != scope["path"] and path in self._routes:
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            await reply(send, answer(307, b"", [(b"location", path.encode("ascii") + query)]))
        else:
            await refuse(_NOT_FOUND, scope, receive, send)

    async def _push(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            return await refuse(NOT_POST, scope, receive, send)
        if (refusal := self.gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        await self._bodies.respond(scope, receive, send, partial(self._take, scope))

    async def _take(self, scope: Scope, body: bytes, packed: bool) -> Answer:
        try:
            plain = gunzip(body) if packed else body
            batch = read_strictly(plain) or await self._repaired(plain)
            self.gate.may_write(scope, batch.machine, batch.machine_id)
            self._board.put(batch)
            self.gate.note_owner(batch.machine, batch.machine_id)
        except PushRefused as e:
            return error(e.status, e.message, e.detail, [TAKES_GZIP])
        return _OK

    async def _repaired(self, body: bytes) -> Batch:
        if len(body) < _SLOW_BYTES:
            return read_repaired(body)
        async with self._repairing:
            return await asyncio.to_thread(read_repaired, body)

    async def _snapshots(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(NOT_GET, scope, receive, send)
        if (refusal := self.gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        await reply(send, await self._view.respond(scope))

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any method: the Go hub answers so, and probes differ."""
        if self._healthz_machines:
            names = self._board.names()
            if names is not self._healthz[0]:
                self._healthz = names, _health(names)
        await refuse(self._healthz[1], scope, receive, send)


def _health(names: tuple[str, ...] | None) -> Answer:
    said: dict[str, object] = {"status": "ok"}
    if names is not None:
        said["machines"] = names
    return answer(200, msgspec.json.encode(said))


def printable(name: str) -> str:
    """A peer's text for a log line: no control or escape sequence, not endless."""
    shown = name if len(name) <= 80 else name[:79] + "…"
    return format.printable(shown)


def _log_change(change: Change, label: str) -> None:
    if change is not Change.HEARD:
        _log.info("machine %s %s", printable(label), change)
