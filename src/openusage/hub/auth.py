"""Who may push and read: a bearer token, compared in constant time; and what a refusal says.

Without a token everybody may; then `listen.guard` decided where that is safe.
"""

from __future__ import annotations

import hmac
import logging

from openusage.hub.http import Answer, Scope, error

_REALM = b'Bearer realm="openusage-hub"'
MISSING = error(401, "missing bearer token", headers=[(b"www-authenticate", _REALM)])
INVALID = error(
    401, "invalid bearer token", headers=[(b"www-authenticate", _REALM + b', error="invalid_token"')]
)
_MAX_ADDRESSES = 1000
_log = logging.getLogger("openusage.hub")


class Gate:
    """Checks requests and says once, then at every tenfold, who is refused."""

    def __init__(self, token: str = "") -> None:
        self._token = token.strip().encode()
        self._refused: dict[str, int] = {}
        """Address -> refusals since it was last let in."""

    @property
    def is_open(self) -> bool:
        """No token is set."""
        return not self._token

    def check(self, scope: Scope) -> Answer | None:
        """None: come in. Else the refusal."""
        if not self._token:
            return None
        for name, value in scope["headers"]:
            if name == b"authorization":
                refusal = self._judge(value)
                break
        else:
            refusal = MISSING
        if refusal is not None:
            self._note_refused(scope, refusal)
        elif self._refused:
            self._note_admitted(scope)
        return refusal

    def _judge(self, credentials: bytes) -> Answer | None:
        scheme, _, token = credentials.strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            return MISSING
        return None if hmac.compare_digest(token, self._token) else INVALID

    def _note_refused(self, scope: Scope, refusal: Answer) -> None:
        address = peer(scope)
        count = self._refused.pop(address, 0) + 1
        self._refused[address] = count
        if len(self._refused) > _MAX_ADDRESSES:
            del self._refused[next(iter(self._refused))]
        if count == 1 or (count >= 10 and str(count).strip("0") == "1"):
            why = "invalid" if refusal is INVALID else "missing"
            _log.warning("refused %s: %s bearer token (%d so far)", address, why, count)

    def _note_admitted(self, scope: Scope) -> None:
        address = peer(scope)
        if count := self._refused.pop(address, 0):
            _log.info("let in %s again after %d refused", address, count)


def peer(scope: Scope) -> str:
    """The address a request came from, without its port; an IPv4 one as such on a dual-stack socket."""
    client = scope.get("client")
    return str(client[0]).removeprefix("::ffff:") if client else "a local socket"
