"""Tokens of single machines: the file that keeps them, and the book by which a running hub knows them.

A token is 256 random bits, so its plain SHA-256 is what is kept: a slow hash protects words people choose,
which can be tried one after the other; nobody tries 2^256, and every push would pay for the slowness.

`hub-tokens.json` lies beside the database. `openusage hub token` replaces it in one step, and the running hub
looks at the file before it believes any token: what is revoked is refused with the very next request. When
each was used last is kept apart, to five minutes, and written now and then; a first use at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from openusage.errors import OpenUsageError, UsageError
from openusage.files import locked, replace
from openusage.paths import ensure_private_dir

PREFIX = "ouh_"
"""Tells a token of ours from other secrets, to people and to scanners."""
MAX_NAME = 1024
"""Characters of a machine's name; that of `hub.ingest`."""
USED_EVERY_S = 300
"""So coarse is the time of last use, and so seldom it is written."""
_log = logging.getLogger("openusage.hub")


class Role(enum.StrEnum):
    """What a token is good for."""

    PUSH = "push"
    """Writes what is its machine's, reads nothing."""
    VIEW = "view"
    """Reads everything, writes nothing."""


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token, as it is kept: without the token itself."""

    id: str
    """What it is called in lists; says nothing of the token."""
    hash: str
    """SHA-256 of the token, in hex."""
    machine: str
    """Name under which it pushes; of one that reads, whose it is."""
    role: Role
    created_at: dt.datetime
    machine_id: str = ""
    """When set, it pushes with this machine id and no other."""
    expires_at: dt.datetime | None = None


class _Kept(msgspec.Struct, frozen=True):
    """The file."""

    version: int
    tokens: list[Token]


class TokenFile:
    """What `openusage hub token` does: every call reads, and replaces, the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tokens(self) -> list[Token]:
        """By machine and age. Raises `OpenUsageError` when the file cannot be used."""
        return sorted(read_tokens(self._path) or [], key=lambda t: (t.machine, t.created_at, t.id))

    def create(
        self,
        machine: str,
        role: Role,
        *,
        now: dt.datetime,
        expires_at: dt.datetime | None = None,
        machine_id: str = "",
    ) -> tuple[Token, str]:
        """(what is kept, the token itself, which is never seen again).

        Raises:
            OpenUsageError: the name cannot be one, or the file cannot be read or written.
        """
        if not machine.strip() or len(machine) > MAX_NAME:
            raise UsageError(f"A machine's name has 1 to {MAX_NAME} characters.")
        if expires_at is not None and expires_at <= now:
            raise UsageError("That token would have expired already.")
        secret = PREFIX + secrets.token_urlsafe(32)
        made = Token(
            id=secrets.token_hex(4),
            hash=_digest(secret.encode()).hex(),
            machine=machine,
            role=role,
            created_at=now.replace(microsecond=0),
            machine_id=machine_id,
            expires_at=expires_at.replace(microsecond=0) if expires_at else None,
        )
        self._change(lambda tokens: [*tokens, made])
        return made, secret

    def revoke(self, chosen: Callable[[Token], bool]) -> list[Token]:
        """Those that were good until now. Raises `OpenUsageError`."""
        gone: list[Token] = []

        def keep(tokens: Sequence[Token]) -> list[Token]:
            gone.extend(t for t in tokens if chosen(t))
            return [t for t in tokens if not chosen(t)]

        self._change(keep)
        return gone

    def last_used(self) -> dict[str, dt.datetime]:
        """By the token's id, to `USED_EVERY_S`. What cannot be read is not known."""
        return _read_used(used_path(self._path))

    def _change(self, change: Callable[[list[Token]], list[Token]]) -> None:
        ensure_private_dir(self._path.parent)
        try:
            with locked(self._path):
                old = read_tokens(self._path)
                new = change(old or [])
                if new != old:
                    replace(self._path, msgspec.json.format(_encode(_Kept(1, new)), indent=2) + b"\n")
        except OSError as e:
            raise OpenUsageError(f"{self._path} cannot be written: {e.strerror or e}.") from e


class TokenBook:
    """The tokens, as a running hub knows them. Belongs to one event loop, but for `write_used`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._path = path
        self._name = os.fspath(path)
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._by_hash: dict[bytes, Token] = {}
        self._used = _read_used(used_path(path))
        self._written_s = clock()
        self._first_use = False
        """A token was used that never was before: that is kept soon."""
        self._lock = threading.Lock()
        self.exists = False
        """There are tokens, or were: nobody comes in without one any more, though all were revoked."""
        self.refresh()

    def refresh(self) -> None:
        """Reads the file when it is not the one that was read last. Else one `stat`."""
        try:
            found = os.stat(self._name)  # noqa: PTH116  (half the time of Path.stat, for every request)
        except OSError:
            seen = None
        else:
            seen = found.st_ino, found.st_mtime_ns, found.st_size
        if seen != self._seen:
            self._seen = seen
            self._read()

    def find(self, secret: bytes) -> Token | None:
        """The token that `secret` is, also one that has expired."""
        self.refresh()
        return self._by_hash.get(_digest(secret))

    def has_expired(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at.timestamp() <= self._clock()

    def note_used(self, token: Token) -> None:
        """It was let in just now. A dict look-up, most of the time."""
        known = self._used.get(token.id)
        now_s = self._clock()
        if known is None or now_s - known.timestamp() >= USED_EVERY_S:
            self._first_use |= known is None
            with self._lock:
                self._used[token.id] = dt.datetime.fromtimestamp(int(now_s), dt.UTC)

    def write_used(self, *, at_once: bool = False) -> None:
        """Keeps the times of last use, when they are due. From any thread; a failure is logged only."""
        now_s = self._clock()
        is_due = at_once or self._first_use or now_s - self._written_s >= USED_EVERY_S
        if not (self.exists and is_due):
            return
        self._written_s, self._first_use = now_s, False
        with self._lock:
            known = {token.id for token in self._by_hash.values()}
            used = {name: at for name, at in self._used.items() if name in known}
        path = used_path(self._path)
        if used == _read_used(path):
            return
        try:
            with locked(path):
                replace(path, _encode(used))
        except OSError as e:
            _log.warning("tokens: cannot keep when they were used: %s", e.strerror or e)

    def _read(self) -> None:
        """What cannot be read lets nobody in: a revoked token must not come back by it."""
        try:
            tokens = read_tokens(self._path)
        except OpenUsageError as e:
            _log.error("tokens: %s No machine's own token is accepted until it can be read.", e.message)
            tokens = []
        self.exists = self.exists or tokens is not None
        self._by_hash = {bytes.fromhex(t.hash): t for t in tokens or ()}
        if tokens is not None:
            _log.info("tokens: %d of machines are known", len(self._by_hash))


def read_tokens(path: Path) -> list[Token] | None:
    """What the file has; `None`: there is none. Raises `OpenUsageError` when it cannot be used."""
    try:
        kept = _decode(path.read_bytes())
        _check(kept.tokens)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise OpenUsageError(f"{path} cannot be read: {e.strerror or e}.") from e
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as e:
        raise OpenUsageError(
            f"{path} is damaged: {e}.", "Restore it, or move it away and make new tokens."
        ) from e
    return kept.tokens


def used_path(tokens: Path) -> Path:
    """Where the times of last use are kept."""
    return tokens.with_name(f"{tokens.stem}.used.json")


def _check(tokens: Iterable[Token]) -> None:
    for token in tokens:
        if len(bytes.fromhex(token.hash)) != 32:
            raise ValueError(f"the hash of {token.id} is none")
        for at in (token.created_at, token.expires_at):
            if at is not None and at.tzinfo is None:
                raise ValueError(f"a time of {token.id} has no zone")


def _read_used(path: Path) -> dict[str, dt.datetime]:
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {name: at for name, at in _decode_used(path.read_bytes()).items() if at.tzinfo}
    return {}


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


_decode = msgspec.json.Decoder(_Kept).decode
_decode_used = msgspec.json.Decoder(dict[str, dt.datetime]).decode
_encode = msgspec.json.Encoder().encode
