"""A hub's changes as they happen, over and over: `GET /v1/stream` with reconnecting around it.

Nothing here fails towards its user. A hub that is away, refuses or has no stream (the Go program's answers
404) is tried again, and until it works nothing is yielded: whoever polls goes on polling.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from openusage import __version__
from openusage.errors import UsageError
from openusage.net import trusted
from openusage.settings import hub_url
from openusage.wire.stream import CONTENT_TYPE, EventReader, StreamEvent, TooLong, understand

FIRST_PAUSE_S = 1.0
"""After a stream that ended and after a first failure; doubles with each further one."""
LONGEST_PAUSE_S = 30.0
NO_STREAM_PAUSE_S = 600.0
"""Until a hub without a stream is asked again: it may have become a newer one."""
CONNECT_S = 10.0
SILENCE_S = 40.0
"""The hub says something every 15 s: after so long it is gone."""


class HubStream:
    """One listener. `changes` runs in a worker thread, `close` may be called from any other."""

    def __init__(
        self,
        url: str,
        *,
        token: str,
        first_pause_s: float = FIRST_PAUSE_S,
        silence_s: float = SILENCE_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises `UsageError` when `url` is no http address. `chance` in [0, 1) spreads a fleet out."""
        try:
            self._url = hub_url(url) + "/v1/stream"
        except ValueError as e:
            raise UsageError(f"{url} is not a hub's address: it {e}.") from e
        self._headers = {
            "Accept": CONTENT_TYPE,
            "Accept-Encoding": "identity",  # whoever packs a stream holds it back
            "User-Agent": f"openusage/{__version__}",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._first_pause_s = first_pause_s
        self._silence_s = silence_s
        self._chance = chance
        self._last_id = ""
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def changes(self) -> Iterator[StreamEvent]:
        """Events until `close`, a `Hello` or `Reset` first and again after every pause without a hub.

        An event says what to ask anew; a `Reset`, and a `Hello` that has not resumed, mean everything. Of a
        stream that broke off nothing is lost: the next one goes on where it ended, or says `Reset`.
        """
        timeout = httpx.Timeout(CONNECT_S, read=self._silence_s)
        failures = 0
        # Every try a connection of its own, whose socket is seen. No redirects: a token must never be carried
        # to another host.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(
            headers=self._headers,
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            verify=trusted(),
        ) as http:
            while not self._closed.is_set():
                pause_s = 0.0
                failures += 1
                try:
                    with self._open(http) as answer:
                        pause_s = _asked_pause_s(answer)
                        for event in self._events(answer):
                            failures = 0
                            yield event
                except (httpx.HTTPError, httpx.InvalidURL, TooLong, OSError):
                    pass  # the next try will tell; a screen shows why from its own fetches
                self._closed.wait(max(pause_s, self._pause_s(failures)))

    def close(self) -> None:
        """Ends `changes` at once, also while it waits for the hub."""
        self._closed.set()
        with self._lock:
            if self._socket is not None:
                _shut(self._socket)
                self._socket = None

    @contextlib.contextmanager
    def _open(self, http: httpx.Client) -> Iterator[httpx.Response]:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        try:
            with http.stream("GET", self._url, headers=headers, extensions={"trace": self._watch}) as answer:
                yield answer
        finally:
            with self._lock:
                self._socket = None

    def _watch(self, what: str, info: dict[str, Any]) -> None:
        """Keeps the socket as soon as there is one: only its end wakes a thread that reads from it."""
        if not what.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        found = info["return_value"].get_extra_info("socket")
        with self._lock:
            if self._closed.is_set():
                _shut(found)
            else:
                self._socket = found

    def _events(self, answer: httpx.Response) -> Iterator[StreamEvent]:
        if not _is_stream(answer):
            return
        reader = EventReader()
        for part in answer.iter_bytes():
            for told in reader.feed(part):
                if self._closed.is_set():
                    return
                self._last_id = told.id
                if (event := understand(told)) is not None:
                    yield event

    def _pause_s(self, failures: int) -> float:
        grown = self._first_pause_s * float(2 ** min(max(failures - 1, 0), 16))
        return min(LONGEST_PAUSE_S, grown) * (0.75 + 0.25 * self._chance())


def _is_stream(answer: httpx.Response) -> bool:
    kind: str = answer.headers.get("Content-Type", "")
    return answer.status_code == 200 and kind.partition(";")[0].strip() == CONTENT_TYPE


def _asked_pause_s(answer: httpx.Response) -> float:
    """How long to leave it alone at least, from what it answers."""
    if answer.status_code in (404, 405, 501) or (answer.status_code == 200 and not _is_stream(answer)):
        return NO_STREAM_PAUSE_S
    text: str = answer.headers.get("Retry-After", "")
    return min(float(text), NO_STREAM_PAUSE_S) if text.isascii() and text.isdigit() else 0.0


def _shut(sock: socket.socket) -> None:
    """Below TLS: its own shutdown would wait for the other end."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
