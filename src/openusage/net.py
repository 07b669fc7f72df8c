"""Why a connection failed, in words a person understands."""

from __future__ import annotations


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
