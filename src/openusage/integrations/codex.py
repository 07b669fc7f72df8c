"""Codex: `notify` of config.toml, which names one program. The user's own is kept, behind our script. Pure.

Codex appends the payload to the words of `notify`. So `["ours", "theirs", "--flag"]` gives our script the
whole command line of theirs, which it runs; taking our word out again gives back what was there.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from openusage.integrations._files import script
from openusage.integrations._recipe import Entry

NAME = "codex-notify.sh"
OURS = f"/openusage/hooks/{NAME}"

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_OPENING = re.compile(r"""(?:notify|"notify"|'notify')[ \t]*=[ \t]*\[""")
_COMMA = re.compile(r"\s*, ?")
_WORD = re.compile(r""""(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'""")


class Codex(msgspec.Struct, frozen=True, kw_only=True):
    """Codex of one person."""

    artifact: Path
    config: Path
    home: Path
    spool: Path
    id: str = "codex"
    name: str = "Codex notify"
    artifact_mode: int = 0o755

    @property
    def content(self) -> bytes:
        return script(NAME, self.spool)

    def entry(self, text: str) -> Entry:
        words = _words(text)
        if not any(self._is_ours(word) for word in words or ()):
            return Entry.NONE
        # A program that came after us may have put itself before us, and calls us.
        return Entry.OLD if self._is_ours(words[0]) and words[0] != str(self.artifact) else Entry.ALL

    def added(self, text: str) -> str:
        if self.entry(text) is Entry.ALL:
            return text
        text = self.removed(text, text)
        word = json.dumps(str(self.artifact), ensure_ascii=False)
        words = _words(text)
        newline = "\r\n" if "\r\n" in text else "\n"
        if words is None:
            # Before everything: behind a table's header it would be that table's.
            return f"notify = [{word}]{newline}{text}"
        at = _opening(text)
        if not words:
            return text[:at] + word + text[at:]
        space = "" if text[at : at + 1] in "\r\n" else " "
        return f"{text[:at]}{word},{space}{text[at:]}"

    def removed(self, text: str, before: str) -> str:
        words = _words(text)
        if not any(self._is_ours(word) for word in words or ()):
            return text
        if not self._is_ours(words[0]):
            raise ValueError(f"another program stands before {NAME} in `notify`; take it out there")
        if len(words) == 1 and _words(before) != []:
            start, end = _statement(text)
            return text[:start] + text[end:]
        at = _opening(text)
        found = _WORD.search(text, at)
        assert found is not None
        comma = _COMMA.match(text, found.end())
        without = text[: found.start()] + text[comma.end() if comma is not None else found.end() :]
        if _words(without) != words[1:]:
            raise ValueError("`notify` is written in a way that cannot be changed")
        return without

    def _is_ours(self, word: object) -> bool:
        return isinstance(word, str) and (OURS in word or str(self.artifact) in word)


def _words(text: str) -> Any:
    """The value of `notify`; `None`: there is none. Raises `ValueError`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ValueError(str(e)) from None
    words = found.get("notify")
    if words is not None and not (isinstance(words, list) and all(isinstance(w, str) for w in words)):
        raise ValueError("`notify` must be a list of words")
    return words


def _statement(text: str) -> tuple[int, int]:
    """Where `notify = […]` begins and ends, with the end of its last line.

    A piece of the text that begins with a statement is TOML by itself just when the statement is whole.
    """
    start = at = 0
    for line in _LINE.findall(text):
        at += len(line)
        try:
            found = tomllib.loads(text[start:at])
        except tomllib.TOMLDecodeError:
            continue
        if "notify" in found:
            return start, at
        start = at
    raise ValueError("`notify` is not where it can be changed")


def _opening(text: str) -> int:
    """Behind the bracket of `notify = [`. Raises `ValueError`."""
    found = _OPENING.search(text, _statement(text)[0])
    if found is None:
        raise ValueError("`notify` is written in a way that cannot be changed")
    return found.end()
