"""What could not be read, as it goes from a provider to those who show it."""

from __future__ import annotations

import msgspec

from openusage.errors import SourceError


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something in a source that could not be read, or a vendor that could not be asked; the rest was."""

    what: str
    """For people, without the line's own text."""
    provider: str = ""
    """The tool whose it is; whoever collects knows it."""
    path: str = ""
    """Empty: `what` names it, or it is no file."""
    offset: int = 0
    """Byte offset of the line."""
    hint: str = ""
    """What somebody has to do; empty: it needs nobody."""

    @classmethod
    def of(cls, error: SourceError, path: str = "", offset: int = 0) -> Problem:
        """An error that cost only this place."""
        return cls(what=error.message, path=path, offset=offset, hint=error.hint)

    @property
    def sentence(self) -> str:
        """With its place, unless `what` names that itself: then the whole file is meant."""
        return self.what if self.path in self.what else f"{self.path}, byte {self.offset}: {self.what}"
