"""Paths of the web page: who may, which method, which answer."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from openusage.hub.answers import FleetAnswers
from openusage.hub.auth import Gate
from openusage.hub.history import History, Unavailable
from openusage.hub.http import (
    NOT_GET,
    Answer,
    Handler,
    Receive,
    Scope,
    Send,
    asked_for,
    refuse,
    reply,
    zipped,
)
from openusage.hub.pane import PaneAnswers
from openusage.hub.usage import BadQuestion
from openusage.hub.web import visitor
from openusage.hub.web.address import Address, read
from openusage.hub.web.desk import Desk, Look, NotThere, Visit, state_of
from openusage.hub.web.live import Memory, Parts, State, Unknown, hashed
from openusage.hub.web.page import Material, View, view
from openusage.hub.web.render import Renderer
from openusage.hub.web.signin import SIGN_IN, SIGN_OUT, Porter
from openusage.hub.web.static import PREFIX, Static
from openusage.hub.web.visitor import GUARDED, html
from openusage.store import Answers
from openusage.zone import is_zone

LIVE = "/live"
PAGES = frozenset(("/", "/machines/", "/accounts/", LIVE, f"{LIVE}/", SIGN_IN, SIGN_OUT, PREFIX))
"""For people: no part of the protocol, so `/openapi.json` does not describe them."""
_GZIP_FROM_BYTES = 1024
_MOST_DRAWN = 32


class _Drawn(NamedTuple):
    view: View
    parts: Parts
    state: State


def web_routes(
    history: History, gate: Gate, panes: PaneAnswers, fleet: FleetAnswers, look: Look
) -> dict[str, Handler]:
    """Path -> handler."""
    static, renderer = _furniture()
    porter = Porter(gate, renderer)
    site = _Site(history, gate, Desk(panes, fleet, look), renderer, porter)
    page: Handler = partial(site.get, site.page)
    live: Handler = partial(site.get, site.live)

    async def files(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(NOT_GET, scope, receive, send)
        await reply(send, static.respond(scope))

    return {
        "/": page,
        "/machines/": page,
        "/accounts/": page,
        LIVE: live,
        f"{LIVE}/": live,
        SIGN_IN: porter.sign_in,
        SIGN_OUT: porter.sign_out,
        PREFIX: files,
    }


@cache
def _furniture() -> tuple[Static, Renderer]:
    """Files and templates: the same for every hub of a process."""
    static = Static()
    return static, Renderer(static.address)


class _Site:
    def __init__(self, history: History, gate: Gate, desk: Desk, renderer: Renderer, porter: Porter) -> None:
        self._history, self._gate, self._desk = history, gate, desk
        self._renderer, self._porter = renderer, porter
        self._memory = Memory()
        self._lock = threading.Lock()
        self._drawn: OrderedDict[bytes, _Drawn] = OrderedDict()
        """What pages of a few addresses hold now, so that those who look at the same share it."""

    async def get(
        self,
        draw: Callable[[Scope, Visit, Answers], Answer],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """A page to whoever may see it; what cannot be shown says why."""
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(NOT_GET, scope, receive, send)
        if self._gate.check(scope) is not None:
            return await refuse(self._porter.turn_away(scope), scope, receive, send)
        try:
            answer = await self._history.ask(partial(draw, scope, self._visit(scope)))
        except BadQuestion as e:
            answer = self._says(400, "This address cannot be read", e.message)
        except NotThere as e:
            answer = self._says(404, "Nothing here", str(e))
        except Unavailable as e:
            answer = self._says(e.status, "Not now", f"{e.message}.").plus(
                (b"retry-after", str(e.retry_after_s).encode())
            )
        await reply(send, _packed(answer) if asked_for(scope)[1] else answer)

    def page(self, scope: Scope, visit: Visit, ask: Answers) -> Answer:
        """A whole page, drawn anew: what it says of ages is true now."""
        address = _address(scope["raw_path"], scope["query_string"])
        drawn = self._draw(self._desk.find(address, visit, ask))
        text = self._renderer.page(drawn.view, drawn.parts, self._memory.remember(drawn.state))
        if visitor.header(scope, b"hx-source").startswith("form"):
            return html(200, text, (b"hx-replace-url", address.href.encode("ascii")))
        return html(200, text)

    def live(self, scope: Scope, visit: Visit, ask: Answers) -> Answer:
        """What has changed since the state that a page shows."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        since = next((value for name, value in query if name == "since"), "")
        rest = urlencode([pair for pair in query if pair[0] != "since"], quote_via=quote, encoding="latin-1")
        address = _address(scope["raw_path"].removeprefix(LIVE.encode()), rest.encode("ascii"))
        found = self._desk.find(address, visit, ask)
        drawn = self._shared(found)
        try:
            difference = self._memory.since(since, drawn.state, drawn.parts)
        except Unknown:
            return html(200, "", (b"hx-refresh", b"true"))
        if difference is None:
            return Answer(
                {"type": "http.response.start", "status": 204, "headers": list(GUARDED)},
                {"type": "http.response.body", "body": b""},
            )
        return html(200, self._renderer.live(drawn.view.live, found.pane.now, difference))

    def _visit(self, scope: Scope) -> Visit:
        zone = visitor.zone(scope)
        return Visit(
            host=visitor.host(scope),
            tz=zone if zone and is_zone(zone) else "",
            signed_in=not self._gate.is_open and self._gate.sessions.token(scope) is not None,
        )

    def _draw(self, found: Material) -> _Drawn:
        said = view(found)
        parts = self._renderer.parts(said)
        return _Drawn(said, parts, hashed(parts))

    def _shared(self, found: Material) -> _Drawn:
        asked = msgspec.msgpack.encode((found.address, found.host, found.signed_in, found.pane.tz))
        key = hashlib.blake2b(asked + state_of(found), digest_size=16).digest()
        with self._lock:
            drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._draw(found)
            with self._lock:
                self._drawn[key] = drawn
                while len(self._drawn) > _MOST_DRAWN:
                    self._drawn.popitem(last=False)
        return drawn

    def _says(self, status: int, title: str, text: str) -> Answer:
        return html(status, self._renderer.message(title, text, "/", "All machines"))


def _address(raw_path: bytes, query: bytes) -> Address:
    """Raises `BadQuestion`, and `NotThere` for a page that there is not."""
    address = read(raw_path, query)
    shape = address.parts[:1], len(address.parts)
    if shape not in (((), 0), (("machines",), 2), (("accounts",), 3)) or not all(address.parts):
        raise NotThere("There is no such page.")
    return address


def _packed(answer: Answer) -> Answer:
    body = answer.body["body"]
    if len(body) < _GZIP_FROM_BYTES:
        return answer
    packed = zipped(body)
    headers = [(k, v) for k, v in answer.start["headers"] if k != b"content-length"]
    headers += [(b"content-length", str(len(packed)).encode()), (b"content-encoding", b"gzip")]
    return Answer({**answer.start, "headers": headers}, {**answer.body, "body": packed})
