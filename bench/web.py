"""The web page in Chromium, by the browser's own clock: weight, time to be drawn, changes while it is open.

Two hubs, each a process of its own on 127.0.0.1: 50 machines with 90 days, and 500 machines of which some,
then all, send something new while the page is open. Without Chromium there are no rows.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from bench.table import Row, render
from openusage.hub import Board, History, HubServer
from openusage.hub.web.chart import row_id
from openusage.pricing import PriceBook
from openusage.wire.rollups import By
from tools import genfleet
from tools.genfleet import Invented

VISITS = 9
CHANGES = 12
_SPARE_S = 60.0
_WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ type: "longtask", buffered: true });
"""
_TIMES = """(() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const [drawn] = performance.getEntriesByName("first-contentful-paint");
  return {
    first: page.responseStart,
    drawn: drawn.startTime,
    bytes: page.transferSize + files.reduce((sum, file) => sum + file.transferSize, 0),
  };
})()"""


def run() -> list[Row]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("bench.web: no Chromium here, no rows", file=sys.stderr)
        return []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with _hub(50, 90) as (url, _, _):
            rows = _drawn(browser, url)
        with _hub(500, 8) as (url, client, sent):
            rows += _changes(browser, url, client, sent)
        browser.close()
    return rows


def _drawn(browser: Browser, url: str) -> list[Row]:
    """Each visit with an empty cache; the first one, which also fills the hub's memory, is left out."""
    visits = [_visit(browser, f"{url}/?window=all&tz=UTC") for _ in range(VISITS + 1)][1:]
    after = statistics.median(v["drawn"] - v["first"] for v in visits)
    whole = statistics.median(v["drawn"] for v in visits)
    weight = max(v["bytes"] for v in visits) / 1000
    return [
        Row(
            name="web page of 50 machines, 90 days: first byte to drawn",
            value=after,
            unit="ms",
            target="300 ms",
            met=after < 300,
        ),
        Row(name="the same, from the click", value=whole, unit="ms"),
        Row(
            name="all of it, compressed",
            value=weight,
            unit="kB",
            target="150 kB",
            met=weight < 150,
        ),
    ]


def _visit(browser: Browser, url: str) -> Any:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    times = page.evaluate(_TIMES)
    context.close()
    return times


def _changes(browser: Browser, url: str, client: httpx.Client, sent: dict[Invented, int]) -> list[Row]:
    """One machine sends records again and again; then all do at the same time."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(f"{url}/?tz=UTC&sort=name")
    time.sleep(2)
    page.evaluate("window.longest = 0")
    machines = list(sent)
    took = [_change(page, client, machines[n], sent) for n in range(CHANGES)]
    one = page.evaluate("window.longest")
    page.evaluate("window.longest = 0")
    for machine in machines[1:]:
        _send(client, machine, sent)
    all_s = _change(page, client, machines[0], sent)
    time.sleep(3)
    all_longest = page.evaluate("window.longest")
    context.close()
    usual = statistics.median(took) * 1000
    return [
        Row(
            name="500 machines: a change is on the page, median of 12",
            value=usual,
            unit="ms",
            target="1 s",
            met=usual < 1000,
        ),
        Row(name="the slowest of them", value=max(took) * 1000, unit="ms"),
        Row(
            name="longest task of the browser meanwhile (0: none of 50 ms)",
            value=one,
            unit="ms",
            target="50 ms",
            met=one <= 50,
        ),
        Row(
            name="the same when all 500 change",
            value=all_longest,
            unit="ms",
            target="50 ms",
            met=all_longest <= 50,
        ),
        Row(name="the last of 500 changes at once is on the page", value=all_s * 1000, unit="ms"),
    ]


def _change(page: Page, client: httpx.Client, machine: Invented, sent: dict[Invented, int]) -> float:
    """Seconds from the sending of records to their cost in the machine's row."""
    id = row_id(By.MACHINE, machine.name)
    before = page.inner_text(f"#{id} .window")
    start = time.perf_counter()
    _send(client, machine, sent)
    page.wait_for_function(
        "([id, before]) => document.querySelector(`#${id} .window`).textContent !== before", arg=[id, before]
    )
    return time.perf_counter() - start


def _send(client: httpx.Client, machine: Invented, sent: dict[Invented, int]) -> None:
    now = dt.datetime.now(dt.UTC)
    fresh = genfleet.more(machine, now)
    genfleet.send(client, machine, fresh, now, after=sent[machine])
    sent[machine] += len(fresh)


@contextlib.contextmanager
def _hub(count: int, days: int) -> Iterator[tuple[str, httpx.Client, dict[Invented, int]]]:
    child = subprocess.Popen([sys.executable, "-m", "bench.web", "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{int(child.stdout.readline())}"
        with httpx.Client(base_url=url, timeout=_SPARE_S) as client:
            yield url, client, genfleet.fill(client, dt.datetime.now(dt.UTC), count=count, days=days)
    finally:
        child.terminate()
        child.wait(_SPARE_S)


def serve() -> None:
    """A hub in memory until its parent ends it. Prints the port once it serves."""
    with History.open(None, now=lambda: dt.datetime.now(dt.UTC), price=PriceBook.load(None).price) as history:
        server = HubServer(Board(), "127.0.0.1", 0, history=history)
        server.bind()
        print(server.port, flush=True)
        server.serve()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        print(render(run()))
