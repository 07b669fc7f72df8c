"""The pictures in README, taken from the real screens of the demo: `python -m tools.pictures`.

The invented machines of `openusage demo` and one with the Go program push to a real hub; the dashboard is the
one that `openusage` and `openusage hub-view` open. What stands on its screen becomes an SVG, Chromium turns
that into PNG (the only thing that must be installed for this).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import msgspec

from openusage.cli.compose.demo import invented, wait_until_told
from openusage.cli.compose.parts import now
from openusage.client import DaemonClient, HubClient, SnapshotSource
from openusage.settings import Dashboard, Settings
from openusage.tui import drawing
from openusage.tui.app import DashboardApp
from tools.png import smaller

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "hub"
PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 250_000
HUB = "http://hub.lan:9190"
SIZES = {"small": (80, 24), "medium": (120, 40), "large": (200, 60)}


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is needed to turn the drawings into PNG.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with invented(listen="127.0.0.1:0") as fleet:
        hub = HubClient(fleet.url, token="", now=now)
        local = DaemonClient(fleet.paths.socket, now=now)
        wait_until_told(fleet)
        _go_worker(fleet.url)
        one, all_ = _Shared(local), _SharedHub(hub)
        for name, size in SIZES.items():
            _picture(chromium, one, size, f"dashboard-{name}")
            _picture(chromium, all_, size, f"fleet-{name}")
        _picture(chromium, all_, SIZES["medium"], "hub-view-medium", "v")
        _picture(chromium, all_, SIZES["medium"], "fleet-models", "g", "g", "g")
        _details(chromium, one, all_)
    return 0


def _details(chromium: str, one: SnapshotSource, all_: SnapshotSource) -> None:
    """What is asked of a history."""
    size = SIZES["medium"]
    _picture(chromium, one, size, "detail", "enter", "w")
    _picture(chromium, one, size, "detail-models", "enter", "w", "2")
    _picture(chromium, one, size, "detail-session", "enter", "4", "enter")
    _picture(chromium, all_, size, "analytics", "A", "w")


def _go_worker(url: str) -> None:
    """A machine with the Go program on it: what that one really sent, under an invented name."""
    sent = msgspec.json.decode((FIXTURES / "push-latest.body.json").read_bytes())
    body = msgspec.json.encode(sent | {"machine": "studio", "sent_at": now()})
    request = urllib.request.Request(f"{url}/v1/push", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=10):
        pass


def _picture(chromium: str, source: SnapshotSource, size: tuple[int, int], name: str, *keys: str) -> None:
    drawn = asyncio.run(_drawn(source, size, keys))
    width, height = drawing.size(size[0], size[1])
    scale = 1.5 if size == SIZES["large"] else 2
    with tempfile.TemporaryDirectory() as directory:
        svg, png = Path(directory) / "drawing.svg", Path(directory) / "drawing.png"
        svg.write_text(drawn)
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-lcd-text",
                "--hide-scrollbars",
                f"--force-device-scale-factor={scale:g}",
                f"--user-data-dir={directory}/profile",
                f"--window-size={math.ceil(width)},{math.ceil(height)}",
                f"--screenshot={png}",
                svg.as_uri(),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        small = smaller(png.read_bytes())
    if len(small) > MOST_BYTES:
        raise SystemExit(f"{name}.png has {len(small)} bytes, more than {MOST_BYTES}")
    (PICTURES / f"{name}.png").write_bytes(small)
    print(f"{PICTURES / name}.png, {len(small) // 1000} kB")


async def _drawn(source: SnapshotSource, size: tuple[int, int], keys: tuple[str, ...]) -> str:
    settings = Settings(dashboard=Dashboard(hide_costs=False))
    history = source.history if isinstance(source, _Shared) else None
    app = DashboardApp(
        source, settings=settings, window="7d", refresh_s=60, now=now, tz=dt.UTC, history=history
    )
    async with app.run_test(size=size) as pilot:
        while app.board.frame is None and app.board.pane is None:
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.4)  # what the key asks for is answered
        await pilot.pause(1.0)
        lines = [list(strip) for strip in app.screen._compositor.render_strips()]
        title = f"openusage hub-view {HUB}" if source.is_hub else "openusage"
        return drawing.svg(lines, size[0], title, str(app.current_theme.background))


class _Shared:
    """A source that several applications use one after the other."""

    def __init__(self, source: DaemonClient | HubClient) -> None:
        self.label = f"hub {HUB}" if source.is_hub else source.label
        self.is_hub = source.is_hub
        self.fetch = source.fetch
        self.history = source

    def close(self) -> None:
        """The owner closes it."""


class _SharedHub(_Shared):
    """The same of a hub."""

    def __init__(self, hub: HubClient) -> None:
        super().__init__(hub)
        self.pane = hub.pane


if __name__ == "__main__":
    sys.exit(main())
