"""A tool's own file as bytes and text: read, compared and replaced with everything about it kept."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from openusage import files
from openusage.errors import IntegrationError

BOM = b"\xef\xbb\xbf"
LARGEST_BYTES = 16 << 20
"""Of a settings file that somebody wrote."""


class ToolFile(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's file: what stands in it, and how."""

    path: Path
    """The file itself, behind all links."""
    data: bytes | None
    """None: there is none."""
    body: str
    bom: bool = False

    @classmethod
    def read(cls, path: Path) -> ToolFile:
        """Raises `IntegrationError`."""
        with explained(path, "read"):
            real = path.resolve()
            data = read(real)
        if data is None:
            return cls(path=real, data=None, body="")
        bom = data.startswith(BOM)
        try:
            return cls(path=real, data=data, body=data[len(BOM) * bom :].decode(), bom=bom)
        except UnicodeDecodeError:
            raise refused(path, "it is no UTF-8") from None

    def with_body(self, body: str) -> ToolFile:
        return msgspec.structs.replace(self, body=body)

    @property
    def encoded(self) -> bytes:
        return BOM * self.bom + self.body.encode()

    def check_writable(self) -> None:
        """A file that its owner made read-only is meant so, although it could be replaced."""
        if self.data is not None and not self.path.stat().st_mode & stat.S_IWUSR:
            raise IntegrationError(
                f"{self.path} is read-only; nothing was changed.",
                "Where another program writes it for you, add the entry there (--dry-run shows it); "
                f"else: chmod u+w {shlex.quote(str(self.path))}",
            )

    def put(self, after: bytes | None) -> None:
        """Replace the file; `None`: remove it. Raises `OSError` and `IntegrationError`."""
        self.check_writable()
        if read(self.path) != self.data:
            raise IntegrationError(f"{self.path} was changed by another program just now.", "Try again.")
        if after is None:
            self.path.unlink(missing_ok=True)
            return
        for folder in missing_dirs(self.path.parent):
            folder.mkdir(mode=0o700)
        files.replace(self.path, after, 0o600 if self.data is None else mode_of(self.path))


@contextlib.contextmanager
def explained(path: Path, doing: str = "written") -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as e:  # RuntimeError: links in a circle
        reason = (isinstance(e, OSError) and e.strerror) or str(e)
        raise IntegrationError(f"{path} cannot be {doing}: {reason}; nothing was changed.") from e


def refused(path: Path, why: str) -> IntegrationError:
    return IntegrationError(
        f"{path} is not what its tool can read: {why}.", "Nothing was changed. Mend the file and try again."
    )


def read(path: Path) -> bytes | None:
    """A file's bytes; `None`: there is none. Raises `OSError`, also for what is no file or far too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would hold us up
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise OSError(errno.EFBIG, "it is too large")
    return data


def read_if_there(path: Path) -> bytes | None:
    """One of our own files; what cannot be read is as good as not there."""
    try:
        return read(path)
    except OSError:
        return None


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def missing_dirs(folder: Path) -> list[Path]:
    """Those that would have to be made, the outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing[::-1]
