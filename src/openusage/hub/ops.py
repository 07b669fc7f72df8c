"""Paths for whoever runs the hub: `/readyz`, `/metrics`, and `DELETE /v1/machines/…`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from openusage.hub.auth import Gate
from openusage.hub.board import Board
from openusage.hub.forget import told
from openusage.hub.history import History, Unavailable
from openusage.hub.http import (
    NOT_GET,
    Answer,
    Handler,
    Receive,
    Scope,
    Send,
    accepts_gzip,
    answer,
    error,
    refuse,
    reply,
    zipped,
)
from openusage.hub.limits import Door
from openusage.hub.machines import NOTHING, Found, Roll, ask_kept
from openusage.hub.meters import Meters
from openusage.hub.metrics import Figures, Fleet, Seen, render
from openusage.hub.tls import Tls
from openusage.store import Forgotten, Store

MACHINES = "/v1/machines/"
_NO_MACHINE = error(404, "no machine of this name or id")
_NOT_DELETE = error(405, "method not allowed", headers=[(b"allow", b"DELETE")])
_log = logging.getLogger("openusage.hub")


class Operations:
    """The handlers of one hub. Belongs to its event loop."""

    def __init__(
        self,
        board: Board,
        history: History | None,
        roll: Roll,
        *,
        gate: Gate,
        door: Door,
        meters: Meters,
        tls: Tls | None = None,
        metrics_public: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._history = history
        self._roll = roll
        self._gate = gate
        self._door = door
        self._meters = meters
        self._tls = tls
        self._metrics_public = metrics_public
        self._fleet = Fleet(history, roll, monotonic)
        self._started_at_s = board.now().timestamp()
        self.is_ending = False

    def routes(self) -> dict[str, Handler]:
        """Path -> handler."""
        return {"/metrics": self._metrics, "/readyz": self._ready, MACHINES: self._machine}

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never asks for a token; any method, as `/healthz`."""
        why = "the hub is ending" if self.is_ending else self._history.fault if self._history else ""
        said = {"status": "not ready", "why": why} if why else {"status": "ready"}
        await refuse(answer(503 if why else 200, msgspec.json.encode(said)), scope, receive, send)

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(NOT_GET, scope, receive, send)
        if not self._metrics_public and (refusal := self._gate.check(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        headers = dict(scope["headers"])
        figures = await self._fleet.figures()
        accept = headers.get(b"accept", b"").decode("latin-1")
        body, content_type = await asyncio.to_thread(lambda: render(self._look(figures), accept))
        await reply(send, _page(body, content_type, accepts_gzip(headers.get(b"accept-encoding", b""))))

    def _look(self, figures: Figures) -> Seen:
        history = self._history
        return Seen(
            traffic=self._meters.traffic(),
            turned_away=dict(self._door.turned_away),
            auth_failures=dict(self._gate.failures),
            machines=self._roll.states(figures.kept),
            figures=figures,
            store_bytes=_sizes(history.path) if history and not history.in_memory else {},
            writable=history is not None and not history.fault,
            queued_writes=history.waiting if history else 0,
            started_at_s=self._started_at_s,
            certificate_ends_s=self._tls.certificate.ends_at.timestamp() if self._tls else None,
        )

    async def _machine(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forgets a machine, and answers what that meant."""
        if scope["method"] != "DELETE":
            return await refuse(_NOT_DELETE, scope, receive, send)
        if (refusal := self._gate.check_shared(scope)) is not None:
            return await refuse(refusal, scope, receive, send)
        try:
            outcome = await self._forget(scope["path"].removeprefix(MACHINES))
        except Unavailable as e:
            outcome = error(e.status, e.message, headers=[(b"retry-after", str(e.retry_after_s).encode())])
        await refuse(outcome, scope, receive, send)

    async def _forget(self, name: str) -> Answer:
        kept = await self._history.ask(ask_kept) if self._history else NOTHING
        found = self._roll.find(kept, name) if name else None
        if found is None:
            return _NO_MACHINE
        done = await self._forget_records(found)
        said = told(found, done, self._roll, kept)
        self._roll.forget(found)
        self._gate.forget_owner(found.id)
        _log.info("forgot a machine: %d events dropped, %d moved", done.dropped, done.moved)
        return answer(200, msgspec.json.encode(said))

    async def _forget_records(self, found: Found) -> Forgotten:
        """What the store has of it. Others write between the steps."""
        done = Forgotten(backlog=self._history is not None and bool(found.number))
        while done.backlog and self._history is not None:
            done = await self._history.write(partial(Store.forget, machine=found.number, so_far=done))
        return done


def _page(body: bytes, content_type: str, takes_gzip: bool) -> Answer:
    headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
    if takes_gzip:
        body = zipped(body)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    return Answer(
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def _sizes(path: Path | None) -> dict[str, int]:
    """Bytes of the database and of what is not in it yet."""
    found: dict[str, int] = {}
    for name, end in (("database", ""), ("log", "-wal")):
        try:
            found[name] = Path(f"{path}{end}").stat().st_size
        except OSError:
            found[name] = 0
    return found
