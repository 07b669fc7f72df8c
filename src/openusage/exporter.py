"""Snapshots -> the hub. Best effort: whatever the hub does, collection never notices.

First push as soon as there is something true to say, then every interval. A failure is logged once, when
the state changes, and tried again after growing pauses that never exceed the interval: a hub that comes back
has this machine within one interval. No redirect is followed: the token goes to `export.target` or nowhere.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import logging
import random
from collections.abc import Callable, Iterable

import httpx
import msgspec

from openusage import __version__
from openusage.net import reason
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.identity import without_identity
from openusage.wire.local import ExporterStatus
from openusage.wire.snapshot import Status, UsageSnapshot

log = logging.getLogger("openusage.exporter")

TIMEOUT_S = 10.0
FIRST_PAUSE_S = 1.0
"""Pause after the first failure; doubles with each further one."""
DEFAULT_INTERVAL_S = 60.0
GZIP_FROM_BYTES = 2048


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to push, and as whom."""

    url: str
    """`export.target`; trailing slashes do not matter."""
    token: str
    machine: str
    machine_id: str
    interval_s: float = DEFAULT_INTERVAL_S
    include_identity: bool = False

    @property
    def push_url(self) -> str:
        return self.url.rstrip("/") + "/v1/push"


def pause_s(failures: int, interval_s: float, chance: float) -> float:
    """Seconds to the next try after so many failures in a row. `chance` in [0, 1) spreads a fleet out."""
    if failures == 0:
        return interval_s
    grown = FIRST_PAUSE_S * float(2 ** min(failures - 1, 16))
    return min(interval_s, grown) * (0.75 + 0.25 * chance)


def worth_sending(snapshots: Iterable[UsageSnapshot]) -> list[UsageSnapshot]:
    """Without those that know nothing: they would blank a tile on the hub."""
    return [s for s in snapshots if s.metrics or s.status not in ("", Status.UNKNOWN.value)]


def envelope(target: Target, snapshots: list[UsageSnapshot], now: dt.datetime) -> RemoteEnvelope:
    """What is pushed: no `raw`, and no personal data unless asked for."""
    if target.include_identity:
        sent = [msgspec.structs.replace(s, raw={}) for s in snapshots]
    else:
        sent = [without_identity(s) for s in snapshots]
    return RemoteEnvelope(
        machine=target.machine,
        sent_at=now,
        snapshots=sent,
        machine_id=target.machine_id,
        version=__version__,
    )


class PushFailed(Exception):
    """One push that the hub did not take, in words for people."""


class Exporter:
    """Pushes this machine's snapshots to one hub until told to stop."""

    def __init__(
        self,
        target: Target,
        snapshots: Callable[[], list[UsageSnapshot]],
        *,
        now: Callable[[], dt.datetime],
    ) -> None:
        """`snapshots` is called in a worker thread; an empty list means nothing is known yet."""
        self._target = target
        self._snapshots = snapshots
        self._now = now
        self._accepts_gzip = False
        self._state = "waiting"
        self._failures = 0
        self._last_ok_at: dt.datetime | None = None
        self._last_error = ""
        self._next_try_at = 0.0
        self._wake = asyncio.Event()

    def status(self) -> ExporterStatus:
        """State for `telemetry daemon status` and the dashboard's status line."""
        left = self._next_try_at - self._now().timestamp()
        return ExporterStatus(
            target=self._target.url,
            state=self._state,
            machine=self._target.machine,
            last_ok_at=self._last_ok_at,
            last_error=self._last_error,
            failures=self._failures,
            next_try_s=max(0.0, round(left, 1)),
        )

    def wake(self) -> None:
        """There may be something to say now. Only shortens the wait for the very first push."""
        if self._state == "waiting":
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Push until `stop` is set."""
        headers = {"Content-Type": "application/json", "User-Agent": f"openusage/{__version__}"}
        if self._target.token:
            headers["Authorization"] = f"Bearer {self._target.token}"
        async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S, follow_redirects=False) as http:
            while not stop.is_set():
                sent = await self._push(http)
                if sent:
                    pause = pause_s(self._failures, self._target.interval_s, random.random())
                else:
                    pause = min(self._target.interval_s, 2.0)
                self._next_try_at = self._now().timestamp() + pause
                await self._rest(pause, stop)

    async def _rest(self, pause: float, stop: asyncio.Event) -> None:
        self._wake.clear()
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self._wake)]
        try:
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for w in waits:
                w.cancel()

    async def _push(self, http: httpx.AsyncClient) -> bool:
        """Try once. False when there is nothing true to say yet."""
        try:
            snapshots = worth_sending(await asyncio.to_thread(self._snapshots))
            if not snapshots:
                return False
            await self._send(http, msgspec.json.encode(envelope(self._target, snapshots, self._now())))
        except PushFailed as e:
            self._failed(str(e))
        except Exception as e:  # a fault of ours must not end the exporter, and is not silent
            log.exception("exporter: cannot prepare a push")
            self._failed(f"internal error: {e}")
        else:
            self._succeeded()
        return True

    async def _send(self, http: httpx.AsyncClient, body: bytes) -> None:
        headers = {}
        if self._accepts_gzip and len(body) >= GZIP_FROM_BYTES:
            body = await asyncio.to_thread(gzip.compress, body, 3)
            headers["Content-Encoding"] = "gzip"
        try:
            answer = await http.post(self._target.push_url, content=body, headers=headers)
        except httpx.TimeoutException as e:
            raise PushFailed(f"no answer within {TIMEOUT_S:.0f} s") from e
        except httpx.InvalidURL as e:
            raise PushFailed(f"export.target is not an address: {e}") from e
        except httpx.HTTPError as e:
            raise PushFailed(reason(e)) from e
        # RFC 7694: only a hub that says so gets compressed bodies; the Go program answers them with 400.
        accepts = "gzip" in answer.headers.get("Accept-Encoding", "")
        if headers and not accepts:
            self._accepts_gzip = False
        else:
            self._accepts_gzip = accepts
        _check(answer)

    def _succeeded(self) -> None:
        if self._state != "ok":
            again = f" again after {self._failures} failed tries" if self._failures else ""
            log.info("exporter: pushing to %s as %s%s", self._target.url, self._target.machine, again)
        self._state, self._failures, self._last_error = "ok", 0, ""
        self._last_ok_at = self._now()

    def _failed(self, why: str) -> None:
        if why != self._last_error:
            log.warning("exporter: cannot push to %s: %s; trying again", self._target.url, why)
        self._state, self._last_error = "failing", why
        self._failures += 1


def _check(answer: httpx.Response) -> None:
    """Raise `PushFailed` unless the hub took it."""
    status = answer.status_code
    if status == 401:
        raise PushFailed("the hub refuses the token; set OPENUSAGE_HUB_TOKEN in the daemon's environment")
    if status == 404:
        raise PushFailed("there is no hub at this address (404)")
    if 300 <= status < 400:
        raise PushFailed(
            f"the address redirects to {answer.headers.get('Location', 'elsewhere')}; not followed"
        )
    if status != 200:
        raise PushFailed(f"the hub answers {status}")
    if not answer.content.strip().startswith(b"{"):
        raise PushFailed("what answers there is not a hub")
