"""Signing in with a token, and out again."""

from __future__ import annotations

from urllib.parse import parse_qs, quote

from openusage.hub.auth import Gate
from openusage.hub.http import Answer, Budget, Crowded, Receive, Scope, Send, TooLarge, reply, reply_unread
from openusage.hub.web import visitor
from openusage.hub.web.render import Renderer
from openusage.hub.web.visitor import go_to, html

SIGN_IN = "/signin"
SIGN_OUT = "/signout"
_MOST_BYTES = 16_384
_WRONG = "This token is not good here."
_LATER = "Too many wrong tokens. Wait a minute."
_PUSHES = "This token pushes for its machine; it reads nothing."


class Porter:
    """Belongs to one event loop."""

    def __init__(self, gate: Gate, renderer: Renderer) -> None:
        self._gate = gate
        self._renderer = renderer
        self._budget = Budget(64 * _MOST_BYTES)

    def turn_away(self, scope: Scope) -> Answer:
        """To whoever may not see a page: the way to the token."""
        here = quote(scope["raw_path"].decode("latin-1"), safe="/%~")
        here = visitor.inside(f"{here}?{scope['query_string'].decode('latin-1')}".rstrip("?"))
        there = f"{SIGN_IN}?next={quote(here, safe='/')}"
        if visitor.is_htmx(scope):
            return html(401, "", (b"hx-redirect", SIGN_IN.encode()))
        if visitor.comes_from_elsewhere(scope):
            said = self._renderer.message("openusage", "One moment.", here, "Go on", again=here)
            return html(200, said)
        return go_to(there)

    async def sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            next = parse_qs(scope["query_string"].decode("latin-1")).get("next", ["/"])[-1]
            return await reply(send, self._form(scope, visitor.inside(next)))
        if scope["method"] != "POST":
            return await reply_unread(receive, send, _not_allowed(b"GET, HEAD, POST"))
        if not visitor.is_own(scope):
            return await reply_unread(receive, send, self._foreign())
        try:
            body = await self._budget.read(receive, _MOST_BYTES)
        except (TooLarge, Crowded):
            return await reply_unread(receive, send, html(413, "too large"))
        if body is None:
            return None
        self._budget.give(len(body))
        given = parse_qs(body.decode("latin-1"), keep_blank_values=True)
        token = given.get("token", [""])[-1].encode("latin-1").strip()
        await reply(send, self._judged(scope, token, visitor.inside(given.get("next", ["/"])[-1])))

    async def sign_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            return await reply_unread(receive, send, _not_allowed(b"POST"))
        if not visitor.is_own(scope):
            return await reply_unread(receive, send, self._foreign())
        self._gate.sessions.end(scope)
        await reply_unread(receive, send, go_to(SIGN_IN, visitor.session_cookie(scope, "")))

    def _form(self, scope: Scope, next: str) -> Answer:
        if self._gate.is_open or self._gate.sessions.token(scope) is not None:
            return go_to(next)
        return html(200, self._renderer.sign_in(visitor.host(scope), next))

    def _judged(self, scope: Scope, token: bytes, next: str) -> Answer:
        refusal = self._gate.may_view(scope, token)
        if refusal is not None:
            status = refusal.start["status"]
            said = {429: _LATER, 403: _PUSHES}.get(status, _WRONG)
            return html(status, self._renderer.sign_in(visitor.host(scope), next, said))
        self._gate.sessions.end(scope)
        return go_to(next, visitor.session_cookie(scope, self._gate.sessions.open(token)))

    def _foreign(self) -> Answer:
        said = self._renderer.message(
            "Not from here", "This was sent by a page of another site.", SIGN_IN, "Sign in here"
        )
        return html(403, said)


def _not_allowed(allowed: bytes) -> Answer:
    return html(405, "method not allowed", (b"allow", allowed))
