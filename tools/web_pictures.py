"""The pictures of the web page in the documents: `python -m tools.web_pictures`.

A real hub with an invented fleet, whose clock is turned so that one machine has fallen silent and another is
gone; Debian's Chromium draws its page.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from openusage.hub import Board, History, HubServer
from openusage.pricing import PriceBook
from tools import genfleet
from tools.png import smaller

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 250_000
NOON = dt.datetime(2026, 11, 22, 15, 41, tzinfo=dt.UTC)
SHOTS = (
    ("web-fleet-dark", "/?tz=UTC", "dark", 1440, 1080),
    ("web-fleet-light", "/?tz=UTC&window=30d&group=model", "light", 1440, 1080),
    ("web-machine-dark", "/machines/work-laptop?tz=UTC", "dark", 1440, 1080),
    ("web-phone-light", "/?tz=UTC", "light", 360, 780),
)


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is needed to take the pictures.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    board = Board(now=clock.now, monotonic=clock.monotonic)
    with (
        History.open(None, now=clock.now, price=PriceBook.load(None).price) as history,
        HubServer(board, "127.0.0.1", 0, history=history) as server,
        httpx.Client(base_url=server.url) as client,
        sync_playwright() as play,
    ):
        fill(client, clock)
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, path, scheme, width, height in SHOTS:
            take(browser, server.url + path, name, scheme, width, height)
        browser.close()
    return 0


def fill(client: httpx.Client, clock: Clock) -> None:
    """`ci` was heard three days ago, `build-1` seven minutes, the others just now."""
    for machine in genfleet.machines(5):
        silent = {"ci": dt.timedelta(days=3), "build-1": dt.timedelta(minutes=7)}.get(machine.name)
        clock.at = NOON - (silent or dt.timedelta(seconds=4 + 5 * machine.number))
        said = genfleet.records(machine, clock.at, days=40, a_day=14)
        genfleet.send(client, machine, said, clock.at)
        genfleet.push(client, machine, clock.at)
    clock.at = NOON


def take(browser: Browser, url: str, name: str, scheme: str, width: int, height: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if width < 800 else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.locator("#plot canvas").wait_for()
    page.evaluate("document.querySelector('.host').textContent = 'hub.lan:9190'")
    small = smaller(page.screenshot())
    context.close()
    if len(small) > MOST_BYTES:
        raise SystemExit(f"{name}.png has {len(small)} bytes, more than {MOST_BYTES}")
    (PICTURES / f"{name}.png").write_bytes(small)
    print(f"{PICTURES / name}.png, {len(small) // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
