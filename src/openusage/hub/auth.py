"""Who may do what: the shared token, or a machine's own; and what a refusal says.

The shared token (`OPENUSAGE_HUB_TOKEN`) may everything. A machine's own token (`tokens`) may push as that
machine, or read. Without any token everybody may everything; then `listen.guard` decided where that is safe.
A browser that signed in (`sessions`) may read, as far as the token it signed in with may.

Guessing: an address that showed wrong tokens is told 429 for a while, and so is a shared token short enough
to be guessed when it comes from there. A long one is always let in: nobody finds it by trying, and a stranger
behind the same proxy must not lock the machines out.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable

from openusage.hub.http import Answer, Scope, error
from openusage.hub.ingest import PushRefused
from openusage.hub.limits import Buckets, client_key, peer, too_many
from openusage.hub.sessions import Sessions
from openusage.hub.tokens import Role, Token, TokenBook

_REALM = b'Bearer realm="openusage-hub"'


def _unauthorised(text: str, detail: str = "", attribute: bytes = b"") -> Answer:
    return error(401, text, detail, headers=[(b"www-authenticate", _REALM + attribute)])


def _forbidden(detail: str) -> Answer:
    scope = _REALM + b', error="insufficient_scope"'
    return error(403, "forbidden", detail, headers=[(b"www-authenticate", scope)])


MISSING = _unauthorised("missing bearer token")
INVALID = _unauthorised("invalid bearer token", attribute=b', error="invalid_token"')
EXPIRED = _unauthorised("invalid bearer token", "it has expired", b', error="invalid_token"')
ONLY_PUSH = _forbidden("this token pushes for its machine; it reads nothing")
ONLY_VIEW = _forbidden("this token reads; it writes nothing")
ONLY_SHARED = _forbidden("only the shared token may do this (OPENUSAGE_HUB_TOKEN)")

_PUSHING = frozenset(("/v1/push", "/v1/records"))
_TOKEN = "openusage.token"
"""Where a scope says with which token of a machine it was let in."""
_GUESSES = 20
_GUESSES_A_MINUTE = 10
UNGUESSABLE = 20
"""Characters from which on a shared token is taken for one that nobody guesses."""
_MAX_ADDRESSES = 1000
_MOST_OWNERS = 200_000
_is_id = re.compile(r"[0-9a-f]{32}").fullmatch
_log = logging.getLogger("openusage.hub")


class Gate:
    """Checks requests, and says once, then at every tenfold, who is refused.

    Belongs to one event loop; what other threads may call says so.
    """

    def __init__(
        self,
        token: str = "",
        book: TokenBook | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token.strip().encode()
        self._book = book
        self.own = token.strip() or secrets.token_urlsafe(32)
        """For what runs in this process: may everything, also where there is no shared token."""
        self._own = self.own.encode()
        self.sessions = Sessions(monotonic)
        self._guesses = Buckets(_GUESSES_A_MINUTE / 60, _GUESSES, monotonic)
        self._lock = threading.Lock()
        self._refused: dict[str, int] = {}
        """Address -> refusals since it was last let in."""
        self._owners: dict[str, str] = {}
        """Machine id -> the name it was last heard under."""
        self.failures: dict[str, int] = {}
        """Why -> how often."""

    @property
    def is_open(self) -> bool:
        """No token is set: everybody may everything."""
        if self._token or self._book is None:
            return not self._token
        self._book.refresh()
        return not self._book.exists

    def check(self, scope: Scope) -> Answer | None:
        """None: come in. Else the refusal.

        May be asked again of the same request at any time: a token that was revoked or has expired meanwhile
        is refused then, which is how a stream learns that it must end.
        """
        if not self._token and self.is_open:
            return None
        scope.pop(_TOKEN, None)
        for name, value in scope["headers"]:
            if name == b"authorization":
                refusal, why = self._judge(value, scope)
                break
        else:
            refusal, why = self._judge_session(scope)
        if refusal is not None:
            return self._refuse(scope, refusal, why)
        if self._refused:
            self._note_admitted(scope)
        return None

    def check_shared(self, scope: Scope) -> Answer | None:
        """The same for what only the shared token may; without any token, this machine alone."""
        if self.is_open:
            here = peer(scope).startswith("127.") or peer(scope) in ("::1", "a local socket")
            return None if here else self._refuse(scope, ONLY_SHARED, "forbidden")
        for name, value in scope["headers"]:
            if name == b"authorization" and self._is_shared(_credentials(value)):
                break
        else:
            return self.check(scope) or self._refuse(scope, ONLY_SHARED, "forbidden")
        return self.check(scope)

    def may_view(self, scope: Scope, token: bytes) -> Answer | None:
        """Whether a token that somebody typed in may read; a refusal counts like that of any request."""
        return self.check({**scope, "method": "GET", "headers": [(b"authorization", b"Bearer " + token)]})

    def may_write(self, scope: Scope, machine: str, machine_id: str) -> None:
        """Whether who was let in may push as this machine. From any thread; a dict look-up.

        A token that names a machine id pushes with that one. Another one pushes under its name, with an id
        that nobody had or that was heard under that name: so it cannot write what is another machine's.

        Raises:
            PushRefused: 403, and why.
        """
        token: Token | None = scope.get(_TOKEN)
        if token is None:
            return
        why = ""
        if machine != token.machine:
            why = "this token is another machine's: it pushes under the name it was made for"
        elif token.machine_id:
            if machine_id != token.machine_id:
                why = "this token is for another machine id"
        elif machine_id and not _is_id(machine_id):
            why = "a machine id has 32 hex digits"
        elif machine_id and self._owners.get(machine_id, machine) != machine:
            why = (
                "this machine id is known under another name; if it is the same machine, make its token with "
                "--machine-id"
            )
        if why:
            self._refuse(scope, ONLY_PUSH, "forbidden")
            raise PushRefused(403, "forbidden", why)

    def note_owner(self, machine: str, machine_id: str) -> None:
        """A push of this machine was taken: its id is known under this name from now on. From any thread."""
        if machine_id and self._owners.get(machine_id) != machine:
            self._owners[machine_id] = machine
            if len(self._owners) > _MOST_OWNERS:
                del self._owners[next(iter(self._owners))]

    def forget_owner(self, machine_id: str) -> None:
        """Its machine was forgotten: the id is anybody's who has a token."""
        self._owners.pop(machine_id, None)

    def write_used(self, *, at_once: bool = False) -> None:
        """Keeps when tokens were used last, when it is due. From any thread."""
        if self._book is not None:
            self._book.write_used(at_once=at_once)

    def _judge(self, value: bytes, scope: Scope) -> tuple[Answer | None, str]:
        presented = _credentials(value)
        if not presented:
            return MISSING, "missing"
        if self._is_shared(presented):
            if len(presented) < UNGUESSABLE and (wait_s := self._guesses.wait_s(client_key(peer(scope)))):
                return too_many(wait_s), "throttled"
            return None, ""
        token = self._book.find(presented) if self._book is not None else None
        if token is None:
            wait_s = self._guesses.take(client_key(peer(scope)))
            return (too_many(wait_s), "throttled") if wait_s else (INVALID, "invalid")
        if self._has_expired(token):
            return EXPIRED, "expired"
        if (refusal := _outside(token.role, scope)) is not None:
            return refusal, "forbidden"
        scope[_TOKEN] = token
        if self._book is not None:
            self._book.note_used(token)
        return None, ""

    def _judge_session(self, scope: Scope) -> tuple[Answer | None, str]:
        """Of a browser that signed in, for reading alone. Its token is judged again, but is never a guess."""
        token = self.sessions.token(scope) if scope["method"] in ("GET", "HEAD") else None
        if token is None:
            return MISSING, "missing"
        if self._is_shared(token):
            return None, ""
        if self._book is None or self._book.find(token) is None:  # revoked
            self.sessions.end(scope)
            return MISSING, "missing"
        return self._judge(b"Bearer " + token, scope)

    def _is_shared(self, presented: bytes) -> bool:
        return hmac.compare_digest(presented, self._own)

    def _has_expired(self, token: Token) -> bool:
        return self._book is not None and self._book.has_expired(token)

    def _refuse(self, scope: Scope, refusal: Answer, why: str) -> Answer:
        address = peer(scope)
        with self._lock:
            self.failures[why] = self.failures.get(why, 0) + 1
            count = self._refused.pop(address, 0) + 1
            self._refused[address] = count
            if len(self._refused) > _MAX_ADDRESSES:
                del self._refused[next(iter(self._refused))]
        if count == 1 or (count >= 10 and str(count).strip("0") == "1"):
            _log.warning("refused %s: %s (%d so far)", address, _WORDS[why], count)
        return refusal

    def _note_admitted(self, scope: Scope) -> None:
        address = peer(scope)
        with self._lock:
            count = self._refused.pop(address, 0)
        if count:
            _log.info("let in %s again after %d refused", address, count)


_WORDS = {
    "missing": "missing bearer token",
    "invalid": "invalid bearer token",
    "expired": "expired bearer token",
    "forbidden": "a token that may not do this",
    "throttled": "too many wrong tokens",
}


def _credentials(value: bytes) -> bytes:
    """The token of an `Authorization` header; empty when it is none of ours."""
    scheme, _, token = value.strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _outside(role: Role, scope: Scope) -> Answer | None:
    """What a token of this role must not do here."""
    pushes = scope["path"] in _PUSHING
    if role is Role.PUSH:
        return None if pushes else ONLY_PUSH
    return ONLY_VIEW if pushes or scope["method"] not in ("GET", "HEAD") else None
