"""A daemon that asks two vendors, of whom one refuses: real sockets, a real store, vendors on loopback."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from openusage.daemon.config import Config
from openusage.daemon.run import Daemon
from openusage.machine import Machine
from openusage.providers import load
from openusage.store import Store
from tests.daemon.conftest import NOW
from tests.support.processes import PATIENCE_S, until

POLL_S = 0.05


@pytest.fixture
def asked(httpserver: HTTPServer) -> Counter[str]:
    """How often each vendor was asked. Factory has had too many questions for an hour, Kimi answers."""
    counted: Counter[str] = Counter()

    def factory(request: Request) -> Response:
        counted["droid"] += 1
        return Response("slow down", 429, headers={"Retry-After": "3600"})

    def kimi(request: Request) -> Response:
        counted["kimi_cli"] += 1
        return Response(json.dumps({"usage": {"used": 40, "limit": 1000}}), 200)

    httpserver.expect_request("/api/billing/limits").respond_with_handler(factory)
    httpserver.expect_request("/usages").respond_with_handler(kimi)
    return counted


@pytest.fixture
def daemon(home: Path, tmp_path: Path, httpserver: HTTPServer) -> Iterator[Daemon]:
    (home / ".factory/sessions").mkdir(parents=True)
    (home / ".kimi-code/sessions").mkdir(parents=True)
    login = home / ".kimi-code/credentials/kimi-code.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"access_token": "made-up", "expires_at": NOW.timestamp() + 60}))
    machine, base = Machine("ab" * 16, "laptop"), httpserver.url_for("")
    store = Store.open(
        tmp_path / "d.db", machine=machine, price=lambda _: None, now=lambda: int(NOW.timestamp() * 1e6)
    )
    config = Config(
        home=home,
        environ={"FACTORY_API_KEY": "made-up"},
        socket=tmp_path / "d.sock",
        database=tmp_path / "d.db",
        spool=tmp_path / "hook-spool",
        machine="laptop",
        tz="UTC",
        poll_s=POLL_S,
        base_urls={"droid": base, "kimi_cli": base},
    )
    made = Daemon(config, store, [load("droid"), load("kimi_cli")], now=lambda: NOW)
    thread = threading.Thread(target=made.run)
    thread.start()
    assert made.wait_serving(PATIENCE_S)
    yield made
    made.stop()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_vendor_that_asks_to_wait_holds_up_no_other(daemon: Daemon, asked: Counter[str]) -> None:
    until(lambda: asked["kimi_cli"] >= 5, "the vendor that answers is asked again and again")
    assert asked["droid"] == 1


def test_what_a_vendor_refused_is_told_until_it_answers(daemon: Daemon, asked: Counter[str]) -> None:
    def told() -> bool:
        return any("too many requests" in problem.what for problem in daemon.status().problems)

    until(lambda: asked["kimi_cli"] >= 2 and told(), "the refusal is told")
    again = asked["kimi_cli"] + 2
    until(lambda: asked["kimi_cli"] >= again, "polls go on")
    assert told()
