"""A browser, where there is one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

MUST_RUN = os.environ.get("OPENUSAGE_TEST_BROWSER") == "required"
"""Set where these tests must not be skipped: `.ci/run` does."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 45_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        said = f"no browser: none of {', '.join(PROGRAMS)} is installed"
        if MUST_RUN:
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; whatever the browser complains about (a script, the policy) fails the test."""
    made = context.new_page()
    complaints: list[str] = []
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield made
    assert [said for said in complaints if "401 (Unauthorized)" not in said] == []
