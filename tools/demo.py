"""`make demo`: three invented machines on one hub, with everything a person would see on their own.

The homes are written anew each time, up to the present moment, below the temporary directory. Nothing of the
person who runs it is read or changed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tools.genlogs import write_home

ADDRESS = "127.0.0.1:9190"


class Invented(msgspec.Struct, frozen=True):
    """One machine of the demo."""

    name: str
    seed: int
    mb: float
    agents: tuple[str, ...]
    codex_account: str
    """Machines of one account share its limits."""


MACHINES = (
    Invented("work-laptop", 11, 40.0, ("claude", "codex"), "demo-person"),
    Invented("desktop", 12, 20.0, ("claude", "codex"), "demo-person"),
    Invented("build-1", 13, 8.0, ("codex",), "demo-builds"),
)


def make_home(base: Path, machine: Invented, hub: str, *, days: int = 30) -> Path:
    """A home with logs up to now, and settings that name the hub."""
    home = base / machine.name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    now = dt.datetime.now(dt.UTC)
    write_home(
        home, seed=machine.seed, days=days, mb=machine.mb, agents=machine.agents, until=now, flavour="rich"
    )
    login = {"tokens": {"account_id": machine.codex_account}}  # no token: nobody is asked with it
    (home / ".codex/auth.json").write_bytes(msgspec.json.encode(login))
    settings = home / ".config/openusage/settings.json"
    settings.parent.mkdir(parents=True)
    export = {"target": hub, "interval_seconds": 5, "machine_name": machine.name}
    tree = {"export": export, "data": {"time_window": "7d"}, "dashboard": {"hide_costs": False}}
    settings.write_bytes(msgspec.json.format(msgspec.json.encode(tree)))
    return home


def environment(home: Path) -> dict[str, str]:
    """Of the person who runs it only what a terminal needs."""
    kept = ("PATH", "TERM", "COLORTERM", "LANG", "LC_ALL", "TZ", "NO_COLOR", "TMPDIR")
    return {"HOME": str(home)} | {k: os.environ[k] for k in kept if k in os.environ}


@contextmanager
def workers(homes: list[Path]) -> Iterator[None]:
    """A daemon on each of these homes."""
    command = [sys.executable, "-m", "openusage.cli", "telemetry", "daemon", "run"]
    running = [
        subprocess.Popen(
            command,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for home in homes
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(5)


def main() -> int:
    parser = argparse.ArgumentParser(description="Three invented machines on one hub.")
    parser.add_argument("--listen", default=ADDRESS, help=f"address of the hub (default {ADDRESS})")
    parser.add_argument("--headless", action="store_true", help="no screen")
    args = parser.parse_args()
    base = Path(tempfile.gettempdir()) / f"openusage-demo-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    print("Inventing three machines …", file=sys.stderr, flush=True)
    first, *others = [make_home(base, m, f"http://{args.listen}") for m in MACHINES]
    # The first machine is collected by the hub itself: it must not push to itself twice.
    settings = first / ".config/openusage/settings.json"
    tree = msgspec.json.decode(settings.read_bytes())
    del tree["export"]["target"]
    settings.write_bytes(msgspec.json.format(msgspec.json.encode(tree)))
    hub = [sys.executable, "-m", "openusage.cli", "hub", "--collect", "--listen", args.listen]
    for ending in (signal.SIGTERM, signal.SIGHUP):  # a closed window ends the invented machines, too
        signal.signal(ending, lambda *_: sys.exit(0))
    with workers(others):
        try:
            return subprocess.run(
                hub + ["--headless"] * args.headless, env=environment(first), check=False
            ).returncode
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
