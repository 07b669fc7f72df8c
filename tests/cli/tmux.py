"""A real terminal: `tmux` with a shell in it, and what is on its screen."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from tests.support.processes import environment, until

NAMES = {
    "⏎": "Enter",
    "Esc": "Escape",
    "PgUp": "PPage",
    "PgDn": "NPage",
    "Shift+Tab": "BTab",
    "↑": "Up",
    "↓": "Down",
    "←": "Left",
    "→": "Right",
}
"""Keys as help pages write them -> as tmux does."""
_WORDS = ("Home", "End", "Tab", "Space")


class Tmux:
    """One window with a shell; `run` a program in it. The server ends with the block."""

    def __init__(self, home: Path, size: tuple[int, int] = (120, 56), **extra: str) -> None:
        found = shutil.which("tmux")
        if found is None:
            pytest.skip("tmux is not installed")
        self._tmux = [found, "-S", str(home / "tmux"), "-f", os.devnull]
        self._environ = environment(home, **extra)
        width, height = map(str, size)
        self._do("new-session", "-d", "-x", width, "-y", height, "-c", str(home), "env PS1='$ ' sh")
        until(lambda: "$" in self.text, "the shell is there")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            print(self.text)
        self._do("kill-server")

    def run(self, *args: str) -> None:
        """`openusage …`, then how it ended."""
        command = shlex.join([sys.executable, "-P", "-m", "openusage.cli", *args])
        self._do("send-keys", "-l", f"clear; stty -g >before; {command}; echo ended with $?; stty -g >after")
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        for key in keys:
            name = key if len(key) > 1 else f"\\{key}" if key == ";" else key
            self._do("send-keys", name)

    def resize(self, width: int, height: int) -> None:
        self._do("resize-window", "-x", str(width), "-y", str(height))

    @property
    def text(self) -> str:
        """The screen as lines."""
        return self._do("capture-pane", "-p")

    @property
    def modes(self) -> str:
        """Alternate screen, visible cursor, mouse, keypad: a shell's are `0 1 0 0`."""
        return self._do(
            "display", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_flag}"
        ).strip()

    def shows(self, *words: str) -> str:
        """Waits until all of them are on the screen."""
        until(lambda: all(word in self.text for word in words), f"{words} on the screen")
        return self.text

    def shows_no(self, words: str) -> None:
        until(lambda: words not in self.text, f"no {words!r} on the screen")

    def _do(self, *args: str) -> str:
        done = subprocess.run(
            [*self._tmux, *args], env=self._environ, capture_output=True, text=True, check=True
        )
        return done.stdout


def listed_keys(help_page: str) -> list[str]:
    """Every key of a help page by tmux's names, in the page's order, but those that leave."""
    lines = help_page.splitlines()
    column = next(line.index("EVERYWHERE") for line in lines if "EVERYWHERE" in line)
    found: list[str] = []
    for line in lines:
        match = re.match(r"(\S+(?: \S+)*) {2,}[^\s│]", line[column:])
        if line[column - 1 : column] == " " and match and "stale" not in match[1]:
            found += [key for word in match[1].split() for key in _keys(word)]
    return [key for key in dict.fromkeys(found) if key not in ("q", "C-c")]


def _keys(word: str) -> list[str]:
    """`hjkl` are four, `Ctrl+U` is one."""
    if word in NAMES or word in _WORDS:
        return [NAMES.get(word, word)]
    if word.startswith("Ctrl+"):
        return [f"C-{word[-1].lower()}"]
    return [NAMES.get(sign, sign) for sign in word]
