"""A morning in a real terminal: every key of every help page, sizes, peers that come and go, a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.processes import Process, until
from tools.ports import free_port

from .test_screens import alive, captured_push, daemon_of, headless_hub, just_now, push
from .tmux import Tmux, listed_keys

pytestmark = pytest.mark.slow


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes so within two seconds; if not, a key is pressed again."""
    with contextlib.suppress(AssertionError):
        until(true, "", timeout_s=2.0)
    return true()


def is_below(text: str) -> bool:
    """Whether the screen is below the settings, the command palette or a line that somebody types into."""
    return any(sign in text for sign in ("Esc close", "⏎ keep", "🔎"))


def opens_help(tmux: Tmux) -> str:
    """The help page. All keys before it have been seen then; one that comes within a tenth of a second after
    Escape is taken for a combination of both, so it is pressed until it is heard."""

    def is_open() -> bool:
        if is_below(tmux.text):
            tmux.press("Escape")
            soon(lambda: not is_below(tmux.text))
        elif "EVERYWHERE" not in tmux.text:
            tmux.press("?")
            soon(lambda: "EVERYWHERE" in tmux.text or is_below(tmux.text))
        return "EVERYWHERE" in tmux.text

    until(is_open, "the help page")
    return tmux.text


def closes_help(tmux: Tmux) -> None:
    """With a key that does nothing else. One that comes before the page listens goes to the screen below it:
    pressed until it is heard."""

    def is_closed() -> bool:
        tmux.press("F5")
        return soon(lambda: "EVERYWHERE" not in tmux.text)

    until(is_closed, "no help page")


def goes_home(tmux: Tmux, sign: str) -> None:
    """To the first screen, from wherever a key led."""

    def is_seen() -> bool:
        return sign in tmux.text and not is_below(tmux.text)

    def is_there() -> bool:
        tmux.press("Escape")
        if not soon(is_seen):
            return False
        opens_help(tmux)
        closes_help(tmux)
        return soon(is_seen)

    until(is_there, "the first screen")


def presses_every_key(tmux: Tmux, home_sign: str, *way: str, sign: str) -> list[str]:
    """On the screen that the keys `way` lead to and that has `sign`; after each key from the start again."""
    tmux.press(*way)
    tmux.shows(sign)
    keys = listed_keys(opens_help(tmux))
    closes_help(tmux)
    for key in keys:
        tmux.press(key)
        goes_home(tmux, home_sign)
        tmux.press(*way)
        tmux.shows(sign)
    goes_home(tmux, home_sign)
    return keys


def leaves_clean(tmux: Tmux, home: Path) -> None:
    assert tmux.modes == "1 0 1 0"
    tmux.press("q")
    tmux.shows("ended with 0")
    until(lambda: (home / "after").is_file() and (home / "after").read_text(), "the shell goes on")
    assert tmux.modes == "0 1 0 0"
    assert (home / "after").read_text() == (home / "before").read_text()
    assert "Traceback" not in tmux.text


def test_a_morning_with_this_machine(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("1", at=just_now(minutes=5)))
    write_codex(tmp_path, at=just_now(hours=1))
    with daemon_of(tmp_path) as pid, Tmux(tmp_path, COLORTERM="truecolor") as tmux:
        tmux.run()
        tmux.shows("Claude Code", "Codex", "claude-sonnet-4-5")
        keys = presses_every_key(tmux, "BURN NOW", sign="BURN NOW")
        assert {"Up", "h", "Home", "C-d", "C-o", "Enter", "/", "v", "A", "w", "c", ",", "?"} <= {*keys}
        keys = presses_every_key(tmux, "BURN NOW", "Enter", sign="[1 Overview]")
        assert {"Enter", "BTab", "m", "u", "d", "w", "Escape"} <= {*keys}
        keys = presses_every_key(tmux, "BURN NOW", "A", sign="CACHE HIT")
        assert {"g", "m", "u", "d", "/"} <= {*keys}
        tmux.resize(40, 10)
        tmux.shows("? help")
        tmux.resize(120, 56)
        tmux.shows("BURN NOW", "claude-sonnet-4-5", "q quit")
        first = pid()
        os.kill(first, signal.SIGKILL)
        tmux.shows("No daemon answers", "claude-sonnet-4-5")
        with Process(tmp_path, "telemetry", "daemon"):
            tmux.shows_no("No daemon answers")
            leaves_clean(tmux, tmp_path)
        until(lambda: not alive(first), "the killed daemon is gone")


def test_a_morning_with_a_fleet(tmp_path: Path) -> None:
    port = free_port()
    write_settings(tmp_path, ui={"refresh_interval_seconds": 1})
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(headless_hub(tmp_path, port))
        push(port, captured_push())
        tmux = stack.enter_context(Tmux(tmp_path, COLORTERM="truecolor"))
        tmux.run("hub-view", f"127.0.0.1:{port}", "--interval", "1s")
        tmux.shows("peer-box", "NEAREST LIMIT")
        keys = presses_every_key(tmux, "g group:", sign="NEAREST LIMIT")
        assert {"g", "s", "S", "a", "v", "m", "A", "/", "Enter"} <= {*keys}
        tmux.resize(40, 10)
        tmux.shows("? help")
        tmux.resize(120, 56)
        hub.kill()
        tmux.shows("does not answer", "peer-box")
        stack.enter_context(headless_hub(tmp_path, port))
        push(port, captured_push())
        tmux.shows_no("does not answer")
        tmux.shows("peer-box")
        leaves_clean(tmux, tmp_path)
