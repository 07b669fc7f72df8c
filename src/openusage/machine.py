"""Which machine this is: a stable random id, and a name for people."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import msgspec

from openusage.errors import StoreError
from openusage.paths import ensure_private_dir


class Machine(msgspec.Struct, frozen=True):
    """A machine as fleets know it."""

    id: str
    """32 hex digits, made once; survives renaming, not shared by two machines of one name."""
    name: str
    """`export.machine_name`, else the host name."""


def identify(id_file: Path, name: str = "") -> Machine:
    """This machine. Writes `id_file` (0600) when it is not there yet.

    Raises:
        StoreError: the file can neither be read nor made.
    """
    return Machine(_id(id_file), name.strip() or host_name())


def host_name() -> str:
    """The host's own name; `unknown` where there is none."""
    return socket.gethostname().removesuffix(".local") or "unknown"


def _id(path: Path) -> str:
    try:
        text = path.read_text().strip() if path.exists() else ""
        if len(text) == 32 and all(c in "0123456789abcdef" for c in text):
            return text
        ensure_private_dir(path.parent)
        made = uuid.uuid4().hex
        # Of two that start at once, processes or threads, one makes the file, the other reads what it made.
        fresh = path.with_name(f"{path.name}.{made}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            f.write(made + "\n")
        if text:
            fresh.replace(path)
            return made
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return path.read_text().strip()
        finally:
            fresh.unlink()
        return made
    except OSError as e:
        raise StoreError(f"Cannot keep this machine's id in {path}: {e.strerror or e}.") from e
