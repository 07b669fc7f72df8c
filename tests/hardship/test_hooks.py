"""Hooks that fire while the daemon dies: nothing is lost, nothing counted twice, nobody waits."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import apsw
import pytest

from openusage.integrations import integrations
from openusage.paths import Paths
from tests.support.daemons import DaemonProcess
from tests.support.processes import PATIENCE_S, environment, until

pytestmark = pytest.mark.slow

PROCESSES = 20
EACH = 50
KILLS = 3

_PAYLOAD = (
    '{"session_id":"s","cwd":"/home/ann/shop","hook_event_name":"PostToolUse","tool_name":"Tool%02d",'
    '"tool_input":{"command":"hunter2"},"tool_response":{"stdout":"hunter2"},"tool_use_id":"toolu_%02d_%04d"}'
)
_FIRE = """
n=0
while [ "$n" -lt "$2" ]; do
    printf '%s' "$3" | sed "s/_0000\\"}$/_$(printf %04d "$n")\\"}/" | "$1" || exit 1
    n=$((n + 1))
done
"""


def firing(home: Path, number: int, hook: str) -> subprocess.Popen[bytes]:
    """A tool that calls its hook again and again, each time for another call."""
    payload = _PAYLOAD % (number, number, 0)
    arguments = ["/bin/sh", "-c", _FIRE, "tool", hook, str(EACH), payload]
    return subprocess.Popen(
        arguments, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_thousand_hooks_of_twenty_processes_while_the_daemon_is_killed_are_stored_once(home: Path) -> None:
    paths = Paths.from_env(environment(home), home)
    claude = integrations(paths, {})[0]
    claude.install()
    program = home / "by-program"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -P -m openusage.cli telemetry hook claude_code 2>/dev/null\n'
    )
    program.chmod(0o755)
    hooks = [str(program)] + [str(paths.hooks_dir / "claude-hook.sh")] * (PROCESSES - 1)
    tools = [firing(home, number, hook) for number, hook in enumerate(hooks)]
    for kill in range(KILLS):
        with DaemonProcess(home) as daemon:
            daemon.wait_events(PROCESSES * EACH * kill // (KILLS + 1), "a part of them is stored")
            daemon.kill()
    for tool in tools:
        output, _ = tool.communicate(timeout=PATIENCE_S)
        assert (tool.returncode, output) == (0, b"")
    with DaemonProcess(home) as daemon:
        until(lambda: not list(paths.hook_spool.glob("*.json")), "the spool is empty")
        daemon.wait_events(PROCESSES * EACH, "all of them are stored")
        status = daemon.status()
    assert status.hooks is not None
    assert (status.problems, status.hooks.set_aside, status.hooks.dropped) == ([], 0, 0)
    assert stored(paths.database) == {f"Tool{n:02d}": EACH for n in range(PROCESSES)}
    assert list(paths.hook_spool.iterdir()) == []
    for file in paths.state_dir.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


def stored(database: Path) -> Counter[str]:
    """Tool -> events, as they lie in the file."""
    db = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        asked = "SELECT s.tool, count(*) FROM event e JOIN series s ON s.id = e.series_id GROUP BY 1"
        return Counter({str(tool): int(str(count)) for tool, count in db.execute(asked)})
    finally:
        db.close()
