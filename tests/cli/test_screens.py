"""The screens in a real terminal: real processes on a pty, with keys, signals and resizes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage.providers import names
from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.processes import PATIENCE_S, WATCHED_S, Process, run, until
from tools.ports import free_port

from .terminal import MODES, Terminal

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent.parent / "fixtures" / "hub"


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
    """No daemon: one is started; a new turn is on the screen long before the next sweep; the next dashboard
    uses the same daemon; what `q` leaves behind is a usable terminal and a running daemon."""
    write_claude(tmp_path, claude_line("1", at=just_now(minutes=5)))
    write_codex(tmp_path, at=just_now(hours=1))
    with daemon_of(tmp_path) as pid:
        with Terminal(tmp_path) as terminal:
            terminal.shows("Claude Code", "Codex", "this machine", "claude-sonnet-4-5", "2.3k tokens")
            first = pid()
            assert first > 0
            for turn, tokens in ((2, "3.4k tokens"), (3, "4.4k tokens")):
                write_claude(tmp_path, claude_line(str(turn), at=just_now(), output=50))
                terminal.shows(tokens, timeout_s=WATCHED_S)
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


def test_dashboards_that_start_at_once_share_one_daemon(tmp_path: Path) -> None:
    """Each starts one, the first stays; when it dies, the screens say so and find the next one."""
    write_claude(tmp_path, claude_line("1", at=just_now()))
    with daemon_of(tmp_path) as pid, Terminal(tmp_path) as one, Terminal(tmp_path) as two:
        one.shows("claude-sonnet-4-5")
        two.shows("claude-sonnet-4-5")
        first = pid()
        os.kill(first, signal.SIGKILL)
        one.shows("No daemon answers at", "claude-sonnet-4-5")
        with Process(tmp_path, "telemetry", "daemon"):
            one.shows_no("No daemon answers")
            two.shows_no("No daemon answers")
            assert pid() != first


def test_a_machine_without_tools_is_told_what_was_looked_for(tmp_path: Path) -> None:
    write_settings(tmp_path, ui={"refresh_interval_seconds": 1})
    with daemon_of(tmp_path), Terminal(tmp_path, size=(80, 24)) as terminal:
        terminal.shows(
            "No coding tool found", f"Looked for {len(names())} tools", "detect`", "openusage demo"
        )
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
        terminal.process.wait(PATIENCE_S)


# -- hub and hub-view ---------------------------------------------------------------------------------------


def push(port: int, body: bytes, token: str = "") -> int:
    """As a daemon does."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/push", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        status: int = answer.status
        return status


def captured_push(**changes: Any) -> bytes:
    """A push of a Go program, as it came over the wire, but as if it had been sent just now."""
    sent = json.loads((FIXTURES / "push-latest.body.json").read_text())
    passed = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(sent["sent_at"])
    for snapshot in sent["snapshots"]:
        resets = snapshot.get("resets", {})
        for key, at in resets.items():
            resets[key] = (dt.datetime.fromisoformat(at) + passed).isoformat()
    return json.dumps(sent | changes).encode()


def answering(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S):
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
        view.shows("0 machine snapshots")
        push(port, captured_push())
        view.shows(f"hub {url} · 2 machine snapshots", "peer-box")
        view.shows_no("does not answer")
        assert view.left_on()
        view.press("q")
        assert view.ends() == 0


def test_a_change_is_seen_at_once_however_long_the_interval(tmp_path: Path) -> None:
    """The hub says that something has changed; nobody waits for the next poll."""
    port = free_port()
    with (
        headless_hub(tmp_path, port),
        Terminal(tmp_path, "hub-view", f"127.0.0.1:{port}", "--interval", "1h") as view,
    ):
        view.shows("No machine has pushed yet.")
        push(port, captured_push())
        view.shows("2 machine snapshots", "● peer-box")


def test_a_hub_view_says_what_is_wrong_with_its_token(tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    with headless_hub(tmp_path, port, OPENUSAGE_HUB_TOKEN="s3cret"):
        push(port, captured_push(), "s3cret")
        with Terminal(tmp_path, "hub-view", address) as view:
            view.shows(f"{address} wants a token. Set OPENUSAGE_HUB_TOKEN.")
        with Terminal(tmp_path, "hub-view", address, "--token", "wrong") as view:
            view.shows(f"{address} does not accept this token. Set OPENUSAGE_HUB_TOKEN.")
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
        hub.shows(f"hub http://127.0.0.1:{port} · 2 machine snapshots", "● peer-box", "Codex 7 d  31 %")
        hub.press("\r")
        found = hub.shows("Claude Code", "claude-opus-4-6", "7.7M", "gpt-5.1-codex", "31 %", "github 17")
        assert found.count("─ peer-box ─") + found.count("━ peer-box ━") == 2
        hub.press("\x1b[C\r")
        hub.shows("Limits", "Tokens by day", "api_server", "182,230 tokens of 272,000")
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
        view.shows("2 machine snapshots", "peer-box", "NEAREST LIMIT", "q quit")
        view.press("v")
        view.shows("2 machine snapshots", "CACHE R", "q quit")
        view.resize(30, 8)
        view.shows("Claude Code", "⏎ open")
        view.shows_no("CACHE R")
        view.resize(24, 6)
        view.shows("24×6 is too small.", "It needs 30×8.")
        view.resize(200, 60)
        view.shows("2 machine snapshots", "CACHE R", "q quit")
        # NO_COLOR: nothing but shades of grey. The last number that has come may be half of one.
        shades = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)[;m]", view.raw)
        assert shades
        assert all(max(map(int, shade)) - min(map(int, shade)) <= 1 for shade in shades)


def test_a_terminal_that_cannot_place_text_is_told(tmp_path: Path) -> None:
    """`TERM=dumb`, an editor's shell window: a sentence and exit code 2; a hub serves without a screen."""
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
