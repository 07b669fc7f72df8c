"""The page over a real hub: paths, headers, who may see it, what changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from openusage.hub import HubServer
from tests.hub.conftest import TOKEN, running
from tests.hub.fleet import DESKTOP, LAPTOP, Fleet, fleet
from tests.store.samples import HOUR_US, fact, message, reading

KEY = "f" * 64


@pytest.fixture
def hub() -> Iterator[Fleet]:
    with fleet(None) as running_hub:
        yield running_hub


def two_machines(hub: Fleet) -> None:
    """They share an account."""
    for number, (machine, name) in enumerate(((LAPTOP, "lap/top <b>"), (DESKTOP, "desktop"))):
        hub.send(
            [
                message(
                    f"m{number}", hub.now_us - HOUR_US, 10**8 * (1 + number), model="opus", project="site"
                ),
                fact(KEY, key="account_key"),
                reading(hub.now_us - number, 83.0, resets_at_us=hub.now_us + HOUR_US),
            ],
            machine,
            machine=name,
        )


def text(hub: Fleet, path: str) -> str:
    found = hub.http.get(path)
    assert found.status_code == 200, found.text
    return found.text


def row_of(html: str, name: str) -> str:
    [row] = [row for row in re.findall(r"<tr role=.*?</tr>", html, re.DOTALL) if name in row]
    return str(row)


def since(html: str) -> str:
    return str(re.findall(r"since=(\w+)", html)[-1])


def test_the_page_shows_every_machine_with_its_figures(hub: Fleet) -> None:
    two_machines(hub)
    html = text(hub, "/?tz=UTC")
    desktop = row_of(html, "desktop")
    assert '<td role="cell" class="window n">$3.00</td>' in desktop
    assert '<span class="word">live</span>' in desktop
    assert "Codex 5 h" in desktop
    laptop = row_of(html, "lap/top")
    assert 'href="/machines/lap%2Ftop%20%3Cb%3E?tz=UTC"' in laptop
    assert "lap/top &lt;b&gt;" in laptop
    assert "2 machines share it" in html


def test_a_machine_an_account_and_a_filtered_view_have_pages(hub: Fleet) -> None:
    two_machines(hub)
    hub.push("desktop", DESKTOP)
    machine = text(hub, "/machines/desktop")
    assert "<h1>desktop</h1>" in machine
    assert "opus" in machine
    assert "lap/top" not in row_of(machine, "opus")
    account = text(hub, "/accounts/codex/codex")
    assert "<h1>Codex</h1>" in account
    only = text(hub, "/?machine=desktop&group=project")
    assert "machine: desktop" in only
    assert '<td role="cell" class="window n">$3.00</td>' in row_of(only, "site")


@pytest.mark.parametrize(
    "path", ["/machines/nobody", "/machines/", "/accounts/codex/nobody", "/accounts/codex", "/machines/a/b"]
)
def test_a_page_that_is_not_there_says_so(hub: Fleet, path: str) -> None:
    two_machines(hub)
    found = hub.http.get(path)
    assert found.status_code == 404
    assert "There is no" in found.text
    assert 'href="/"' in found.text


def test_an_address_that_cannot_be_read_says_why(hub: Fleet) -> None:
    found = hub.http.get("/?window=<b>")
    assert found.status_code == 400
    assert "window: &#34;&lt;b&gt;&#34; is none of: 1d, 3d" in found.text


@pytest.mark.parametrize("path", ["/", "/signin", "/machines/nobody", "/?window=2d", "/live?since=x"])
def test_every_answer_forbids_what_the_page_does_not_need(hub: Fleet, path: str) -> None:
    headers = hub.http.get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-cache"


def test_the_page_has_no_script_and_no_style_in_it(hub: Fleet) -> None:
    html = text(hub, "/")
    assert all(script.startswith("defer src=") for script in re.findall(r"<script ([^>]*)>", html))
    assert not re.search(r"<style|style=|\son\w+=|javascript:", html)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', html):
        assert hub.http.get(address).status_code == 200
    assert "https://" not in html


def test_only_what_changed_is_sent_to_an_open_page(hub: Fleet) -> None:
    two_machines(hub)
    html = text(hub, "/?tz=UTC")
    assert hub.http.get(f"/live?tz=UTC&since={since(html)}").status_code == 204
    hub.clock.seconds += 1.0
    hub.send([message("new", hub.now_us, 2 * 10**6)], DESKTOP, after=3, machine="desktop")
    told = text(hub, f"/live?tz=UTC&since={since(html)}")
    assert '<td role="cell" class="window n">$3.03</td>' in row_of(told, "desktop")
    assert not [row for row in re.findall(r"<tr role=.*?</tr>", told, re.DOTALL) if "lap/top" in row]
    assert 'hx-target="#accounts"' not in told
    assert hub.http.get(f"/live?tz=UTC&since={since(told)}").status_code == 204


def test_a_page_of_another_life_of_the_hub_is_drawn_anew(hub: Fleet) -> None:
    found = hub.http.get("/live?since=unknown")
    assert (found.status_code, found.headers["hx-refresh"]) == (200, "true")


def test_a_machine_that_falls_silent_is_stale_on_the_page(hub: Fleet) -> None:
    two_machines(hub)
    html = text(hub, "/?tz=UTC")
    hub.clock.seconds += 301.0
    hub.push("lap/top <b>", LAPTOP)
    told = text(hub, f"/live?tz=UTC&since={since(html)}")
    assert 'data-state="stale"' in row_of(told, "desktop")


def test_a_live_answer_is_of_the_page_that_asks(hub: Fleet) -> None:
    two_machines(hub)
    html = text(hub, "/machines/desktop?tz=UTC")
    assert "/live/machines/desktop?tz=UTC&amp;since=" in html
    hub.clock.seconds += 1.0
    hub.send([message("new", hub.now_us, 10**9)], LAPTOP, after=3, machine="lap/top <b>")
    assert hub.http.get(f"/live/machines/desktop?tz=UTC&since={since(html)}").status_code == 204


def test_the_filter_form_gets_the_short_address(hub: Fleet) -> None:
    found = hub.http.get(
        "/?group=machine&q=lap&tz=UTC", headers={"HX-Request": "true", "HX-Source": "form#filter"}
    )
    assert found.headers["hx-replace-url"] == "/?q=lap&tz=UTC"
    odd = hub.http.get("/?q=" + quote("\r\nX: y ü"), headers={"HX-Source": "form#filter"})
    assert odd.headers["hx-replace-url"] == "/?q=X%3A%20y%20%C3%BC"


def test_days_are_those_of_the_address_else_of_the_browser_else_of_the_hub(hub: Fleet) -> None:
    def chosen(path: str, zone: str = "") -> str:
        found = hub.http.get(path, headers={"Cookie": f"openusage_tz={quote(zone, safe='')}"} if zone else {})
        [option] = re.findall(
            r'<option value="([^"]+)" selected>\1</option>', found.text.partition('id="tz"')[2]
        )
        return str(option)

    assert chosen("/") == "UTC"
    assert chosen("/", "Europe/Berlin") == "Europe/Berlin"
    assert chosen("/?tz=Asia/Tokyo", "Europe/Berlin") == "Asia/Tokyo"
    assert chosen("/", "../../etc/passwd") == "UTC"


def test_a_hub_without_a_history_has_no_page() -> None:
    with running() as plain:
        assert plain.http.get("/").status_code == 404
        assert plain.http.get("/static/x").status_code == 404


@pytest.mark.parametrize("path", ["/", "/live", "/machines/x", "/static/x"])
def test_a_page_is_only_read(hub: Fleet, path: str) -> None:
    assert hub.http.post(path).status_code == 405
    assert hub.http.head(path).content == b""


def test_without_a_token_on_the_hub_nobody_signs_in(hub: Fleet) -> None:
    with HubServer(hub.server.board, "127.0.0.1", 0, "", history=hub.history) as open_hub:
        assert "Sign out" not in httpx.get(open_hub.url).text
        there = httpx.get(f"{open_hub.url}/signin")
        assert (there.status_code, there.headers["location"]) == (303, "/")


def test_an_answer_is_compressed_for_whoever_takes_it(hub: Fleet) -> None:
    two_machines(hub)
    packed = hub.http.get("/", headers={"Accept-Encoding": "gzip"})
    plain = hub.http.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert TOKEN not in plain.text
