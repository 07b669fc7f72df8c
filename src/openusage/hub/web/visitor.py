"""What a browser says of itself, and what every answer to it says back. Pure.

A page of another site can make a browser send a form to the hub. Browsers say where a request comes from
(`Sec-Fetch-Site`, older ones `Origin`), and a page cannot change that; whoever says neither is no browser.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from openusage.hub.http import Answer, Header, Scope
from openusage.hub.sessions import COOKIE, LIFE_S

ZONE_COOKIE = b"openusage_tz"
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
GUARDED: tuple[Header, ...] = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"accept-encoding, cookie"),
)
_MOST_HOST_CHARS = 200


def header(scope: Scope, name: bytes) -> str:
    """The first of that name; empty when there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def host(scope: Scope) -> str:
    """The hub as the browser's address has it."""
    return header(scope, b"host")[:_MOST_HOST_CHARS] or "this hub"


def is_htmx(scope: Scope) -> bool:
    return header(scope, b"hx-request") == "true"


def is_own(scope: Scope) -> bool:
    """Whether a form was sent from a page of this hub, or by no browser."""
    site = header(scope, b"sec-fetch-site")
    if site:
        return site in ("same-origin", "none")
    origin = header(scope, b"origin")
    return not origin or urlsplit(origin).netloc == header(scope, b"host")


def comes_from_elsewhere(scope: Scope) -> bool:
    """Whether a link of another site led here: then a browser keeps its session cookie to itself."""
    return header(scope, b"sec-fetch-site") in ("cross-site", "same-site")


def zone(scope: Scope) -> str:
    """What the page's script found the browser's zone to be, as it came."""
    for part in header(scope, b"cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == ZONE_COOKIE.decode():
            return unquote(value)[:64]
    return ""


def inside(next: str) -> str:
    """A way back that leads to this hub and nowhere else; the front page instead of any other."""
    is_path = next.startswith("/") and not next.startswith(("//", "/\\"))
    return next if is_path and next.isascii() and next.isprintable() and " " not in next else "/"


def session_cookie(scope: Scope, id: str) -> Header:
    """Out of reach of scripts and of other sites; with TLS never sent without it. Empty `id`: forget it."""
    secure = b"; Secure" if scope.get("scheme") == "https" else b""
    age = LIFE_S if id else 0
    said = b"%b=%b; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%b" % (COOKIE, id.encode(), age, secure)
    return b"set-cookie", said


def html(status: int, text: str, *more: Header) -> Answer:
    body = text.encode("utf-8", "replace")
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *GUARDED,
        *more,
    ]
    return Answer(
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def go_to(place: str, *more: Header) -> Answer:
    """See there instead, by GET."""
    return html(303, "", (b"location", place.encode("ascii")), *more)
