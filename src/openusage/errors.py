"""Everything that can go wrong and that a person can do something about.

OpenUsageError            message, hint, exit code
├── UsageError            the command line or a request was wrong
├── SettingsError         settings.json cannot be used: file, field, found, allowed
├── IntegrationError      a tool's own file cannot be changed as it is
├── StoreError            the database cannot be read or written
├── AlreadyRunning        another process holds what this one needs
├── ListenError           an address cannot be listened on
├── ServiceError          a service cannot be installed, asked or removed
├── SourceError           one tool's files or API; never stops the others
│   ├── SourceUnavailable   absent, unreadable or locked: try again later
│   ├── SourceChanged       the tool changed its format: file, line, key
│   └── AuthRequired        the vendor wants a login or a key
└── PeerError             a daemon or a hub did not answer as agreed
    ├── PeerUnreachable     nothing answers there
    ├── PeerRefused         it answered: token, size, request
    └── PeerConfused        it answered something that is not the protocol

Beside it stands `Defect`: a fault of ours, which nobody else can do anything about.
"""

from __future__ import annotations

import enum

_PLACES = 4
"""Of a defect, that are told."""


class ExitCode(enum.IntEnum):
    """What a process tells its caller. A contract: scripts and service managers branch on it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class OpenUsageError(Exception):
    """Something a person can act on. `message` says what happened, `hint` what to do."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Defect(Exception):
    """A fault of ours, as it may be shown and logged: its kind and where, but not its words, which may quote
    what was being read."""

    @classmethod
    def of(cls, error: Exception) -> Defect:
        """`ValueError at providers/pi.py:40 < daemon/collect.py:180`: places of ours, the innermost first."""
        if isinstance(error, Defect):
            return error
        import traceback  # no command has need of it while all is well
        from pathlib import Path

        package = Path(__file__).parent
        places = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
        ours = [f"{p.relative_to(package)}:{n}" for p, n in places if p.is_relative_to(package)]
        return cls(f"{type(error).__name__} at {' < '.join(ours[: -_PLACES - 1 : -1])}")


class UsageError(OpenUsageError):
    """The command line or a request was wrong."""

    exit_code = ExitCode.USAGE


class SettingsError(OpenUsageError):
    """settings.json cannot be used as it is."""

    exit_code = ExitCode.USAGE


class IntegrationError(OpenUsageError):
    """A tool's own file cannot be changed as it is; nothing was."""


class StoreError(OpenUsageError):
    """The database cannot be read or written."""


class AlreadyRunning(OpenUsageError):
    """Another process holds the socket or the store that this one needs."""


class ListenError(OpenUsageError):
    """An address cannot, or must not, be listened on."""


class ServiceError(OpenUsageError):
    """A service cannot be installed, asked or removed."""


class SourceError(OpenUsageError):
    """One tool's files or API failed; the other tools go on."""


class SourceUnavailable(SourceError):
    """Absent, unreadable, locked or refusing for now. `retry_after_s`: not to be asked again before."""

    def __init__(self, message: str, hint: str = "", *, retry_after_s: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class SourceChanged(SourceError):
    """The tool's format is not the one we know: the message names file, line and key."""


class AuthRequired(SourceError):
    """The vendor wants a login or a key."""


class PeerError(OpenUsageError):
    """A daemon or a hub did not answer as agreed."""

    exit_code = ExitCode.UNREACHABLE


class PeerUnreachable(PeerError):
    """Nothing answers there."""


class PeerRefused(PeerError):
    """It answered, and refused: token, size or request. `status` is the HTTP status."""

    def __init__(
        self, message: str, hint: str = "", *, status: int = 0, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.retry_after_s = retry_after_s


class PeerConfused(PeerError):
    """It answered something that is not the protocol."""
