"""An invented tool, read as a daemon reads any other."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from openusage.demo.cast import MACHINES
from openusage.demo.tool import InventedTool
from openusage.providers._contract import Env
from openusage.wire.events import AccountFact, QuotaReading, Record, UsageEvent

BEGUN = dt.datetime(2026, 3, 4, 15, 30, tzinfo=dt.UTC)
BEGUN_US = int(BEGUN.timestamp() * 1e6)
HOUR_US = 3_600_000_000


def tool(root: Path, machine: int = 0, use: int = 0) -> InventedTool:
    chosen = MACHINES[machine]
    return InventedTool(chosen, chosen.uses[use], BEGUN, dt.UTC, root=root, days=6)


def of_events(records: list[Record]) -> list[UsageEvent]:
    return [r for r in records if isinstance(r, UsageEvent)]


def test_read_in_steps_it_tells_what_it_tells_at_once(tmp_path: Path) -> None:
    whole = of_events(tool(tmp_path).due(BEGUN_US + HOUR_US))
    stepwise = tool(tmp_path)
    steps = [of_events(stepwise.due(BEGUN_US + n * HOUR_US // 7)) for n in range(8)]
    assert [e for step in steps for e in step] == whole
    assert of_events(stepwise.due(BEGUN_US + HOUR_US)) == []


def test_nothing_is_told_before_it_has_happened(tmp_path: Path) -> None:
    assert max(e.at_us for e in of_events(tool(tmp_path).due(BEGUN_US))) <= BEGUN_US


def test_it_says_whether_something_has_happened(tmp_path: Path) -> None:
    one = tool(tmp_path)
    assert one.is_due(BEGUN_US)
    one.due(BEGUN_US)
    assert not one.is_due(BEGUN_US)
    assert one.is_due(BEGUN_US + HOUR_US)


def test_a_vendor_speaks_once_a_minute(tmp_path: Path) -> None:
    one = tool(tmp_path)
    first = one.due(BEGUN_US)
    assert {r.key for r in first if isinstance(r, QuotaReading)} == {"usage_five_hour", "usage_seven_day"}
    assert not [r for r in one.due(BEGUN_US + 30_000_000) if isinstance(r, QuotaReading)]
    assert [r for r in one.due(BEGUN_US + 61_000_000) if isinstance(r, QuotaReading)]


def test_machines_of_one_owner_share_an_account(tmp_path: Path) -> None:
    def key(machine: int, use: int) -> str:
        said = tool(tmp_path, machine, use).due(BEGUN_US)
        return next(r.value for r in said if isinstance(r, AccountFact) and r.key == "account_key")

    assert key(0, 0) == key(1, 1)
    assert key(0, 1) != key(3, 0)


def test_a_copied_home_has_some_of_the_others_messages(tmp_path: Path) -> None:
    laptop = {e.event_key for e in of_events(tool(tmp_path, 0, 0).due(BEGUN_US))}
    desktop = {e.event_key for e in of_events(tool(tmp_path, 1, 1).due(BEGUN_US))}
    assert laptop & desktop
    assert desktop - laptop


def test_it_keeps_the_contract_of_a_provider(tmp_path: Path) -> None:
    one = tool(tmp_path)
    env = Env(home=tmp_path, environ={}, now=BEGUN)
    (account,) = one.discover(env)
    assert account.roots == (str(tmp_path),)
    assert one.plan(account, {}, env).bytes_to_read == 0
    assert list(one.poll(account, env)) == []
    chunks = list(one.read(account, {}, env))
    assert sum(len(c.records) for c in chunks) > 100
    assert list(one.read(account, {}, env)) == []
    one.touch()
    assert list(tmp_path.iterdir())
