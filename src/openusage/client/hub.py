"""A hub, asked by its URL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from openusage import __version__
from openusage.client.replies import ahead_s, decoded, refuse
from openusage.client.source import Frame, PaneFrame
from openusage.errors import PeerConfused, PeerRefused, PeerUnreachable, UsageError
from openusage.net import reason, trusted
from openusage.settings import hub_url
from openusage.wire.decode import decode
from openusage.wire.envelope import decode_snapshots
from openusage.wire.fleet import ForgetReply, UsageReply, UsageSums
from openusage.wire.pane import WINDOWS, Pane
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window
from openusage.wire.sessions import PAGE, BlockList, SessionOrder, SessionPage, TurnPage
from openusage.wire.stranger import pane_of
from openusage.zone import load_zone

MAX_ANSWER_BYTES = 256 << 20
"""More than any honest hub sends (500 machines of 142 KB are 71 MB); guards a viewer's memory."""


class HubClient:
    """A hub, ours or a Go program's, by its URL."""

    is_hub = True

    def __init__(
        self, url: str, *, token: str, now: Callable[[], dt.datetime], timeout_s: float = 10.0
    ) -> None:
        """Raises `UsageError` when `url` is no http address."""
        try:
            self._url = hub_url(url)
        except ValueError as e:
            raise UsageError(f"{url} is not a hub's address: it {e}.") from e
        self._host = urlsplit(self._url).netloc
        self._now = now
        self._etag = ""
        self._frame: Frame | None = None
        self._panes: dict[tuple[str, By, str, Filter], tuple[str, PaneFrame]] = {}
        """Question -> (tag, the newest answer)."""
        self.label = f"hub {self._url}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No redirects: a token must never be carried to another host.
        self._http = httpx.Client(
            headers=headers | {"User-Agent": f"openusage/{__version__}"},
            timeout=timeout_s,
            follow_redirects=False,
            verify=trusted(),
        )

    def fetch(self, window: str) -> Frame:
        headers = {"If-None-Match": self._etag} if self._etag and self._frame else {}
        answer = self._ask("/v1/snapshots", headers)
        if answer.status_code == 304 and self._frame:
            return msgspec.structs.replace(self._frame, fetched_at=self._now(), changed=False)
        refuse(answer, self._host)
        try:
            snapshots = decode_snapshots(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise PeerConfused(f"{self._host} does not answer like a hub: {e}") from e
        self._etag = answer.headers.get("ETag", "")
        self._frame = Frame(snapshots=snapshots, fetched_at=self._now())
        return self._frame

    def fleet(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> UsageReply:
        """Sums over all machines that send their records. Raises `PeerRefused` where the hub keeps none."""
        given = [*_span(window, tz), *([("by", ",".join(by))] if by else []), *_filter(where)]
        return decoded(self._detail("/v1/usage", given), UsageReply, self._host)

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        """As a store gives them. Machines go by name."""
        reply = self.fleet(window, by, where, tz)
        return [rollup(row) for row in (reply.rows if by else [reply.totals])]

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
        given = [*_span(window, tz), *_filter(where), ("search", search), ("order", str(order))]
        given += [("limit", str(limit)), ("offset", str(offset))]
        return decoded(self._detail("/v1/sessions", given), SessionPage, self._host)

    def turns(self, provider: str, session: str, *, limit: int = PAGE, before: str = "") -> TurnPage:
        given = [("provider", provider), ("session", session), ("limit", str(limit)), ("before", before)]
        return decoded(self._detail("/v1/turns", given), TurnPage, self._host)

    def blocks(self, window: Window, where: Filter = ANY, *, tz: str = "UTC") -> BlockList:
        given = [*_span(window, tz), *_filter(where)]
        return decoded(self._detail("/v1/blocks", given), BlockList, self._host)

    def forget(self, machine: str) -> ForgetReply:
        """Has the hub remove everything of a machine, by name or id. The one call that changes anything."""
        answer = self._ask(f"/v1/machines/{quote(machine, safe='')}", method="DELETE")
        refuse(answer, self._host)
        return decoded(answer, ForgetReply, self._host)

    def check(self) -> float | None:
        """By how much this machine's clock is ahead of the hub's; `None`: it does not tell the time.

        Raises `PeerError` when nothing there answers like a hub. Needs no token, asks for no data.
        """
        began = self._now()
        answer = self._ask("/healthz")
        refuse(answer, self._host)
        if b'"status":"ok"' not in answer.content:
            raise PeerConfused(f"{self._host} does not answer like a hub.")
        return ahead_s(answer.headers.get("Date", ""), began, self._now())

    def pane(self, window: str, group: By, tz: str, where: Filter = ANY) -> PaneFrame:
        """The fleet at a glance; of a hub that keeps no history, what its snapshots say, without a filter."""
        question = window, group, tz, where
        tag, last = self._panes.get(question, ("", None))
        params = [("window", window), ("group", str(group)), ("tz", tz), *_filter(where)]
        answer = self._ask("/v1/fleet", {"If-None-Match": tag} if tag else {}, params)
        if answer.status_code == 404:
            if where != ANY:
                raise self._without_history()
            return self._pane_of_snapshots(window, group, tz)
        if answer.status_code == 304 and last is not None:
            return msgspec.structs.replace(last, fetched_at=self._now(), changed=False)
        refuse(answer, self._host)
        frame = PaneFrame(pane=decoded(answer, Pane, self._host), fetched_at=self._now())
        self._panes = {question: (answer.headers.get("ETag", ""), frame)}
        return frame

    def _pane_of_snapshots(self, window: str, group: By, tz: str) -> PaneFrame:
        frame, now = self.fetch(window), self._now()
        accounts = [decode(s, display_key=key, now=now) for key, s in frame.snapshots.items()]
        local = now.astimezone(load_zone(tz))
        pane = pane_of(accounts, window=window, group=group, tz=tz, now=local)
        return PaneFrame(pane=pane, fetched_at=frame.fetched_at, changed=frame.changed)

    def _detail(self, path: str, params: Sequence[tuple[str, str]]) -> httpx.Response:
        """The answer to a question about history, which not every hub has."""
        answer = self._ask(path, params=params)
        if answer.status_code == 404:
            raise self._without_history()
        refuse(answer, self._host)
        return answer

    def _without_history(self) -> PeerRefused:
        try:
            is_ours = self._ask("/v1/capabilities").status_code == 200
        except PeerUnreachable:
            is_ours = False
        if is_ours:
            return PeerRefused(
                f"{self._host} is an older hub and cannot tell this.", "Update the hub.", status=404
            )
        return PeerRefused(f"{self._host} keeps no history.", "The Go program's hub does not.", status=404)

    def close(self) -> None:
        self._http.close()

    def _ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        method: str = "GET",
    ) -> httpx.Response:
        try:
            return self._send(method, path, headers or {}, params)
        except httpx.TimeoutException as e:
            raise PeerUnreachable(f"{self._host} does not answer in time.") from e
        except httpx.TransportError as e:
            raise PeerUnreachable(f"{self._host} does not answer ({reason(e)}).") from e

    def _send(
        self, method: str, path: str, headers: dict[str, str], params: Sequence[tuple[str, str]]
    ) -> httpx.Response:
        """An answer whose body is refused once it grows past `MAX_ANSWER_BYTES`."""
        with self._http.stream(method, self._url + path, headers=headers, params=list(params)) as answer:
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise PeerConfused(f"{self._host} sends more than {MAX_ANSWER_BYTES >> 20} MB.")
        unpacked = ("content-encoding", "content-length")
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in unpacked}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(body), request=answer.request)


def _span(window: Window, tz: str) -> list[tuple[str, str]]:
    """A window as the calls of a hub take it. It says itself when those begin that have a name."""
    if window.name in WINDOWS:
        return [("tz", tz), ("window", window.name)]
    ends = [("from", window.from_us), ("to", window.to_us)]
    given = [(name, _rfc3339(at_us)) for name, at_us in ends if at_us is not None]
    return [("tz", tz), *(given or [("window", "all")])]


def _rfc3339(at_us: int) -> str:
    return (_EPOCH + dt.timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _filter(where: Filter) -> list[tuple[str, str]]:
    """A filter as the calls of a hub take it."""
    return [
        (name, str(value))
        for name, values in (
            ("machine", where.machines),
            ("provider", where.providers),
            ("account", where.accounts),
            ("kind", where.kinds),
            ("project", where.projects),
            ("model", where.models),
            ("client", where.clients),
            ("session", where.sessions),
        )
        for value in values
    ]


def rollups(reply: UsageReply) -> list[Rollup]:
    """The rows of a fleet's answer as a store would give them."""
    return [rollup(row) for row in reply.rows]


def rollup(row: UsageSums) -> Rollup:
    """Sums of a fleet as a store would give them."""
    return Rollup(
        key=row.key,
        events=row.requests + row.tool_calls + row.turns,
        input=row.tokens.input,
        output=row.tokens.output,
        cache_read=row.tokens.cache_read,
        cache_write_5m=row.tokens.cache_write_5m,
        cache_write_1h=row.tokens.cache_write_1h,
        reasoning=row.tokens.reasoning,
        cost_reported_nano=_nano(row.cost_reported_usd),
        cost_computed_nano=_nano(row.cost_computed_usd),
        cost_nano=_nano(row.cost_usd or 0.0),
        unpriced_events=row.unpriced_requests,
        unpriced_tokens=row.unpriced_tokens,
        estimated_events=row.estimated_requests,
        lines_added=row.lines_added,
        lines_removed=row.lines_removed,
        web_searches=row.web_searches,
        web_fetches=row.web_fetches,
        tool_calls=row.tool_calls,
        turns=row.turns,
        first_us=_us(row.first_at),
        last_us=_us(row.last_at),
    )


def _nano(usd: float) -> int:
    return round(usd * 1e9)


def _us(at: dt.datetime | None) -> int:
    return 0 if at is None else (at - _EPOCH) // dt.timedelta(microseconds=1)
