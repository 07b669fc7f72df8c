"""A daemon on this machine, asked by its Unix socket: all that a hub is asked, of a fleet of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import msgspec

from openusage.client.replies import decoded, refuse
from openusage.client.source import Frame, PaneFrame
from openusage.errors import PeerConfused, PeerRefused, PeerUnreachable
from openusage.wire.local import (
    BlocksRequest,
    DaemonStatus,
    PaneRequest,
    PauseRequest,
    ReadModelReply,
    ReadModelRequest,
    SessionsRequest,
    TurnsRequest,
    UsageReply,
    UsageRequest,
)
from openusage.wire.pane import Pane
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sessions import PAGE, BlockList, SessionOrder, SessionPage, TurnPage


class DaemonClient:
    """A daemon on this machine, by its Unix socket: every kind of source there is."""

    label = "this machine"
    is_hub = False

    def __init__(self, socket: Path, *, now: Callable[[], dt.datetime], timeout_s: float = 12.0) -> None:
        self._socket = socket
        self._now = now
        self._etags: dict[str, str] = {}
        self._frames: dict[str, Frame] = {}
        self._pane: tuple[bytes, str, PaneFrame] | None = None
        """The newest question, the tag of its answer, the answer."""
        # A Unix socket speaks no TLS: no authorities are loaded for it.
        transport = httpx.HTTPTransport(uds=str(socket), verify=False)
        self._http = httpx.Client(transport=transport, base_url="http://daemon", timeout=timeout_s)

    def fetch(self, window: str) -> Frame:
        body = msgspec.json.encode(ReadModelRequest(time_window=window))
        headers = {"If-None-Match": self._etags[window]} if window in self._etags else {}
        answer = self._ask("POST", "/v1/read-model", body, headers)
        if answer.status_code == 304:
            old = self._frames[window]
            return msgspec.structs.replace(old, fetched_at=self._now(), changed=False)
        reply = decoded(answer, ReadModelReply, self._who)
        frame = Frame(snapshots=reply.snapshots, fetched_at=self._now(), notes=reply.notes)
        self._etags[window] = answer.headers.get("ETag", "")
        self._frames[window] = frame
        return frame

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        body = msgspec.json.encode(UsageRequest(window=window, by=list(by), where=where, tz=tz))
        return decoded(self._ask("POST", "/v1/usage", body), UsageReply, self._who).rows

    def pane(self, window: str, group: By, tz: str, where: Filter = ANY) -> PaneFrame:
        question = msgspec.json.encode(PaneRequest(window=window, group=group, tz=tz, where=where))
        known = self._pane if self._pane is not None and self._pane[0] == question else None
        answer = self._detail("/v1/pane", question, {"If-None-Match": known[1]} if known else {})
        if answer.status_code == 304 and known is not None:
            return msgspec.structs.replace(known[2], fetched_at=self._now(), changed=False)
        frame = PaneFrame(pane=decoded(answer, Pane, self._who), fetched_at=self._now())
        self._pane = question, answer.headers.get("ETag", ""), frame
        return frame

    def sessions(
        self,
        window: Window,
        where: Filter = ANY,
        *,
        tz: str = "UTC",
        search: str = "",
        order: SessionOrder = SessionOrder.NEWEST,
        limit: int = PAGE,
        offset: int = 0,
    ) -> SessionPage:
        asked = SessionsRequest(
            window=window, where=where, tz=tz, search=search, order=order, limit=limit, offset=offset
        )
        return decoded(self._detail("/v1/sessions", msgspec.json.encode(asked)), SessionPage, self._who)

    def turns(self, provider: str, session: str, *, limit: int = PAGE, before: str = "") -> TurnPage:
        asked = TurnsRequest(provider=provider, session=session, limit=limit, before=before)
        return decoded(self._detail("/v1/turns", msgspec.json.encode(asked)), TurnPage, self._who)

    def blocks(self, window: Window, where: Filter = ANY, *, tz: str = "UTC") -> BlockList:
        asked = msgspec.json.encode(BlocksRequest(window=window, where=where, tz=tz))
        return decoded(self._detail("/v1/blocks", asked), BlockList, self._who)

    def status(self) -> DaemonStatus:
        return decoded(self._ask("GET", "/v1/status"), DaemonStatus, self._who)

    def pause(self, seconds: float | None) -> DaemonStatus:
        """Have it read nothing for so long; `None`: until `resume`."""
        body = msgspec.json.encode(PauseRequest(seconds=seconds))
        return decoded(self._ask("POST", "/v1/pause", body), DaemonStatus, self._who)

    def resume(self) -> DaemonStatus:
        """Have it go on."""
        return decoded(self._ask("POST", "/v1/resume"), DaemonStatus, self._who)

    def healthy(self) -> bool:
        """Whether anything speaks our protocol there."""
        try:
            return self._ask("GET", "/healthz").status_code == 200
        except (PeerUnreachable, PeerRefused, PeerConfused):
            return False

    def close(self) -> None:
        self._http.close()

    @property
    def _who(self) -> str:
        return f"The daemon at {self._socket}"

    def _detail(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        """The answer to a call that an older daemon does not have."""
        try:
            return self._ask("POST", path, body, headers)
        except PeerRefused as e:
            if e.status == 404:
                raise PeerRefused(
                    f"{self._who} is older than this program and cannot tell this.",
                    "Restart it: end it, then openusage telemetry daemon",
                    status=404,
                ) from e
            raise

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, content=body, headers=headers)
        except httpx.TimeoutException as e:
            raise PeerUnreachable(f"{self._who} does not answer in time.") from e
        except httpx.TransportError as e:
            raise PeerUnreachable(
                f"No daemon answers at {self._socket}.", "Start one: openusage telemetry daemon"
            ) from e
        refuse(answer, self._who)
        return answer
