"""The daemon's way to vendors, against a server on loopback."""

from __future__ import annotations

from contextlib import closing

import pytest
from pytest_httpserver import HTTPServer

from openusage.daemon.vendors import Vendors
from openusage.providers import _http


def ask(vendors: Vendors, url: str) -> dict[str, object]:
    return _http.ask(vendors, url, who="The vendor", headers={}, login_hint="Log in.")


def test_a_vendor_is_asked_again_over_the_same_connection(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a").respond_with_json({"x": 1})
    with closing(Vendors()) as vendors:
        assert ask(vendors, httpserver.url_for("/a")) == {"x": 1}
        first = vendors._client
        assert ask(vendors, httpserver.url_for("/a")) == {"x": 1}
        assert vendors._client is first


def test_nothing_is_opened_before_a_vendor_is_asked() -> None:
    """And what never was is closed without a word."""
    vendors = Vendors()
    vendors.close()
    assert vendors._client is None


def test_after_the_end_nobody_is_asked(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a").respond_with_json({"x": 1})
    vendors = Vendors()
    ask(vendors, httpserver.url_for("/a"))
    vendors.close()
    with pytest.raises(RuntimeError, match="closed"):
        ask(vendors, httpserver.url_for("/a"))
