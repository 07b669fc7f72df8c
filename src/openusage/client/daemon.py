"""A daemon on this machine, asked by its Unix socket."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import msgspec

from openusage.client.replies import decoded, refuse
from openusage.client.source import Frame
from openusage.errors import PeerConfused, PeerRefused, PeerUnreachable
from openusage.wire.local import DaemonStatus, ReadModelReply, ReadModelRequest, UsageReply, UsageRequest
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window


class DaemonClient:
    """A daemon on this machine, by its Unix socket. Both a `SnapshotSource` and a `UsageSource`."""

    label = "this machine"
    is_hub = False

    def __init__(self, socket: Path, *, now: Callable[[], dt.datetime], timeout_s: float = 12.0) -> None:
        self._socket = socket
        self._now = now
        self._etags: dict[str, str] = {}
        self._frames: dict[str, Frame] = {}
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://daemon", timeout=timeout_s
        )

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

    def status(self) -> DaemonStatus:
        return decoded(self._ask("GET", "/v1/status"), DaemonStatus, self._who)

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
