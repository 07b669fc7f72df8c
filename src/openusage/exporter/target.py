"""A hub to send to, and one request to it: who may be told, how long it may take, what a refusal means.

No redirect is followed: the token goes to `export.target` or nowhere.
"""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Coroutine
from typing import Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from openusage import __version__
from openusage.format import printable
from openusage.net import reason, trusted_anyway

T = TypeVar("T")

RecordsPolicy: TypeAlias = Literal["full", "no_projects", "off"]
"""All of them, with pseudonyms for projects and without files, or none."""

TIMEOUT_S = 10.0
LAST_PUSH_S = 0.3
"""What is left to a push when the program ends."""
MAX_ANSWER_BYTES = 64 << 10
FIRST_PAUSE_S = 1.0
"""Pause after the first failure; doubles with each further one."""
DEFAULT_INTERVAL_S = 60.0
_LONGEST_RETRY_AFTER_S = 3600.0
_KEPT_HEADERS = ("accept-encoding", "location", "retry-after", "date")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to push, and as whom."""

    url: str
    """`export.target`; trailing slashes do not matter."""
    token: str
    machine: str
    machine_id: str
    interval_s: float = DEFAULT_INTERVAL_S
    include_identity: bool = False
    records: RecordsPolicy = "off"
    """`export.records`: what may leave this machine beside snapshots. Only whoever was asked sends more."""

    def __repr__(self) -> str:
        """Without the token: a value like this ends in logs and tracebacks."""
        return f"Target({self.url!r}, machine={self.machine!r}, token={'set' if self.token else 'none'})"

    def taking(self, told: Target) -> Target:
        """The same hub, as often and as private as `told` is."""
        return msgspec.structs.replace(
            self,
            interval_s=told.interval_s,
            include_identity=told.include_identity,
            records=told.records,
        )

    @property
    def push_url(self) -> str:
        return self.url.rstrip("/") + "/v1/push"

    @property
    def records_url(self) -> str:
        return self.url.rstrip("/") + "/v1/records"


def pause_s(failures: int, interval_s: float, chance: float) -> float:
    """Seconds to the next try after so many failures in a row. `chance` in [0, 1) spreads a fleet out."""
    if failures == 0:
        return interval_s
    grown = FIRST_PAUSE_S * float(2 ** min(failures - 1, 16))
    return min(interval_s, grown) * (0.75 + 0.25 * chance)


class PushFailed(Exception):
    """One push that the hub did not take, in words for people."""

    def __init__(self, why: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        """The hub asks to be left alone so long; 0: it does not say."""


def client(target: Target) -> httpx.AsyncClient:
    """Connections to the hub."""
    headers = {"Content-Type": "application/json", "User-Agent": f"openusage/{__version__}"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    return httpx.AsyncClient(
        headers=headers, timeout=TIMEOUT_S, follow_redirects=False, verify=trusted_anyway()
    )


async def post(http: httpx.AsyncClient, url: str, body: bytes, *, packed: bool) -> httpx.Response:
    """The hub's answer, whatever it is; of its headers only those that mean something here.

    Raises:
        PushFailed: there is none.
    """
    headers = {"Accept-Encoding": "identity"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    try:
        return await _post(http, url, body, headers)
    except (httpx.TimeoutException, TimeoutError) as e:
        raise PushFailed(f"no answer within {TIMEOUT_S:.0f} s") from e
    except httpx.InvalidURL as e:
        raise PushFailed(f"export.target is not an address: {e}") from e
    except httpx.HTTPError as e:
        raise PushFailed(reason(e)) from e


async def unless(stop: asyncio.Event, push: Coroutine[object, object, T]) -> T | None:
    """Its result; at the end of the program a push has a moment to get through, a hub that hangs has not."""
    pushing, stopped = asyncio.ensure_future(push), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((pushing, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not pushing.done():
            await asyncio.wait((pushing,), timeout=LAST_PUSH_S)
        return pushing.result() if pushing.done() else None
    finally:
        pushing.cancel()
        stopped.cancel()


async def _post(http: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """The answer, whole within `TIMEOUT_S` or `TimeoutError`, and no more of it than a hub has to say."""
    content = bytearray()
    async with asyncio.timeout(TIMEOUT_S), http.stream("POST", url, content=body, headers=headers) as answer:
        async for part in answer.aiter_raw():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                break
    kept = {k: v for k, v in answer.headers.items() if k in _KEPT_HEADERS}
    return httpx.Response(answer.status_code, headers=kept, content=bytes(content[:MAX_ANSWER_BYTES]))


def check(answer: httpx.Response) -> None:
    """Raise `PushFailed` unless the hub took it."""
    status = answer.status_code
    if status == 401:
        raise PushFailed("the hub refuses the token; set OPENUSAGE_HUB_TOKEN in the daemon's environment")
    if status == 403:
        raise PushFailed(f"the hub refuses this machine{_detail(answer)}")
    if status == 404:
        raise PushFailed("there is no hub at this address (404)")
    if 300 <= status < 400:
        raise PushFailed(
            f"the address redirects to {_host(answer.headers.get('Location', ''))}; not followed"
        )
    if status != 200:
        raise PushFailed(f"the hub answers {status}", retry_after_s=_retry_after_s(answer))
    if not answer.content.strip().startswith(b"{"):
        raise PushFailed("what answers there is not a hub")


def _detail(answer: httpx.Response) -> str:
    """Why, when the hub says it."""
    try:
        why = msgspec.json.decode(answer.content, type=dict[str, str]).get("detail", "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f": {printable(why[:200])}" if why else ""


def _retry_after_s(answer: httpx.Response) -> float:
    """Seconds of `Retry-After`: a number, or a date by the hub's own clock."""
    text = answer.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            until, since = (
                email.utils.parsedate_to_datetime(t) for t in (text, answer.headers.get("Date", ""))
            )
            seconds = (until - since).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S) if seconds == seconds else 0.0


def _host(location: str) -> str:
    """Where a redirect leads, without what else its address may hold."""
    try:
        return printable(urlsplit(location).hostname or "elsewhere")
    except ValueError:
        return "elsewhere"
