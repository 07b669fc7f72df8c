"""Which authorities a TLS connection trusts, and why one failed, in words a person understands."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from openusage.errors import UsageError

if TYPE_CHECKING:
    import ssl

log = logging.getLogger("openusage.net")


def trusted() -> ssl.SSLContext:
    """Trusts who SSL_CERT_FILE or SSL_CERT_DIR name, else everybody's authorities. Raises `UsageError`."""
    import httpx

    try:
        return httpx.create_ssl_context()
    except OSError as e:
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        why = e.strerror if isinstance(e, FileNotFoundError | PermissionError) else "it holds no certificate"
        raise UsageError(
            f"{name} is {os.environ.get(name, '')}, which cannot be used: {why}.",
            "Name a file of certificates as PEM, or unset it.",
        ) from e


def trusted_anyway() -> ssl.SSLContext:
    """The same for a daemon, which goes on: where those cannot be read it trusts everybody's, and says so."""
    import httpx

    try:
        return trusted()
    except UsageError as e:
        log.warning("%s Until the next start only authorities that everybody knows are trusted.", e.message)
        return httpx.create_ssl_context(trust_env=False)


def reason(error: Exception) -> str:
    """Why a connection failed, in a few plain words."""
    text = str(error).lower()
    for sign, words in _REASONS.items():
        if sign in text:
            return words
    return str(error) or "the connection broke off"


_REASONS = {
    "refused": "connection refused",
    "name or service not known": "unknown host name",
    "nodename nor servname": "unknown host name",
    "temporary failure in name resolution": "host name cannot be looked up",
    "no address associated": "unknown host name",
    "unreachable": "network unreachable",
    "all connection attempts failed": "connection refused",
    "disconnected": "closed the connection without an answer",
    "incomplete": "broke off in the middle of its answer",
    "peer closed": "broke off in the middle of its answer",
    "reset by peer": "closed the connection without an answer",
    "illegal": "does not speak HTTP",
    "location header": "redirects to what is no address",
    "certificate": "its TLS certificate is not trusted",
    "ssl": "no TLS spoken there",
}
