"""Files that never change under their address, which has their hash in it: scripts, styles, the icon."""

from __future__ import annotations

import gzip
import hashlib
import logging
from pathlib import Path

from openusage.hub.http import Answer, Header, Scope, asked_for, error

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}
_FOR_EVER: tuple[Header, ...] = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"vary", b"accept-encoding"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_NOT_FOUND = error(404, "not found")
_SCRIPTS = ("vendor/htmx.min.js", "vendor/uplot.min.js", "vendor/uplot.min.css")
_log = logging.getLogger("openusage.hub")


class Static:
    """All files of the folder, read once and compressed once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._addresses: dict[str, str] = {}
        self._answers: dict[str, tuple[Answer, Answer]] = {}
        """Address -> (plain, compressed)."""
        for path in sorted(p for p in folder.rglob("*") if p.suffix in _TYPES):
            name, body = path.relative_to(folder).as_posix(), path.read_bytes()
            address = f"{PREFIX}{hashlib.sha256(body).hexdigest()[:12]}/{name}"
            self._addresses[name] = address
            kind, packed = _TYPES[path.suffix], gzip.compress(body, 9, mtime=0)
            self._answers[address] = (
                _answer(body, kind),
                _answer(packed, kind, (b"content-encoding", b"gzip")),
            )
        if missing := [name for name in _SCRIPTS if name not in self._addresses]:
            _log.warning("web page: %s missing: it stands still. Run: make setup", ", ".join(missing))

    def address(self, name: str) -> str:
        """Where a file is; one that is missing is somewhere that answers 404."""
        return self._addresses.get(name, PREFIX + name)

    def respond(self, scope: Scope) -> Answer:
        """The answer to a GET or HEAD. Only what the folder had at the start is there."""
        found = self._answers.get(scope["path"])
        if found is None:
            return _NOT_FOUND
        return found[1] if asked_for(scope)[1] else found[0]


def _answer(body: bytes, kind: bytes, *more: Header) -> Answer:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        *_FOR_EVER,
        *more,
    ]
    return Answer(
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
