"""The pictures in README, taken from the real screens of the demo: `python -m tools.pictures`.

Three invented machines push to a real hub; the dashboard is the one that `openusage` and `openusage hub-view`
open. Textual draws it as SVG, Chromium turns that into PNG (the only thing that must be installed for this).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openusage.cli.compose import now
from openusage.client import DaemonClient, HubClient, SnapshotSource
from openusage.errors import PeerError
from openusage.tui.app import DashboardApp
from tools.demo import MACHINES, make_home, workers

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
SIZES = {"small": (80, 24), "medium": (120, 40), "large": (200, 60)}


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is needed to turn the drawings into PNG.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        base = Path(directory)
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        homes = [make_home(base, machine, url) for machine in MACHINES]
        stack.enter_context(workers(homes))
        stack.callback(_hub(port, homes[0]).terminate)
        hub = HubClient(url, token="", now=now)
        local = DaemonClient(homes[0] / ".local/state/openusage/telemetry.sock", now=now)
        _wait(hub, 5)
        _wait(local, 2)
        for name, size in SIZES.items():
            _picture(chromium, local, size, f"dashboard-{name}")
            _picture(chromium, hub, size, f"hub-view-{name}")
        _picture(chromium, local, SIZES["medium"], "detail", "enter")
    return 0


def _hub(port: int, home: Path) -> subprocess.Popen[bytes]:
    from tools.demo import environment

    command = [sys.executable, "-m", "openusage.cli", "hub", "--headless", "--listen", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, env=environment(home), stderr=subprocess.DEVNULL)


def _wait(source: SnapshotSource, tiles: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(PeerError):
            frame = source.fetch("7d")
            if len([s for s in frame.snapshots.values() if s.metrics]) >= tiles and not frame.notes:
                return
        time.sleep(0.2)
    raise SystemExit(f"{source.label} does not have {tiles} tiles within a minute")


def _picture(chromium: str, source: SnapshotSource, size: tuple[int, int], name: str, *keys: str) -> None:
    svg = asyncio.run(_drawn(source, size, keys))
    width, height = (float(n) for n in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    with tempfile.TemporaryDirectory() as directory:
        drawing = Path(directory) / "drawing.svg"
        drawing.write_text(svg)
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={directory}/profile",
                f"--window-size={int(width)},{int(height)}",
                f"--screenshot={PICTURES / name}.png",
                drawing.as_uri(),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    print(PICTURES / f"{name}.png")


async def _drawn(source: SnapshotSource, size: tuple[int, int], keys: tuple[str, ...]) -> str:
    app = DashboardApp(_Shared(source), window="7d", refresh_s=60, hide_costs=False, now=now, tz=dt.UTC)
    async with app.run_test(size=size) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if app.board.frame is not None:
                break
        for key in keys:
            await pilot.press(key)
        await pilot.pause(0.3)
        return app.export_screenshot(title=f"openusage — {source.label}")


class _Shared:
    """A source that several applications use one after the other."""

    def __init__(self, source: SnapshotSource) -> None:
        self.label = "hub http://hub.lan:9190" if source.is_hub else source.label
        self.is_hub = source.is_hub
        self.fetch = source.fetch

    def close(self) -> None:
        """The owner closes it."""


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
