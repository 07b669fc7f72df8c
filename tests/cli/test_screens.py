"""The screens in a real terminal: real processes on a pty, with keys, signals and resizes."""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from rich.cells import cell_len

from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.processes import Process, environment, free_port, run, until

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent.parent / "fixtures" / "hub"
CONTROLLED = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
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
        self.process.wait(10)
        self._reader.join(5)
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

    def shows(self, *texts: str, timeout_s: float = 20.0) -> str:
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

    def shows_no(self, text: str, timeout_s: float = 20.0) -> None:
        until(lambda: text not in self.text, f"{text!r} leaves the screen", timeout_s)

    def ends(self, timeout_s: float = 10.0) -> int:
        """Waits for the process; its exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(5)
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


def just_now(**back: float) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(**back)).isoformat()


# -- openusage ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def daemon_of(home: Path) -> Iterator[Callable[[], int]]:
    """The process id of the daemon that runs for a home, 0 for none; it is ended with the block."""

    def pid() -> int:
        answer = run(home, "telemetry", "daemon", "status", "--json")
        return int(json.loads(answer.stdout)["pid"]) if answer.returncode == 0 else 0

    try:
        yield pid
    finally:
        if running := pid():
            os.kill(running, signal.SIGTERM)
            until(lambda: not alive(running), "the daemon ends")


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not done.stdout.strip().startswith("Z")


def test_the_dashboard_starts_a_daemon_that_outlives_it(tmp_path: Path) -> None:
    """No daemon: one is started; a new turn is on the screen within two seconds; the next dashboard uses
    the same daemon; what `q` leaves behind is a usable terminal and a running daemon."""
    write_claude(tmp_path, claude_line("1", at=just_now(minutes=5)))
    write_codex(tmp_path, at=just_now(hours=1))
    with daemon_of(tmp_path) as pid:
        with Terminal(tmp_path) as terminal:
            terminal.shows("Claude Code", "Codex", "this machine", "claude-sonnet-4-5", "2.3k tokens")
            first = pid()
            assert first > 0
            took = []
            for turn, tokens in ((2, "3.4k tokens"), (3, "4.4k tokens"), (4, "5.5k tokens")):
                write_claude(tmp_path, claude_line(str(turn), at=just_now(), output=50))
                written = time.monotonic()
                terminal.shows(tokens)
                took.append(time.monotonic() - written)
            assert min(took) < 2.0, took  # the best of three: other tests may keep this machine busy
            terminal.press("q")
            assert terminal.ends() == 0
            assert terminal.left_on() == []
        assert pid() == first
        with Terminal(tmp_path, "--window", "7d") as terminal:
            terminal.shows("Claude Code", "[7d]")
            terminal.press("w")
            terminal.shows("[30d]")
            assert pid() == first
        assert json.loads((tmp_path / ".config/openusage/settings.json").read_text())["data"] == {
            "time_window": "30d"
        }


def test_a_machine_without_tools_is_told_what_was_looked_for(tmp_path: Path) -> None:
    write_settings(tmp_path, ui={"refresh_interval_seconds": 1})
    with daemon_of(tmp_path), Terminal(tmp_path, size=(80, 24)) as terminal:
        terminal.shows("No coding tool found", "Claude Code: ~/.claude", "Codex: ~/.codex", "make demo")
        # The tool that is used next appears by itself.
        write_claude(tmp_path, claude_line("1", at=just_now()))
        terminal.shows("● ▎Claude Code")


# -- how it ends --------------------------------------------------------------------------------------------


def by_key(key: str) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.press(key)


def by_signal(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda terminal: terminal.process.send_signal(number)


@pytest.mark.parametrize(
    "end",
    [by_key("q"), by_key("\x03"), by_signal(signal.SIGTERM), by_signal(signal.SIGHUP)],
    ids=["q", "ctrl+c", "SIGTERM", "SIGHUP"],
)
def test_the_terminal_is_given_back(end: Callable[[Terminal], None], tmp_path: Path) -> None:
    """No mouse reports, no alternate screen, a visible cursor and echo, however the screen was left."""
    with Terminal(tmp_path, "hub-view", f"127.0.0.1:{free_port()}", size=(80, 24)) as terminal:
        terminal.shows("does not answer (connection refused)")
        assert len(terminal.left_on()) == len(MODES) + 1
        end(terminal)
        assert terminal.ends() == 0
        assert terminal.left_on() == []
        assert "Traceback" not in terminal.raw


def test_a_closed_window_ends_the_screen(tmp_path: Path) -> None:
    with Terminal(tmp_path, "hub-view", f"127.0.0.1:{free_port()}") as terminal:
        terminal.shows("does not answer")
        terminal.hang_up()
        terminal.process.wait(5)


# -- hub and hub-view ---------------------------------------------------------------------------------------


def push(port: int, body: bytes, token: str = "") -> int:
    """As a daemon does."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/push", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        status: int = answer.status
        return status


def captured_push(**changes: Any) -> bytes:
    """A push of a Go program, as it came over the wire."""
    return json.dumps(json.loads((FIXTURES / "push-latest.body.json").read_text()) | changes).encode()


def answering(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def headless_hub(home: Path, port: int, **extra: str) -> Iterator[Process]:
    with Process(home, "hub", "--headless", "--listen", f"127.0.0.1:{port}", **extra) as hub:
        until(lambda: answering(port), "the hub answers")
        yield hub


def test_a_hub_view_follows_its_hub_through_its_end_and_return(tmp_path: Path) -> None:
    """Status line as documented; a hub that is killed: why, since when, when next; back without a restart."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(headless_hub(tmp_path, port))
        assert push(port, captured_push()) == 200
        # The scheme may be left out.
        view = stack.enter_context(Terminal(tmp_path, "hub-view", f"127.0.0.1:{port}/", "--interval", "1s"))
        view.shows(f"hub {url} · 2 machine snapshots", "peer-box")
        hub.kill()
        found = view.shows(f"127.0.0.1:{port} does not answer (connection refused). Showing data from ")
        view.shows(" old. Trying again in ")
        assert f"hub {url} · 2 machine snapshots" in found
        assert "peer-box" in found
        stack.enter_context(headless_hub(tmp_path, port))
        view.shows("No machine has pushed yet.")
        push(port, captured_push())
        view.shows(f"hub {url} · 2 machine snapshots", "peer-box")
        assert "does not answer" not in view.text
        assert view.left_on()
        view.press("q")
        assert view.ends() == 0


def test_a_hub_view_says_what_is_wrong_with_its_token(tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    with headless_hub(tmp_path, port, OPENUSAGE_HUB_TOKEN="s3cret"):
        push(port, captured_push(), "s3cret")
        with Terminal(tmp_path, "hub-view", address) as view:
            view.shows(f"{address} wants a token. Set OPENUSAGE_HUB_TOKEN or pass --token.")
        with Terminal(tmp_path, "hub-view", address, "--token", "wrong") as view:
            view.shows(f"{address} does not accept this token. Set OPENUSAGE_HUB_TOKEN or pass --token.")
            assert "peer-box" not in view.text
        with Terminal(tmp_path, "hub-view", address, OPENUSAGE_HUB_TOKEN="s3cret\n") as view:
            view.shows("2 machine snapshots", "peer-box")
            assert "s3cret" not in view.raw


def test_a_captured_push_of_a_go_program_is_shown(tmp_path: Path) -> None:
    """Its figures, in the hub's own screen: money, models, limits, tools, projects."""
    port = free_port()
    with Terminal(tmp_path, "hub", "--listen", f"127.0.0.1:{port}", size=(130, 50)) as hub:
        hub.shows("No machine has pushed yet.")
        push(port, captured_push())
        found = hub.shows(f"hub http://127.0.0.1:{port} · 2 machine snapshots")
        assert found.count("─ peer-box ─") + found.count("━ peer-box ━") == 2
        for text in ("Claude Code", "claude-opus-4-6", "7.7M", "Codex", "gpt-5.1-codex", "31 %", "github 17"):
            assert text in found
        hub.press("\x1b[C\r")
        hub.shows("Limits", "Tokens by day", "api_server", "182,230 tokens of 272,000", "0.98.0")
        hub.press("q")
        assert hub.ends() == 0
        assert hub.left_on() == []
    assert not answering(port)


def test_a_hub_that_collects_shows_its_own_machine(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("1", at=just_now()))
    write_settings(tmp_path, export={"machine_name": "me"})
    port = free_port()
    with Terminal(tmp_path, "hub", "--collect", "--listen", f"127.0.0.1:{port}") as hub:
        hub.shows("1 machine snapshot", "me", "claude-sonnet-4-5")
        hub.process.send_signal(signal.SIGTERM)
        assert hub.ends() == 0
        assert hub.left_on() == []
        assert "Traceback" not in hub.raw
    log = tmp_path / ".local/state/openusage/daemon.log"
    assert log.stat().st_mode & 0o777 == 0o600


# -- terminals ----------------------------------------------------------------------------------------------


def test_the_screen_follows_its_terminal(tmp_path: Path) -> None:
    """Resized while it runs, down to a size that is said to be too small, and back."""
    port = free_port()
    with (
        headless_hub(tmp_path, port),
        Terminal(tmp_path, "hub-view", f"127.0.0.1:{port}", NO_COLOR="1") as view,
    ):
        push(port, captured_push())
        view.press("r")
        view.shows("2 machine snapshots", "CACHE R", "q quit")
        view.resize(30, 8)
        found = view.shows("Claude Code", "⏎ open")
        assert "CACHE R" not in found
        view.resize(24, 6)
        view.shows("24×6 is too small.", "It needs 30×8.")
        view.resize(200, 60)
        view.shows("2 machine snapshots", "CACHE R", "q quit")
        # NO_COLOR: nothing but shades of grey.
        shades = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", view.raw)
        assert shades
        assert all(max(map(int, shade)) - min(map(int, shade)) <= 1 for shade in shades)


def test_a_terminal_that_cannot_place_text_is_told(tmp_path: Path) -> None:
    """`TERM=dumb`, as in an editor's shell window: a sentence and exit code 2; a hub serves without a screen."""
    with Terminal(tmp_path, "hub-view", "127.0.0.1:1", TERM="dumb") as terminal:
        assert terminal.ends() == 2
        assert "The dashboard needs a terminal" in terminal.text
        assert "\x1b" not in terminal.raw
    port = free_port()
    with Terminal(tmp_path, "hub", "--listen", f"127.0.0.1:{port}", TERM="dumb") as terminal:
        terminal.shows(f"openusage: hub listening: http://127.0.0.1:{port}")
        terminal.press("\x03")
        assert terminal.ends() == 0


@pytest.mark.parametrize("args", [[], ["hub-view", "127.0.0.1:1"]], ids=["dashboard", "hub-view"])
def test_without_a_terminal_it_says_what_to_do(args: list[str], tmp_path: Path) -> None:
    answer = run(tmp_path, *args)
    assert answer.returncode == 2
    assert "The dashboard needs a terminal." in answer.stderr
    assert "Without one: " in answer.stderr
    assert not (tmp_path / ".local/state/openusage/daemon.log").exists()
