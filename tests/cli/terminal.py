"""A terminal with a program in it, and what is on its screen: just enough of an emulator for our screens."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Self

from rich.cells import cell_len

from tests.support.processes import PATIENCE_S, environment, until

CONTROLLED = (
    "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes the pty the session's controlling terminal: its size changes and its end become signals."""

MODES = {
    "\x1b[?1049h": "alternate screen",
    "\x1b[?25l": "hidden cursor",
    "\x1b[?1000h": "mouse",
    "\x1b[?1003h": "mouse moves",
    "\x1b[?1006h": "mouse coordinates",
    "\x1b[?2004h": "bracketed paste",
}


class Terminal:
    """`openusage …` on a terminal of its own, and what is on its screen: just enough of an emulator."""

    def __init__(self, home: Path, *args: str, size: tuple[int, int] = (120, 40), **extra: str) -> None:
        self._width, self._height = size
        self._master, slave = pty.openpty()
        self._set_size(size)
        given = {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | extra
        command = [sys.executable, "-m", "openusage.cli", *args]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTROLLED, *command],
            env=environment(home, **given),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            start_new_session=True,
        )
        os.close(slave)
        self.raw = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._rows: dict[int, dict[int, str]] = {}
        self._at = (0, 0)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        with contextlib.suppress(OSError):
            os.close(self._master)

    # -- what a person does

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        with self._lock:
            self._width, self._height = width, height
            self._rows.clear()
        self._set_size((width, height))

    def hang_up(self) -> None:
        """The window is closed."""
        with self._lock:
            master, self._master = self._master, os.open(os.devnull, os.O_RDWR)
            os.close(master)

    def _set_size(self, size: tuple[int, int]) -> None:
        width, height = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    # -- what a person sees

    @property
    def text(self) -> str:
        """The screen as lines."""
        with self._lock:
            lines = []
            for y in range(self._height):
                row = self._rows.get(y, {})
                lines.append("".join(row.get(x, " ") for x in range(self._width)).rstrip())
            return "\n".join(lines)

    def shows(self, *texts: str, timeout_s: float = PATIENCE_S) -> str:
        """Waits until all texts are on the screen."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = self.text
            if all(text in found for text in texts):
                return found
            if self.process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        missing = [text for text in texts if text not in self.text]
        raise AssertionError(f"not on the screen within {timeout_s:g} s: {missing}\n{self.text}")

    def shows_no(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        until(lambda: text not in self.text, f"{text!r} leaves the screen", timeout_s)

    def ends(self, timeout_s: float = PATIENCE_S) -> int:
        """Waits for the process; its exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(PATIENCE_S)
        return code

    def left_on(self) -> list[str]:
        """Terminal modes that were switched on and not off again."""
        last = self.raw.rfind
        found = [name for on, name in MODES.items() if last(on) > last(on[:-1] + _other(on[-1]))]
        silent = not termios.tcgetattr(self._master)[3] & termios.ECHO
        return [*found, "no echo"] if silent else found

    # -- the emulator

    def _read(self) -> None:
        while True:
            master = self._master
            try:
                ready, _, _ = select.select([master], [], [], 0.1)
                data = os.read(master, 65536) if ready else b""
            except OSError:
                return
            if ready and not data:
                return
            with self._lock:
                self._feed(self._decoder.decode(data))

    def _feed(self, text: str) -> None:
        self.raw += text
        text = self._rest + text
        end = 0
        while match := _PIECE.match(text, end):
            end = match.end()
            self._piece(match)
        self._rest = text[end:]  # the begin of a sequence that goes on with the next read

    def _piece(self, match: re.Match[str]) -> None:
        y, x = self._at
        if match["text"]:
            for char in match["text"]:
                self._rows.setdefault(y, {})[x] = char
                for covered in range(1, cell_len(char)):
                    self._rows[y][x + covered] = ""
                x += cell_len(char)
        elif match["end"] == "H":
            numbers = [int(n or 1) for n in match["args"].split(";")] + [1]
            y, x = numbers[0] - 1, numbers[1] - 1
        elif match["end"] == "J":
            self._rows.clear()
        elif match["end"] == "K":
            self._rows[y] = {at: c for at, c in self._rows.get(y, {}).items() if at < x}
        elif match["other"] == "\r":
            x = 0
        elif match["other"] == "\n":
            y += 1
        self._at = (y, x)


_PIECE = re.compile(
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<end>[@-~])"
    r"|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z`-~=>]"
    r"|(?P<other>[\x00-\x1a\x1c-\x1f\x7f])|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)


def _other(letter: str) -> str:
    return "l" if letter == "h" else "h"
