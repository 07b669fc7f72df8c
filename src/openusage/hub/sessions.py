"""Who signed in with a browser: an id of chance in a cookie, standing for the token that was shown.

Kept in memory alone: a session ends after a week, when it is signed out, when another thousand came after it,
and when the hub starts anew. Its token is judged again at every request, so a session never outlives that.
Belongs to one event loop.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from openusage.hub.http import Scope

COOKIE = b"openusage_session"
LIFE_S = 7 * 86_400
MOST = 1000


class _Session(NamedTuple):
    token: bytes
    ends_s: float
    """Monotonic."""


class Sessions:
    """Found by the hash of their id, so that a look-up takes no longer for a near miss."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._open: OrderedDict[bytes, _Session] = OrderedDict()
        """In the order they were opened, which is that of their ends."""

    def open(self, token: bytes) -> str:
        """The id of a new session for a token that was found good."""
        id = secrets.token_urlsafe(32)
        self._open[_hashed(id.encode())] = _Session(token, self._monotonic() + LIFE_S)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return id

    def token(self, scope: Scope) -> bytes | None:
        """The token behind the cookie of a request; `None`: there is no such session, or none any more."""
        if (id := session_id(scope)) is None or (session := self._open.get(_hashed(id))) is None:
            return None
        if self._monotonic() >= session.ends_s:
            self.end(scope)
            return None
        return session.token

    def end(self, scope: Scope) -> None:
        """The session of this request is no more; a second time does nothing."""
        if (id := session_id(scope)) is not None:
            self._open.pop(_hashed(id), None)


def session_id(scope: Scope) -> bytes | None:
    """What the request's cookie says."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            for part in value.split(b";"):
                key, _, id = part.strip().partition(b"=")
                if key == COOKIE and id:
                    return bytes(id)
    return None


def _hashed(id: bytes) -> bytes:
    return hashlib.sha256(id).digest()
