"""The page as a person has it, in a real browser."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect

from openusage import format as fmt
from openusage.hub.web.chart import row_id
from openusage.wire.rollups import By
from tests.hub.conftest import TOKEN
from tests.hub.fleet import Fleet, fleet
from tests.hub.web.conftest import PATIENCE_MS
from tests.store.samples import HOUR_US, message
from tools import genfleet
from tools.genfleet import Invented

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
EVIL = "<img src=x onerror=alert(1)>'\"><script>alert(2)</script>{{7*7}}"

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def hub() -> Iterator[Fleet]:
    with fleet(None) as running_hub:
        yield running_hub


@pytest.fixture
def five(hub: Fleet) -> dict[Invented, int]:
    return genfleet.fill(hub.http, hub.clock.now(), count=5, days=9, a_day=6)


def open_page(page: Page, hub: Fleet, path: str = "/") -> Page:
    """Signed in, and listening to what changes."""
    page.goto(f"{hub.server.url}/signin?next={path.replace('?', '%3F').replace('&', '%26')}")
    page.get_by_label("Token").fill(TOKEN)
    with page.expect_response("**/v1/stream"):
        page.get_by_role("button", name="Sign in").click()
    return page


def row(page: Page, name: str) -> Any:
    return page.locator(f"#{row_id(By.MACHINE, name)}")


def spend(hub: Fleet, machine: Invented, sent: dict[Invented, int]) -> None:
    hub.clock.seconds += 1.0
    fresh = genfleet.more(machine, hub.clock.now())
    genfleet.send(hub.http, machine, fresh, hub.clock.now(), after=sent[machine])
    sent[machine] += len(fresh)


def test_a_person_signs_in_looks_around_and_signs_out(
    page: Page, hub: Fleet, five: dict[Invented, int]
) -> None:
    page.goto(f"{hub.server.url}/machines/desktop")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not good here.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("desktop")
    page.get_by_role("link", name="All machines").click()
    expect(page.locator("#rows tr")).to_have_count(5)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto(hub.server.url)
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_change_is_on_the_page_by_itself_and_leaves_the_rest_alone(
    page: Page, hub: Fleet, five: dict[Invented, int]
) -> None:
    open_page(page, hub, "/?show=tokens")
    page.locator("#chart-table summary").click()
    page.get_by_role("button", name="desktop").click()
    cell = row(page, "build-1").locator(".window")
    other = row(page, "home")
    before, link = cell.inner_text(), row(page, "build-1").get_by_role("link")
    link.focus()
    other.evaluate("row => (row.kept = true)")
    spend(hub, genfleet.machines(5)[2], five)
    expect(cell).not_to_have_text(before)
    assert other.evaluate("row => row.kept")
    expect(link).to_be_focused()
    expect(page.locator("#chart-table")).to_have_attribute("open", "")
    expect(page.get_by_role("button", name="desktop")).to_have_attribute("aria-pressed", "false")


def test_window_order_group_and_filter_stand_in_the_address(
    page: Page, hub: Fleet, five: dict[Invented, int]
) -> None:
    open_page(page, hub)
    page.wait_for_url("**/?tz=UTC")
    page.get_by_role("link", name="30d").click()
    page.wait_for_url("**/?window=30d&tz=UTC")
    expect(page.locator("#chart-table tbody tr")).to_have_count(31)
    page.get_by_role("link", name="Machine", exact=True).click()
    page.wait_for_url("**/?window=30d&sort=name&tz=UTC")
    expect(page.locator("#rows tr").first).to_contain_text("build-1")
    expect(page.locator("thead .name")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("searchbox").press_sequentially("lap")
    page.wait_for_url("**/?window=30d&sort=name&q=lap&tz=UTC")
    expect(page.locator("#count")).to_have_text("1 of 5 machines")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.locator("#group").select_option("project")
    page.wait_for_url("**/?window=30d&group=project&sort=name&q=lap&tz=UTC")
    shared = page.url
    page.goto("about:blank")
    page.goto(shared)
    expect(page.locator("#group")).to_have_value("project")
    expect(page.get_by_role("link", name="30d")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="1d", exact=True).click()
    page.wait_for_url("**/?window=1d&**")
    page.go_back()
    page.wait_for_url(shared)
    expect(page.get_by_role("link", name="30d")).to_have_attribute("aria-current", "true")


def test_a_machine_that_falls_silent_is_seen_and_heard(
    page: Page, hub: Fleet, five: dict[Invented, int]
) -> None:
    open_page(page, hub)
    expect(row(page, "ci")).to_have_attribute("data-state", "live")
    hub.clock.seconds += 301.0
    for machine in genfleet.machines(4):
        genfleet.push(hub.http, machine, hub.clock.now())
    expect(row(page, "ci")).to_have_attribute("data-state", "stale")
    expect(row(page, "ci").locator(".state")).to_contain_text("◐")
    expect(page.get_by_role("status")).to_have_text("ci is stale")
    expect(row(page, "home")).to_have_attribute("data-state", "live")


def test_a_hub_that_does_not_answer_is_told_and_found_again(context: BrowserContext, hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - HOUR_US)])
    page = open_page(context.new_page(), hub)
    page.route("**/live?*", lambda route: route.abort())
    hub.send([message("b", hub.now_us - HOUR_US)], after=1)
    expect(page.get_by_role("status")).to_contain_text("does not answer")
    page.unroute("**/live?*")
    expect(page.get_by_role("status")).to_be_empty()


def test_the_page_of_a_hub_that_was_started_anew_is_drawn_anew(page: Page, hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - HOUR_US)])
    open_page(page, hub)
    page.evaluate("window.kept = true")
    # An update that is on its way already puts the page's own question back: then once more.
    for sent in range(1, 10):
        page.evaluate("document.querySelector('#live').setAttribute('hx-get', '/live?since=of-another-life')")
        page.evaluate("htmx.process(document.querySelector('#live'), true)")
        hub.send([message(f"b{sent}", hub.now_us - HOUR_US)], after=sent)
        with contextlib.suppress(TimeoutError):
            page.wait_for_function("() => window.kept === undefined", timeout=PATIENCE_MS / 5)
            break
    assert page.evaluate("window.kept") is None
    expect(page.locator("#rows tr")).to_have_count(1)


def test_500_machines_are_on_one_page_and_all_of_them_live(page: Page, hub: Fleet) -> None:
    sent = genfleet.fill(hub.http, hub.clock.now(), count=500, days=1, a_day=1)
    open_page(page, hub, "/?sort=name&show=tokens")
    expect(page.locator("#rows tr")).to_have_count(500)
    expect(page.locator("#count")).to_have_text("500 machines")
    machines = list(sent)
    before = row(page, machines[250].name).locator(".window").inner_text()
    spend(hub, machines[250], sent)
    expect(row(page, machines[250].name).locator(".window")).not_to_have_text(before)
    hub.clock.seconds += 301.0
    genfleet.push(hub.http, machines[0], hub.clock.now())
    expect(page.locator("#rows tr.is-stale")).to_have_count(499)
    expect(row(page, machines[0].name)).to_have_attribute("data-state", "live")


def test_names_that_are_code_stay_names(page: Page, hub: Fleet) -> None:
    hub.send([message("a", hub.now_us - HOUR_US, model=EVIL, project=EVIL, account=EVIL)], machine=EVIL)
    open_page(page, hub)
    expect(row(page, EVIL).get_by_role("link")).to_have_text(EVIL)
    hub.send([message("b", hub.now_us - HOUR_US, model=EVIL, project=EVIL)], after=1, machine=EVIL)
    expect(page.locator("#figures dl").first).to_contain_text("2 requests")
    page.locator("#plot").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".said")).to_contain_text(EVIL)
    row(page, EVIL).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
    assert page.locator("main img, main script").count() == 0


def test_the_chart_is_read_by_keyboard_and_its_parts_go_and_come(
    page: Page, hub: Fleet, five: dict[Invented, int]
) -> None:
    open_page(page, hub)
    page.locator("#plot").focus()
    page.keyboard.press("End")
    said = page.locator(".said")
    expect(said).to_contain_text("Sun 22 Nov: $")
    expect(said).to_contain_text("work-laptop")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("Sat 21 Nov: $")
    page.get_by_role("button", name="work-laptop").click()
    expect(page.get_by_role("button", name="work-laptop")).to_have_attribute("aria-pressed", "false")
    page.locator("#plot").focus()
    page.keyboard.press("Home")
    expect(said).not_to_contain_text("work-laptop")


def test_figures_are_said_alike_by_page_and_hub(page: Page, hub: Fleet) -> None:
    open_page(page, hub)
    seconds = [0, 1, 59.9, 60, 3599, 3600, 86_399, 86_400, 200_000, 9_000_000, -5]
    ages, durations = page.evaluate(f"[{seconds}.map(words.age), {seconds}.map(words.duration)]")
    assert ages == [fmt.age(s) for s in seconds]
    assert durations == [fmt.duration(s) for s in seconds]
    amounts = [0, 20, 1500, 2_000_000]
    assert page.evaluate(f"words.marks({amounts}, 'usd')") == ["$0", "$20", "$1.5k", "$2M"]
    assert page.evaluate("words.marks([0, 0.5, 7.5], 'usd')") == ["$0.00", "$0.50", "$7.50"]


def test_without_scripts_every_figure_is_there(
    browser: Browser, hub: Fleet, five: dict[Invented, int]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{hub.server.url}/signin")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#rows tr")).to_have_count(5)
    page.locator("#chart-table summary").click()
    expect(page.locator("#chart-table tbody tr").first).to_contain_text("$")
    page.locator("#q").fill("lap")
    page.locator("#q").press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 5 machines")
    context.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_stands_in_the_way_of_anybody(
    browser: Browser, hub: Fleet, five: dict[Invented, int], scheme: Any
) -> None:
    """axe-core, the check-list of accessibility, finds nothing on any page."""
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{hub.server.url}/signin")
    found = {"/signin": faults(page)}
    open_page(page, hub)
    for path in ("/", "/?group=model&q=opus", "/machines/desktop", "/accounts/codex/codex?on=desktop"):
        page.goto(hub.server.url + path)
        page.locator("#chart-table summary").click()
        found[path] = faults(page)
    context.close()
    assert found == {key: [] for key in found}


def faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = json.loads(page.evaluate("axe.run().then((said) => JSON.stringify(said.violations))"))
    return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_is_cut_by_the_edge(
    browser: Browser, hub: Fleet, five: dict[Invented, int], tmp_path: Path, scheme: Any
) -> None:
    """On no page is anything wider than the window; the pictures are kept for whoever wants to look."""
    context = browser.new_context(color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    page = open_page(context.new_page(), hub)
    for name, path in (("fleet", "/"), ("machine", "/machines/work-laptop"), ("models", "/?group=model")):
        page.goto(hub.server.url + path)
        expect(page.locator("#plot canvas")).to_be_visible()
        for width in (360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            picture = tmp_path / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=picture, full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, picture
    context.close()


def test_a_link_of_another_site_finds_the_viewer_signed_in(context: BrowserContext, hub: Fleet) -> None:
    """`localhost` is another site than `127.0.0.1`: its link brings no cookie along."""
    page = open_page(context.new_page(), hub)
    elsewhere = hub.server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}/signin")
    page.evaluate(
        f"document.querySelector('main').innerHTML = '<a href=\"{hub.server.url}/?window=30d\">look</a>'"
    )
    page.get_by_role("link", name="look").click()
    expect(page.get_by_role("link", name="30d")).to_have_attribute("aria-current", "true")


def test_ages_are_counted_by_the_clock_of_the_hub(page: Page, hub: Fleet, five: dict[Invented, int]) -> None:
    """The browser's own clock is days away from the hub's here, and no age shows it."""
    open_page(page, hub)
    expect(page.locator("#rows .seen").first).to_have_text(re.compile(r"^\d+ s$"))
