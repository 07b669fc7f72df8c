"""However they are cut, sums of invented homes are the truth to the token: days, sessions, blocks, lineages,
tiles of one machine; and the same of a hub that two machines with copied logs send their records to."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusage.daemon.collect import Collector
from openusage.lineage import Lineages
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.providers import load, names
from openusage.providers._contract import Env
from openusage.read_model import build_all, window
from openusage.read_model.block_list import block_list
from openusage.reports import daily, grouped
from openusage.store import Store
from openusage.wire.events import EventKind
from openusage.wire.rollups import By, Filter, Rollup, Window, add
from tests.hub.fleet import DESKTOP, LAPTOP, Fleet, fleet
from tests.support.processes import until
from tools.genlogs import AGENTS, write_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
ZONE = "Pacific/Auckland"
"""Whose days are not those of the truth: sums must not care."""
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write_5m", "cache_write_1h")
TOOLS = ("claude_code", "codex", "opencode", "gemini_cli")
MESSAGES = Filter(kinds=(EventKind.MESSAGE,))
ALL = Window("all")
PRICES = PriceBook.load()
Sums = tuple[int, ...]
"""Tokens by kind, then messages."""


def summed(parts: Iterable[object]) -> Sums:
    """Of rows of a store or lines of a report."""
    rows = list(parts)
    tokens = [sum(getattr(row, kind) for row in rows) for kind in KINDS]
    return (*tokens, sum(getattr(row, "requests") for row in rows))  # noqa: B009


def summed_json(rows: Iterable[Mapping[str, Any]]) -> Sums:
    """Of rows of `GET /v1/usage`."""
    found = list(rows)
    tokens = [sum(row["tokens"][kind] for row in found) for kind in KINDS]
    return (*tokens, sum(row["requests"] for row in found))


def true(truth: Mapping[str, Any]) -> Sums:
    cells = [
        sums
        for told in truth["agents"].values()
        for models in told["days"].values()
        for sums in models.values()
    ]
    return tuple(sum(cell[kind] for cell in cells) for kind in (*KINDS, "messages"))


def read(home: Path, database: Path, machine: str) -> Store:
    """A store with everything that is below `home`."""
    store = Store.open(
        database, machine=Machine(machine, "m"), price=PRICES.price, now=lambda: int(NOW.timestamp() * 1e6)
    )
    env = Env(home=home, environ={}, now=NOW)
    passed = Collector(store, [load(name) for name in names()], lambda: env).run()
    assert not [p for p in passed.problems if "Error" in p.what]
    return store


def send(store: Store, hub: Fleet, machine: str, name: str) -> None:
    """Everything that a machine has, as its exporter sends it."""
    after = 0
    while (out := store.outbox(after, 2000)).records:
        sent = hub.send(out.records, machine, after=after, upto=out.upto, machine=name, store_id=out.store_id)
        assert sent.json() == {"stored": out.upto, "error": ""}
        after = out.upto


class Made(msgspec.Struct):
    """One seed's machine and hub, and what is true of them."""

    store: Store
    hub: Fleet
    truth: Sums


@pytest.fixture(scope="module", params=[3, 7, 21, 99, 1234], ids="seed {}".format)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The second machine has a copy of all transcripts of Claude Code and OpenCode's database."""
    folder = tmp_path_factory.mktemp("sums")
    truth = write_home(folder / "a", seed=request.param, days=20, mb=6, agents=tuple(AGENTS))
    for copied in (".claude", ".local"):
        shutil.copytree(folder / "a" / copied, folder / "b" / copied)
    first = read(folder / "a", folder / "a.db", LAPTOP)
    second = read(folder / "b", folder / "b.db", DESKTOP)
    with fleet(folder / "hub.db") as hub:
        send(second, hub, DESKTOP, "desktop")
        send(first, hub, LAPTOP, "laptop")
        until(lambda: hub.totals(kind="message")["requests"] > 0, "the hub has the records")
        assert all(true(truth))
        yield Made(first, hub, true(truth))
    first.close()
    second.close()


def test_days_sessions_blocks_and_lineages_of_a_machine_add_up_to_the_truth(made: Made) -> None:
    store = made.store
    by_day = daily.build(store.usage(ALL, daily.BY, MESSAGES, ZONE), timezone=ZONE, breakdown=True)
    assert summed(by_day.rows) == summed([by_day.totals]) == made.truth
    assert summed(part for row in by_day.rows for part in row.breakdown) == made.truth
    assert summed(store.usage(ALL, (By.SESSION,), MESSAGES)) == made.truth
    blocks = block_list(store, ALL, Filter(providers=TOOLS), (), NOW)
    assert len(blocks.blocks) > 1
    assert summed([*(block.used for block in blocks.blocks), blocks.outside]) == made.truth
    rows = Lineages().usage(store.usage, ALL, grouped.asked_by(By.LINEAGE), MESSAGES, ZONE)
    by_lineage = grouped.build(rows, by=By.LINEAGE, timezone=ZONE)
    assert summed(by_lineage.rows) == made.truth


def test_the_list_of_sessions_adds_up_to_the_truth(made: Made) -> None:
    rows: list[Rollup] = []
    while (page := made.store.session_rows(ALL, MESSAGES, limit=100, offset=len(rows))).rows:
        rows += [row.used for row in page.rows]
    assert len(rows) == page.total == made.store.sessions(ALL)
    assert summed([*rows, page.outside]) == made.truth
    assert summed([page.used, page.outside]) == made.truth


def test_tiles_add_up_to_the_truth(made: Made) -> None:
    """Also when a link sends what OpenCode was answered to the tile of another tool."""
    tiles = made.store.accounts()
    vendors = {row.key[By.UPSTREAM] or "" for row in made.store.usage(ALL, (By.UPSTREAM,), MESSAGES)}
    costs = []
    for links in ({}, dict.fromkeys(vendors, "claude_code")):
        shown = build_all(
            made.store, tiles, window=window("all", NOW, ZONE), now=NOW, tz=ZONE, links=links
        ).values()
        found = [
            sum(
                m.used or 0
                for s in shown
                for name, m in s.metrics.items()
                if name == f"all_time_{kind}_tokens"
            )
            for kind in ("input", "output", "reasoning", "cache_read", "cache_create_5m", "cache_create_1h")
        ]
        requests = sum(
            m.used or 0 for s in shown for name, m in s.metrics.items() if name == "window_requests"
        )
        assert (*found, requests) == made.truth
        costs.append(sum(m.used or 0 for s in shown for n, m in s.metrics.items() if n == "window_cost"))
    assert costs[0] == pytest.approx(costs[1])


def test_a_hub_of_machines_with_copies_has_the_truth_however_it_is_asked(made: Made) -> None:
    hub = made.hub
    assert summed_json([hub.totals(kind="message")]) == made.truth
    for by in (
        "day",
        "hour",
        "session",
        "model",
        "lineage",
        "machine",
        "provider,account",
        "day,lineage,machine",
    ):
        reply = hub.get("/v1/usage", window="all", kind="message", by=by, tz=ZONE)
        assert summed_json(reply["rows"]) == summed_json([reply["totals"]]) == made.truth, by
    machines = hub.machines()
    assert machines["desktop"]["records"] + machines["laptop"]["records"] > 0
    assert machines["desktop"]["copies"] + machines["laptop"]["copies"] > 0


def test_the_hubs_sessions_blocks_and_pane_are_those_of_the_machine(made: Made) -> None:
    hub, tokens = made.hub, sum(made.truth[: len(KINDS)])
    page = hub.get("/v1/sessions", window="all", limit=1)
    told = [msgspec.convert(page[part], Rollup) for part in ("used", "outside")]
    assert summed([add(told)])[:-1] == made.truth[:-1]
    reply = hub.get("/v1/blocks", window="all", provider=list(TOOLS))
    used = [msgspec.convert(block["used"], Rollup) for block in reply["blocks"]]
    assert summed([*used, msgspec.convert(reply["outside"], Rollup)]) == made.truth
    for group in ("machine", "model", "provider"):
        pane = hub.get("/v1/fleet", window="all", group=group, tz=ZONE)
        assert sum(row["window"]["tokens"] for row in pane["rows"]) == tokens
        assert sum(sum(row["tokens"]) for row in pane["rows"]) == tokens
        assert pane["totals"]["window"]["requests"] == made.truth[-1]


def test_how_many_messages_two_sessions_have_does_not_depend_on_how_they_are_read(tmp_path: Path) -> None:
    """At once, or half of the transcripts first; then again, which changes nothing."""
    write_home(tmp_path / "a", seed=7, days=40, mb=20, agents=("claude",))
    with contextlib.closing(read(tmp_path / "a", tmp_path / "a.db", LAPTOP)) as store:
        [count] = store.repeated().values()
    found = []
    transcripts = sorted((tmp_path / "a").rglob("*.jsonl"))
    for some in (transcripts[::2], transcripts, transcripts):
        for file in some:
            copy = tmp_path / "b" / file.relative_to(tmp_path / "a")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        with contextlib.closing(read(tmp_path / "b", tmp_path / "b.db", LAPTOP)) as store:
            found.append(sum(store.repeated().values()))
    assert found[0] < count
    assert found[1:] == [count, count]
