"""TLS of the hub itself: a certificate and its key, checked before they are used, renewed while it runs.

A certificate is checked by a handshake with itself, in memory: so whatever would keep a client from getting
through is found before one comes, with the words of the library that will speak TLS. Renewed files are seen
within seconds; new connections then get the new certificate. Files that do not hold are told, and what was
good until then stays in use.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec

from openusage.errors import ListenError
from openusage.net import reason

HANDSHAKE_S = 5.0
"""So long a client may take to begin to speak TLS."""
_NO_CHECK_TIME = 0x20_0000
"""`X509_V_FLAG_NO_CHECK_TIME` of OpenSSL: times are looked at here, with our clock."""
_HINT = "Give the whole chain in --tls-cert and its private key in --tls-key, both as PEM."
_log = logging.getLogger("openusage.hub")


class Certificate(msgspec.Struct, frozen=True):
    """What is told of it."""

    begins_at: dt.datetime
    ends_at: dt.datetime


class Tls:
    """A server's context that follows its files. `follow` is one thread's at a time."""

    def __init__(
        self, cert: Path, key: Path | None = None, *, now: Callable[[], dt.datetime] | None = None
    ) -> None:
        """Without `key` it is in the file of the certificate.

        Raises:
            ListenError: the files cannot be used, and why.
        """
        self._cert = cert
        self._key = key or cert
        self._now = now or (lambda: dt.datetime.now(dt.UTC))
        self._seen = self._look()
        self.certificate = check(self._cert, self._key, self._now())
        self._newest = _context(self._cert, self._key)
        self.context = _context(self._cert, self._key)
        """The server's. Each new connection gets the newest certificate: loaded into this one, it would stand
        beside an old one of another kind of key, and both would be offered."""
        self.context.sni_callback = self._turn

    def follow(self) -> None:
        """Takes the files up when they changed. Two `stat`s when they did not."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            certificate = check(self._cert, self._key, self._now())
            self._newest = _context(self._cert, self._key)
        except (ListenError, OSError) as e:
            why = e.message if isinstance(e, ListenError) else str(e)
            _log.error("tls: the new certificate is not used: %s", why)
            return
        self.certificate = certificate
        _log.info("tls: a new certificate is used, valid until %s", f"{certificate.ends_at:%Y-%m-%d}")

    def _turn(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called with each hello, also of a client that names no host."""
        connection.context = self._newest

    def _look(self) -> list[tuple[int, int, int] | None]:
        found: list[tuple[int, int, int] | None] = []
        for path in (self._cert, self._key):
            try:
                state = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((state.st_ino, state.st_mtime_ns, state.st_size))
        return found


def check(cert: Path, key: Path, now: dt.datetime) -> Certificate:
    """The certificate, which holds now and whose key is `key`. Raises `ListenError` with what is wrong."""
    for path, what in ((cert, "certificate"), (key, "private key")):
        _check_readable(path, what)
    found = _handshake(_context(cert, key), cert)
    if now >= found.ends_at:
        raise ListenError(
            f"hub: the certificate in {cert} expired on {found.ends_at:%Y-%m-%d}.",
            "Renew it; a hub that runs takes up the new file by itself.",
        )
    if now < found.begins_at:
        raise ListenError(
            f"hub: the certificate in {cert} is not valid before {found.begins_at:%Y-%m-%d %H:%M} UTC.",
            "Look at this machine's clock.",
        )
    return found


def _check_readable(path: Path, what: str) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise ListenError(f"hub: the {what} {path} does not exist.", _HINT) from None
    except OSError as e:
        raise ListenError(
            f"hub: the {what} {path} cannot be read: {e.strerror or e}.",
            f"The hub runs as user {os.geteuid()}: let that user read it.",
        ) from None


def _context(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_ask_nobody)
    except _Encrypted:
        raise ListenError(
            f"hub: the private key {key} is protected by a passphrase.",
            "Nobody is there to type it: give a key without one, in a file that only the hub can read.",
        ) from None
    except ssl.SSLError as e:
        if e.reason == "KEY_VALUES_MISMATCH":
            raise ListenError(f"hub: {key} is not the key of the certificate in {cert}.", _HINT) from None
        raise ListenError(f"hub: {cert} and {key} are not a certificate and its key as PEM.", _HINT) from None
    return context


class _Encrypted(Exception):
    """The key asks for a passphrase."""


def _ask_nobody() -> str:
    """OpenSSL would ask on the terminal otherwise."""
    raise _Encrypted


def _handshake(server: ssl.SSLContext, cert: Path) -> Certificate:
    """Both ends of a connection in memory; the client trusts that very certificate, whoever signed it."""
    client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    client.check_hostname = False
    client.verify_flags = ssl.VerifyFlags(
        ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
    )
    try:
        client.load_verify_locations(cert)
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (
            server.wrap_bio(to_server, to_client, server_side=True),
            client.wrap_bio(to_client, to_server, server_hostname="hub.invalid"),
        )
        _shake(*ends)
    except ssl.SSLError as e:
        why = e.verify_message if isinstance(e, ssl.SSLCertVerificationError) else e.reason or reason(e)
        raise ListenError(f"hub: the certificate in {cert} cannot be used: {why}.", _HINT) from None
    told = ends[1].getpeercert() or {}
    return Certificate(_time(told["notBefore"]), _time(told["notAfter"]))


def _shake(server: ssl.SSLObject, client: ssl.SSLObject) -> None:
    """Each end in turn until both are through."""
    for _ in range(20):
        waits = 0
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waits += 1
        if not waits:
            return


def _time(text: object) -> dt.datetime:
    """`Nov 22 12:00:00 2026 GMT`, as certificates have their times."""
    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(text)), dt.UTC)
