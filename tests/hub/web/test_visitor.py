"""What a browser says of itself, and where it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from openusage.hub.web import visitor


def scope(scheme: str = "http", **headers: str) -> dict[str, Any]:
    sent = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"scheme": scheme, "headers": sent}


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://hub.lan:9190", "host": "hub.lan:9190"}, False),
        ({"origin": "http://hub.lan:9190", "host": "hub.lan:9190"}, True),
        ({"origin": "http://hub.lan:9191", "host": "hub.lan:9190"}, False),
        ({"origin": "http://evil.example", "host": "hub.lan:9190"}, False),
        ({"origin": "null", "host": "hub.lan:9190"}, False),
        ({"host": "hub.lan:9190"}, True),
    ],
)
def test_a_form_of_another_site_is_told_from_an_own_one(headers: dict[str, str], own: bool) -> None:
    assert visitor.is_own(scope(**headers)) is own


@pytest.mark.parametrize("next", ["/", "/machines/a%20b?window=30d&tz=Europe%2FBerlin", "/?q=//x"])
def test_a_way_back_into_the_hub_is_kept(next: str) -> None:
    assert visitor.inside(next) == next


@pytest.mark.parametrize(
    "next",
    [
        *(
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "machines",
        ),
        *("/a\r\nSet-Cookie: x=1", "/ä", "/a b", "/\t/evil.example"),
    ],
)
def test_a_way_out_of_the_hub_is_not(next: str) -> None:
    assert visitor.inside(next) == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    name, value = visitor.session_cookie(scope(), "id")
    assert name == b"set-cookie"
    assert value == b"openusage_session=id; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"
    assert visitor.session_cookie(scope("https"), "id")[1].endswith(b"; SameSite=Strict; Secure")
    assert b"Max-Age=0" in visitor.session_cookie(scope(), "")[1]


def test_the_zone_of_the_browser_is_read_as_it_came() -> None:
    assert visitor.zone(scope(cookie="a=b; openusage_tz=Europe%2FBerlin")) == "Europe/Berlin"
    assert visitor.zone(scope(cookie="openusage_session=x")) == visitor.zone(scope()) == ""
    assert len(visitor.zone(scope(cookie="openusage_tz=" + "x" * 5000))) == 64


def test_the_host_is_named_as_the_browser_has_it() -> None:
    assert visitor.host(scope(host="hub.lan:9190")) == "hub.lan:9190"
    assert visitor.host(scope()) == "this hub"
    assert len(visitor.host(scope(host="x" * 5000))) == 200
