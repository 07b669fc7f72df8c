"""The connections to vendors' APIs, opened when the first is asked.

Many machines have no login that a vendor could be asked with, and an HTTP client with all it imports takes
9 MB.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 8.0


class Vendors:
    """What providers ask with (`Http`). Used by one thread at a time; closed when no other uses it."""

    def __init__(self) -> None:
        self._client: httpx.Client | None = None

    def stream(self, method: str, url: str, **request: Any) -> AbstractContextManager[httpx.Response]:
        """Like `httpx.Client.stream`."""
        if self._client is None:
            import httpx  # only here: a daemon without logins never comes by

            from openusage.net import trusted_anyway

            self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, verify=trusted_anyway())
        return self._client.stream(method, url, **request)

    def close(self) -> None:
        """End the connections, if there are any."""
        if self._client is not None:
            self._client.close()
