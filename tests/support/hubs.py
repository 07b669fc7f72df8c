"""A real hub process, and what it answers."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.support.certificates import Authority
from tests.support.homes import write_settings
from tests.support.processes import PATIENCE_S, Process, until
from tools.ports import free_port

TOKEN = "s3cret"


class Hub:
    """`openusage hub --headless` of a home. Can be killed and started again; ends with the `with` block."""

    def __init__(self, home: Path, *args: str, token: str = TOKEN, **extra: str) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.port = free_port()
        self._args = args
        self._extra = extra | {"OPENUSAGE_HUB_TOKEN": token}
        self._token = token
        self.process = self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.process.said

    def start(self) -> Process:
        """Until it answers. On the same port as ever."""
        listen = f"127.0.0.1:{self.port}"
        self.process = Process(self.home, "hub", "--headless", "--listen", listen, *self._args, **self._extra)
        until(lambda: self.health() is not None or not self.process.running, "the hub answers")
        assert self.process.running, self.process.said
        return self.process

    def kill(self) -> None:
        self.process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.__exit__()

    def get(self, path: str) -> Any:
        with self._request("GET", path, None) as answer:
            return json.load(answer)

    def post(self, path: str, body: bytes) -> int:
        """The status."""
        try:
            with self._request("POST", path, body) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as e:
            with e:
                return e.code

    def health(self) -> Any:
        """`None` while it does not answer."""
        try:
            return self.get("/healthz")
        except OSError:
            return None

    def keys(self) -> list[str]:
        return sorted(self.get("/v1/snapshots"))

    def machines(self) -> dict[str, Any]:
        """By name."""
        return {machine["name"]: machine for machine in self.get("/v1/machines")["machines"]}

    def notes(self) -> list[str]:
        notes: list[str] = self.get("/v1/machines")["notes"]
        return notes

    def requests(self, query: str = "window=all") -> int:
        """Answers of models that it counts for all machines."""
        count: int = self.get(f"/v1/usage?{query}")["totals"]["requests"]
        return count

    def _context(self) -> ssl.SSLContext | None:
        return None

    def _request(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, data=body, method=method)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        return urllib.request.urlopen(request, timeout=PATIENCE_S, context=self._context())


class TlsHub(Hub):
    """The same, speaking HTTPS with a certificate of this authority."""

    def __init__(self, home: Path, authority: Authority, *args: str, token: str = TOKEN) -> None:
        self.authority = authority
        pair = authority.issue()
        super().__init__(home, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key), *args, token=token)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _context(self) -> ssl.SSLContext:
        return self.authority.context


def worker(folder: Path, name: str, url: str, **settings: Any) -> Path:
    """A home whose daemon sends to the hub at `url` as `name`, every second."""
    home = folder / name
    home.mkdir()
    export = {"target": url, "interval_seconds": 1, "machine_name": name} | settings.pop("export", {})
    write_settings(home, export=export, **settings)
    return home
