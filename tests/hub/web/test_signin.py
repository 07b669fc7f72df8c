"""Signing in over a real hub: with a browser's headers, and those of somebody else's page."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx
import pytest

from tests.hub.conftest import TOKEN
from tests.hub.fleet import Fleet, fleet

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def hub() -> Iterator[Fleet]:
    with fleet(None) as running_hub:
        yield running_hub


@pytest.fixture
def browser(hub: Fleet) -> Iterator[httpx.Client]:
    """Without the token."""
    with httpx.Client(base_url=hub.server.url, timeout=10.0) as client:
        yield client


def sign_in(browser: httpx.Client, token: str = TOKEN, next: str = "/") -> httpx.Response:
    return browser.post("/signin", data={"token": token, "next": next}, headers=OWN)


def test_a_stranger_is_led_to_the_form_and_back_to_where_he_was_going(browser: httpx.Client) -> None:
    away = browser.get("/machines/a%2Fb?window=30d")
    assert (away.status_code, away.content) == (303, b"")
    form = browser.get(away.headers["location"])
    assert 'name="next" value="/machines/a%2Fb?window=30d"' in form.text
    back = sign_in(browser, next="/machines/a%2Fb?window=30d")
    assert (back.status_code, back.headers["location"]) == (303, "/machines/a%2Fb?window=30d")


def test_a_session_opens_the_page_and_what_it_asks(browser: httpx.Client) -> None:
    set_cookie = sign_in(browser).headers["set-cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Strict" in set_cookie
    assert TOKEN not in set_cookie
    page = browser.get("/")
    assert page.status_code == 200
    assert "Sign out" in page.text
    for path in ("/v1/fleet", "/v1/snapshots", "/v1/machines"):
        assert browser.get(path).status_code == 200
    assert browser.get("/signin").headers["location"] == "/"


def test_a_session_writes_nothing(browser: httpx.Client) -> None:
    sign_in(browser)
    for path in ("/v1/push", "/v1/records"):
        assert browser.post(path, content=b'{"machine":"m"}').status_code == 401
    assert browser.delete("/v1/machines/laptop").status_code == 401


def test_signed_out_is_out_for_a_copy_of_the_cookie_too(browser: httpx.Client, hub: Fleet) -> None:
    sign_in(browser)
    copy = dict(browser.cookies)
    out = browser.post("/signout", headers=OWN)
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert httpx.get(f"{hub.server.url}/v1/fleet", cookies=copy).status_code == 401


def test_signing_in_again_ends_the_session_before(browser: httpx.Client, hub: Fleet) -> None:
    sign_in(browser)
    before = dict(browser.cookies)
    sign_in(browser)
    assert dict(browser.cookies) != before
    assert httpx.get(f"{hub.server.url}/v1/fleet", cookies=before).status_code == 401


def test_a_session_of_a_week_ago_is_over(browser: httpx.Client, hub: Fleet) -> None:
    gate = hub.server.gate
    sign_in(browser)
    assert browser.get("/v1/fleet").status_code == 200
    gate.sessions._monotonic = lambda: 1e12
    assert browser.get("/v1/fleet").status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", "s3cret2", "Bearer s3cret", "s3cre\u00fc", "x" * 4000])
def test_a_wrong_token_stays_outside_and_is_not_told_why(
    browser: httpx.Client, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        refused = sign_in(browser, token)
    assert refused.status_code == 401
    assert "This token is not good here." in refused.text
    assert "set-cookie" not in refused.headers
    assert not token or token not in refused.text + caplog.text


def test_guessing_is_slowed_down(browser: httpx.Client) -> None:
    statuses = [sign_in(browser, f"guess-{n}").status_code for n in range(30)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.mark.parametrize("path", ["/signin", "/signout"])
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}],
)
def test_a_form_of_another_site_does_nothing(
    browser: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    sign_in(browser)
    refused = browser.post(path, data={"token": TOKEN}, headers=headers)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert browser.get("/v1/fleet").status_code == 200


def test_a_link_of_another_site_is_followed_with_the_session(browser: httpx.Client) -> None:
    """The cookie is not sent with it; a page of our own sends the browser on, and then it is."""
    arrived = browser.get("/machines/a?window=30d", headers={"Sec-Fetch-Site": "cross-site"})
    assert arrived.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/machines/a?window=30d">' in arrived.text


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nx: y"])
def test_signing_in_leads_nowhere_else(browser: httpx.Client, next: str) -> None:
    assert sign_in(browser, next=next).headers["location"] == "/"


def test_an_open_page_that_is_signed_out_goes_to_the_form(browser: httpx.Client) -> None:
    refused = browser.get("/live?since=x", headers={"HX-Request": "true"})
    assert (refused.status_code, refused.headers["hx-redirect"]) == (401, "/signin")


def test_a_huge_form_is_refused_and_a_wrong_method_too(browser: httpx.Client) -> None:
    assert browser.post("/signin", content=b"token=" + b"x" * 20_000, headers=OWN).status_code == 413
    assert browser.put("/signin").status_code == 405
    assert browser.get("/signout").status_code == 405
