"""The files that a tool runs: scripts and a plugin, which leave payloads in the hook spool. Pure."""

from __future__ import annotations

import json
import re
import shlex
from importlib import resources
from pathlib import Path

VERSION = "py-1"
"""Of all files here together: raised when one of them changes. Not the program's, so that a new program does
not make every hook outdated."""

MOST_FILES = 2000
"""A hook leaves nothing more while so many wait: no daemon runs, and the tool's logs have it all."""
MOST_BYTES = 1 << 16
"""Of a payload. A larger one is cut: it wakes the daemon, which reads the tool's log."""

_STAMP = re.compile(rb"openusage-integration-version:\s*(\S+)")


def script(name: str, spool: Path) -> bytes:
    """A file of this room as it is installed: it knows where the daemon looks."""
    text = _read(name).replace("@COMMON@\n", _read("spool.sh"))
    quoted = json.dumps(str(spool)) if name.endswith(".ts") else shlex.quote(str(spool))
    known = {
        "VERSION": VERSION,
        "SPOOL": quoted,
        "MOST_FILES": str(MOST_FILES),
        "MOST_BYTES": str(MOST_BYTES),
    }
    return re.sub(r"@([A-Z_]+)@", lambda m: known[m.group(1)], text).encode()


def version_of(content: bytes) -> str:
    """What a file's stamp says, ours or the Go program's; empty: there is none."""
    found = _STAMP.search(content)
    return found.group(1).decode("ascii", "replace") if found else ""


def _read(name: str) -> str:
    return (resources.files(__package__ or "") / "files" / name).read_text("utf-8")
