"""Certificates for tests: an authority of our own, and what it signs."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path
from typing import NamedTuple

import trustme

NAME = "hub.example.com"


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates; `context` trusts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.file))
        self._made = 0

    @property
    def context(self) -> ssl.SSLContext:
        """For a client."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        return context

    def issue(
        self,
        *names: str,
        begins_at: dt.datetime | None = None,
        ends_at: dt.datetime | None = None,
        rsa: bool = False,
    ) -> Pair:
        """A pair for these names, else for this machine and `NAME`; the chain is with the certificate."""
        self._made += 1
        leaf = self._ca.issue_cert(
            *(names or (NAME, "localhost", "127.0.0.1")),
            not_before=begins_at,
            not_after=ends_at,
            key_type=trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA,
        )
        pair = Pair(self._folder / f"{self._made}.crt", self._folder / f"{self._made}.key")
        pair.cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        pair.key.write_bytes(leaf.private_key_pem.bytes())
        return pair
