"""A daemon and a hub, asked for the same details over real sockets, answer alike."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from openusage.client import DaemonClient, HistorySource, HubClient
from openusage.daemon.config import Config
from openusage.daemon.run import Daemon
from openusage.errors import PeerRefused
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.read_model.windows import to_us
from openusage.store import Store
from openusage.wire.events import EventKind, Record
from openusage.wire.pane import GROUPS, WINDOWS
from openusage.wire.rollups import By, Filter, Window
from openusage.wire.sessions import CostKnown, SessionOrder, Turn
from tests.hub.conftest import NOON, TOKEN, Clock
from tests.hub.fleet import LAPTOP, Fleet, fleet
from tests.store.samples import HOUR_US, many, reading
from tests.support.processes import PATIENCE_S

NOW_US = to_us(NOON)
MODELS = {"opus": "claude-sonnet-4-5-20250929", "haiku": "gpt-5.1-codex", "unknown": "nobody-knows-1"}
WHERE = (
    Filter(),
    Filter(machines=(LAPTOP,), providers=("claude_code",)),
    Filter(projects=("a",)),
    Filter(models=(MODELS["opus"],), sessions=("s1", "s2")),
    Filter(clients=("CLI", "")),
    Filter(sessions=("nowhere",)),
)
SPANS = (
    Window("all"),
    Window("1d"),
    Window("7d"),
    Window("custom", NOW_US - 30 * HOUR_US + 7, NOW_US - HOUR_US),
)
TZ = "Asia/Kolkata"


def records() -> list[Record]:
    """Three days of several sessions, models with and without a price, a limit that ends in an hour."""
    events = [
        msgspec.structs.replace(e, model=MODELS.get(e.model or "", e.model))
        for e in many(600, days=3, end_us=NOW_US)
    ]
    limit = reading(NOW_US - 1, 40.0, provider="claude_code", account="claude-code", key="usage_five_hour")
    return [*events, msgspec.structs.replace(limit, resets_at_us=NOW_US + HOUR_US)]


class Both:
    """A daemon and a hub that know the same of one machine."""

    def __init__(self, daemon: DaemonClient, hub: HubClient) -> None:
        self.daemon, self.hub = daemon, hub

    def alike(self, question: Any) -> Any:
        """What both answer."""
        ours, theirs = question(self.daemon), question(self.hub)
        assert ours == theirs
        return ours


@contextmanager
def a_daemon(folder: Path, records: list[Record]) -> Iterator[DaemonClient]:
    book = PriceBook.load()
    machine = Machine(LAPTOP, "laptop")
    store = Store.open(folder / "d.db", machine=machine, price=book.price, now=lambda: NOW_US)
    store.add(records)
    config = Config(
        home=folder,
        environ={},
        socket=folder / "d.sock",
        database=folder / "d.db",
        spool=folder / "spool",
        machine="laptop",
        tz="UTC",
        offline=True,
    )
    daemon = Daemon(config, store, [], now=Clock().now, explain=book.note)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        assert daemon.wait_serving(PATIENCE_S)
        with closing(DaemonClient(folder / "d.sock", now=Clock().now, timeout_s=PATIENCE_S)) as client:
            yield client
    finally:
        daemon.stop()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def of_hub(hub: Fleet) -> HubClient:
    return HubClient(hub.server.url, token=TOKEN, now=hub.clock.now, timeout_s=PATIENCE_S)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder, told, book = tmp_path_factory.mktemp("both"), records(), PriceBook.load()
    with a_daemon(folder, told) as daemon, fleet(None, price=book.price, explain=book.note) as hub:
        assert hub.send(told).status_code == 200
        with closing(of_hub(hub)) as client:
            yield Both(daemon, client)


def test_each_is_every_kind_of_source(both: Both) -> None:
    sources: list[HistorySource] = [both.daemon, both.hub]
    assert all(isinstance(source, HistorySource) for source in sources)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("window", SPANS)
def test_sums_and_sessions_are_alike(both: Both, window: Window, where: Filter) -> None:
    whole = both.alike(lambda s: s.usage(window, (), where, TZ))
    for by in ((By.MODEL, By.DAY), (By.SESSION,)):
        both.alike(lambda s, by=by: s.usage(window, by, where, TZ))
    for order in SessionOrder:
        page = both.alike(lambda s, order=order: s.sessions(window, where, tz=TZ, order=order, limit=2))
        assert len(page.rows) == min(2, page.total)
        assert page.used.cost_nano + page.outside.cost_nano == whole[0].cost_nano


def test_sessions_can_be_searched_and_paged(both: Both) -> None:
    all_of_them = both.alike(lambda s: s.sessions(Window("all"), tz=TZ))
    assert sorted(row.session for row in all_of_them.rows) == ["s1", "s2", "s3"]
    assert [r.last_us for r in all_of_them.rows] == sorted(
        (r.last_us for r in all_of_them.rows), reverse=True
    )
    one = both.alike(lambda s: s.sessions(Window("all"), search="S2"))
    assert [row.session for row in one.rows] == ["s2"]
    later = both.alike(lambda s: s.sessions(Window("all"), offset=1, limit=1))
    assert later.rows == all_of_them.rows[1:2]
    assert later.total == 3


def test_the_turns_of_a_session_are_alike_page_by_page(both: Both) -> None:
    turns: list[Turn] = []
    before = ""
    while True:
        page = both.alike(lambda s, before=before: s.turns("claude_code", "s1", limit=40, before=before))
        turns += page.turns
        before = page.next
        if not before:
            break
    assert len(turns) == page.total
    assert [t.at_us for t in turns] == sorted((t.at_us for t in turns), reverse=True)
    known = {t.known for t in turns}
    assert known == {CostKnown.REPORTED, CostKnown.COMPUTED, CostKnown.UNPRICED, None}
    for turn in turns:
        assert (turn.price is None) == (turn.cost_computed_nano is None)
        if turn.price is not None:
            assert turn.price.cost_nano == turn.cost_computed_nano
            assert not turn.is_repriced


@pytest.mark.parametrize("window", SPANS)
def test_blocks_are_alike_and_add_up(both: Both, window: Window) -> None:
    found = both.alike(lambda s: s.blocks(window, tz=TZ))
    messages = Filter(kinds=(EventKind.MESSAGE,), providers=("claude_code",))
    (whole,) = both.daemon.usage(window, (), messages, TZ)
    assert sum(b.used.total_tokens for b in found.blocks) == whole.total_tokens
    assert sum(b.used.events for b in found.blocks) + found.outside.events == whole.events
    assert sum(b.running for b in found.blocks) == 1


@pytest.mark.parametrize("name", WINDOWS)
def test_the_pane_is_that_of_a_fleet_of_one(both: Both, name: str) -> None:
    for group, where in ((g, w) for g in GROUPS for w in WHERE):
        ours, theirs = (s.pane(name, group, TZ, where).pane for s in (both.daemon, both.hub))
        assert (ours.labels, ours.totals) == (theirs.labels, theirs.totals)
        assert (ours.accounts, ours.machines, ours.active) == (theirs.accounts, 1, 1)
        plain = [[msgspec.structs.replace(row, machine=None) for row in p.rows] for p in (ours, theirs)]
        assert plain[0] == plain[1]
    assert both.daemon.pane(name, GROUPS[0], TZ).changed
    assert not both.daemon.pane(name, GROUPS[0], TZ).changed


def test_what_cannot_be_understood_is_refused_in_words(both: Both) -> None:
    for source in (both.daemon, both.hub):
        with pytest.raises(PeerRefused, match="before"):
            source.turns("claude_code", "s1", before="x")
        with pytest.raises(PeerRefused, match="Nowhere"):
            source.sessions(Window("1d"), tz="Nowhere/Land")


ASKED = [
    lambda s: s.sessions(Window("7d")),
    lambda s: s.turns("claude_code", "s1"),
    lambda s: s.blocks(Window("7d")),
]


@pytest.mark.parametrize("ask", [*ASKED, lambda s: s.usage(Window("7d"), (By.MODEL,))])
@pytest.mark.parametrize(
    ("capabilities", "said"), [(404, "keeps no history"), (200, "is an older hub and cannot tell this")]
)
def test_a_hub_without_these_calls_is_a_sentence(
    httpserver: HTTPServer, ask: Callable[[HistorySource], object], capabilities: int, said: str
) -> None:
    httpserver.expect_request("/v1/capabilities").respond_with_data("{}", capabilities)
    for path in ("/v1/sessions", "/v1/turns", "/v1/blocks", "/v1/usage"):
        httpserver.expect_request(path).respond_with_data("404 page not found", 404)
    with (
        closing(
            HubClient(httpserver.url_for("/"), token="", now=Clock().now, timeout_s=PATIENCE_S)
        ) as client,
        pytest.raises(PeerRefused, match=said) as refused,
    ):
        ask(client)
    assert refused.value.status == 404
    assert refused.value.hint


@pytest.mark.parametrize("ask", [*ASKED, lambda s: s.pane("7d", By.MACHINE, "UTC")])
def test_an_older_daemon_without_these_calls_is_a_sentence(
    tmp_path: Path, ask: Callable[[HistorySource], object]
) -> None:
    with (
        _older_daemon(tmp_path / "d.sock"),
        closing(DaemonClient(tmp_path / "d.sock", now=Clock().now, timeout_s=PATIENCE_S)) as client,
        pytest.raises(PeerRefused, match="is older than this program") as refused,
    ):
        ask(client)
    assert refused.value.status == 404
    assert "openusage telemetry daemon" in refused.value.hint


class _OlderDaemon(BaseHTTPRequestHandler):
    """Knows none of it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.send_header("Content-Length", "21")
        self.end_headers()
        self.wfile.write(b'{"error":"not found"}')

    def log_message(self, format: str, *args: object) -> None:
        pass  # a Unix socket has no address to log


@contextmanager
def _older_daemon(path: Path) -> Iterator[None]:
    with socketserver.ThreadingUnixStreamServer(str(path), _OlderDaemon) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)
