"""What a running daemon takes up of other settings, and what waits for its next start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from openusage.daemon.config import Config
from openusage.exporter import Target

HUB = Target(url="http://hub:1", token="s3cret", machine="laptop", machine_id="ab" * 16)
CONFIG = Config(
    home=Path("/h"),
    environ={},
    socket=Path("/s"),
    database=Path("/d"),
    spool=Path("/spool"),
    machine="laptop",
    tz="UTC",
    targets=(HUB,),
    tools=("codex",),
)


def told(**changes: object) -> Config:
    return msgspec.structs.replace(CONFIG, **changes)


def test_what_only_changes_how_things_are_told_is_taken_up() -> None:
    links = told(links={"anthropic": "claude_code"}, hidden=frozenset({"codex-cli"}), collect_s=5.0)
    assert CONFIG.taking(links) == (links, [])


def test_a_hub_gets_less_at_once_and_keeps_the_token_it_was_given() -> None:
    private = msgspec.structs.replace(HUB, token="of another", records="off", interval_s=7.0)
    config, waiting = CONFIG.taking(told(targets=(private,)))
    assert (config.targets, waiting) == ((msgspec.structs.replace(private, token="s3cret"),), [])


def test_another_hub_another_name_and_other_tools_wait() -> None:
    """The token was given for the hub that was there."""
    other = msgspec.structs.replace(HUB, url="http://other:1", machine="box")
    changed = told(targets=(other,), machine="box", tools=("codex", "zed"))
    assert CONFIG.taking(changed) == (CONFIG, ["accounts", "export.machine_name", "export.target"])
    assert CONFIG.taking(told(targets=())) == (CONFIG, ["export.target"])
