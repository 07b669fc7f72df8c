"""What is known of an integration without touching a file: where things go, what the tool's file must say."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Protocol


class Entry(enum.StrEnum):
    """How much of ours stands in a tool's file."""

    NONE = "none"
    SOME = "some"
    OLD = "old"
    """All of it, in another form than would be written now."""
    ALL = "all"


class Recipe(Protocol):
    """One tool. The texts have neither a byte order mark nor bytes that are no UTF-8."""

    @property
    def id(self) -> str:
        """As it travels: `claude_code`."""
        ...

    @property
    def name(self) -> str:
        """As people know it."""
        ...

    @property
    def artifact(self) -> Path:
        """The file of ours that the tool runs."""
        ...

    @property
    def content(self) -> bytes:
        """What stands in it."""
        ...

    @property
    def artifact_mode(self) -> int: ...

    @property
    def config(self) -> Path:
        """The tool's own file."""
        ...

    @property
    def home(self) -> Path:
        """The tool's folder: there when the tool is."""
        ...

    def entry(self, text: str) -> Entry:
        """Raises `ValueError` with what is wrong where the text is not what the tool can read."""
        ...

    def added(self, text: str) -> str:
        """The text with all of ours in it, once. Raises `ValueError` as above."""
        ...

    def removed(self, text: str, before: str) -> str:
        """The text with none of it; what is empty then stays where it was there `before` us.

        Raises `ValueError` as above.
        """
        ...
