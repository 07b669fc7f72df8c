"""How long a tool waits for its hook, beside an empty process: a daemon answers, none runs, one hangs."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.daemons import real_daemon
from bench.table import Row, render
from openusage.cli.hook import TIMEOUT_S
from openusage.integrations import integrations
from openusage.paths import Paths

RUNS = 40
PAYLOAD = (
    b'{"session_id":"s","cwd":"/home/ann/shop","hook_event_name":"PostToolUse","tool_name":"Edit",'
    b'"tool_input":{"file_path":"a.py"},"tool_response":{"content":"'
    + b"x" * 5000
    + b'"},"tool_use_id":"toolu_%04d"}'
)
SHELL, PYTHON = ("/bin/sh", "-c", ":"), (sys.executable, "-c", "pass")
PROGRAM = "from openusage.cli.__main__ import main; main(['telemetry', 'hook', 'claude_code'])"


def run() -> list[Row]:
    """Medians over `RUNS`, floors and hooks taken in turns."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        homes = {state: Path(folder) / state for state in ("up", "none", "hangs")}
        scripts = {state: _installed(home) for state, home in homes.items()}
        stack.enter_context(real_daemon(_environ(homes["up"])))
        stack.enter_context(_hanging(homes["hangs"]))
        commands: dict[str, tuple[tuple[str, ...], Path]] = {
            "sh": (SHELL, homes["none"]),
            "python": (PYTHON, homes["none"]),
        }
        for state, home in homes.items():
            commands[f"script, {state}"] = ((str(scripts[state]),), home)
            commands[f"program, {state}"] = ((sys.executable, "-c", PROGRAM), home)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(RUNS):
            for name, (command, home) in commands.items():
                taken[name].append(_ms(command, _environ(home), PAYLOAD % number))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return [_row(kind, state, medians) for kind in ("script", "program") for state in homes]


def _row(kind: str, state: str, medians: Mapping[str, float]) -> Row:
    value = medians[f"{kind}, {state}"]
    floor = medians["sh" if kind == "script" else "python"]
    above = 10.0 if kind == "script" else 35.0
    above += 1000 * TIMEOUT_S if (kind, state) == ("program", "hangs") else 0.0
    who = "installed hook" if kind == "script" else "openusage telemetry hook"
    daemon = {"up": "daemon answers", "none": "no daemon", "hangs": "daemon hangs"}[state]
    return Row(
        name=f"{who}, {daemon}",
        value=value,
        unit="ms",
        floor=floor,
        target=f"<= {above:.0f} ms above {'sh' if kind == 'script' else 'python'}",
        met=value - floor <= above,
    )


def _installed(home: Path) -> Path:
    home.mkdir()
    claude = integrations(Paths.from_env(_environ(home), home), {})[0]
    claude.install()
    return claude.status().artifact


def _environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


@contextmanager
def _hanging(home: Path) -> Iterator[None]:
    """Somebody listens and never says anything."""
    path = Paths.from_env(_environ(home), home).socket
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(RUNS)
        yield


def _ms(command: tuple[str, ...], environ: Mapping[str, str], payload: bytes) -> float:
    started = time.perf_counter()
    subprocess.run(command, input=payload, env=environ, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    print(render(run()))
