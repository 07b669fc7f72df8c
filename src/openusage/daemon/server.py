"""The daemon's Unix socket: who asks, and what the daemon answers. HTTP/1.1, local only, mode 0600.

The file mode is the authorisation: only the same user can connect.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openusage import __version__
from openusage.daemon.answers import Answer
from openusage.daemon.details import Asked, Told
from openusage.daemon.standing import API_VERSION
from openusage.errors import AlreadyRunning, ListenError, OpenUsageError, UsageError
from openusage.providers import names
from openusage.wire.local import (
    BlocksRequest,
    DaemonStatus,
    PaneRequest,
    PauseRequest,
    ReadModelRequest,
    SessionsRequest,
    TurnsRequest,
    UsageReply,
    UsageRequest,
)
from openusage.wire.rollups import Rollup

T = TypeVar("T")

MAX_BODY_BYTES = 4 << 20


class HookResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `POST /v1/hook/{source}`."""

    source: str
    enqueued: int
    processed: int
    ingested: int
    deduped: int
    failed: int


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its owner and does not wake ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not self._ending.is_set():
            await self.on_tick(0)  # 0: also renews the Date header
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    def end(self) -> None:
        """Leave the loop now."""
        self.should_exit = True
        self._ending.set()


class Desk(Protocol):
    """What the socket needs of the daemon."""

    def answer(self, window: str, only: list[str]) -> Answer: ...

    def detail(self, asked: Asked) -> Told: ...

    async def usage(self, question: UsageRequest) -> list[Rollup]: ...

    def status(self) -> DaemonStatus: ...

    def pause(self, seconds: float | None) -> DaemonStatus: ...

    def resume(self) -> DaemonStatus: ...

    def knows_hook(self, source: str) -> bool: ...

    async def hook(self, source: str, account: str, payload: bytes) -> HookResult: ...

    def health(self) -> list[str]:
        """Sentences about what is wrong; empty when all is well."""
        ...


def registry_hash() -> str:
    """SHA-256 over the sorted provider ids, as the Go program's clients compare it."""
    return hashlib.sha256(",".join(names()).encode()).hexdigest()


class _Calls:
    """What each path does with a request."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def healthz(self, request: Request) -> Response:
        notes = self._desk.health()
        return _json(
            {
                "status": "ok",
                "daemon_version": __version__,
                "api_version": API_VERSION,
                "integration_version": __version__,
                "provider_registry_hash": registry_hash(),
            }
            | ({"notes": notes} if notes else {})
        )

    async def read_model(self, request: Request) -> Response:
        asked = await _decode(request, ReadModelRequest)
        only = [a.account_id for a in asked.accounts or ()]
        return _tagged(request, await run_in_threadpool(self._desk.answer, asked.time_window or "", only))

    async def detail(self, as_type: type[Asked], request: Request) -> Response:
        asked = await _decode(request, as_type)
        return _tagged(request, await run_in_threadpool(self._desk.detail, asked))

    async def usage(self, request: Request) -> Response:
        return _json(UsageReply(rows=await self._desk.usage(await _decode(request, UsageRequest))))

    async def status(self, request: Request) -> Response:
        return _json(await run_in_threadpool(self._desk.status))

    async def pause(self, request: Request) -> Response:
        return _json(self._desk.pause((await _decode(request, PauseRequest)).seconds))

    async def resume(self, request: Request) -> Response:
        return _json(self._desk.resume())

    async def hook(self, request: Request) -> Response:
        source = request.path_params["source"]
        if not source:
            raise HTTPException(400, "missing hook source")
        payload = await _body(request)
        if not payload.strip():
            raise HTTPException(400, "empty payload")
        if not self._desk.knows_hook(source):
            raise HTTPException(400, f'unknown hook source "{source}"')
        return _json(await self._desk.hook(source, request.query_params.get("account_id", ""), payload))


def application(desk: Desk) -> Starlette:
    """The socket's routes."""
    calls = _Calls(desk)
    return Starlette(
        routes=[
            Route("/healthz", calls.healthz),
            _post("/v1/read-model", calls.read_model),
            _post("/v1/usage", calls.usage),
            _post("/v1/pane", partial(calls.detail, PaneRequest)),
            _post("/v1/sessions", partial(calls.detail, SessionsRequest)),
            _post("/v1/turns", partial(calls.detail, TurnsRequest)),
            _post("/v1/blocks", partial(calls.detail, BlocksRequest)),
            Route("/v1/status", calls.status),
            _post("/v1/pause", calls.pause),
            _post("/v1/resume", calls.resume),
            _post("/v1/hook/{source:path}", calls.hook),
        ],
        exception_handlers={HTTPException: _refused, OpenUsageError: _failed},
    )


def _post(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, handler, methods=["POST"])


def _tagged(request: Request, answer: Answer | Told) -> Response:
    """The answer, unless who asks has it already."""
    if request.headers.get("If-None-Match") == answer.etag:
        return Response(status_code=304, headers={"ETag": answer.etag})
    return Response(answer.body, media_type="application/json", headers={"ETag": answer.etag})


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = {405: "method not allowed", 404: "not found"}.get(status) or getattr(error, "detail", "")
    return _json({"error": detail}, status)


async def _failed(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400 if isinstance(error, UsageError) else 500)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "request body too large")
    return bytes(body)


async def _decode(request: Request, as_type: type[T]) -> T:
    try:
        return msgspec.json.decode(await _body(request), type=as_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise HTTPException(400, f"decode request: {e}") from e


def bind(path: Path) -> socket.socket:
    """A listening socket at `path`, for this user alone. A dead one that lies there is replaced.

    Raises:
        AlreadyRunning: somebody answers there.
        ListenError: the path cannot be bound (too long, no permission).
    """
    if path.exists() or path.is_symlink():
        if is_answered(path):
            raise AlreadyRunning(
                f"A daemon already runs on {path}.", "See who: openusage telemetry daemon status"
            )
        if path.exists() and not path.is_socket():
            raise ListenError(f"Cannot listen on {path}: what lies there is no socket.", "Name another path.")
        path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The umask closes the moment between bind and chmod in which others could connect.
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(128)
    except OSError as e:
        listening.close()
        raise ListenError(f"Cannot listen on {path}: {e.strerror or e}.") from e
    finally:
        os.umask(before)
    listening.setblocking(False)
    return listening


def is_answered(path: Path) -> bool:
    """Whether somebody listens there."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(0.5)
    try:
        probe.connect(str(path))
    except OSError:
        return False
    else:
        return True
    finally:
        probe.close()
