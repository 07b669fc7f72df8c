"""An invented home of AI coding tool logs, and the true sums beside it: for tests, benchmarks and the demo.

    truth = write_home(Path("/tmp/home"), seed=7, days=40, mb=50)
    python -m tools.genlogs --home /tmp/home --seed 7 --days 40 --mb 50

The home gets `.claude/projects`, `.codex/sessions` and `.codex/archived_sessions`, when asked for also
`.local/share/opencode` with its database and JSON files and `.gemini/tmp`, full of what real logs are full
of: streamed repeats, resumed and forked sessions, sub-agents, replays, broken and huge lines. The same
arguments give the same bytes (of a database: the same rows). `plain` is the measure that other tools are
compared with and never changes; `rich` adds what makes a screen worth looking at.

The rule of the truth: a message (one model answer) counts once, with its final usage, on the UTC day of the
line that carries that usage. `output` is without reasoning and `input` without cached tokens, so that
total = input + output + reasoning + cache_read + cache_write.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.genlogs._agent import Agent, Flavour, Job
from tools.genlogs._claude import Claude
from tools.genlogs._codex import Codex
from tools.genlogs._gemini import Gemini
from tools.genlogs._opencode import OpenCode
from tools.genlogs._pool import Pool

__all__ = ["AGENTS", "DEFAULT_AGENTS", "DEFAULT_END", "Flavour", "write_home"]

AGENTS: dict[str, type[Agent]] = {
    "claude": Claude,
    "codex": Codex,
    "opencode": OpenCode,
    "gemini": Gemini,
}
DEFAULT_AGENTS = ("claude", "codex")
"""Who writes when nobody is named: results of many tests and measurements are theirs."""
SHARES = {"claude": 0.60, "codex": 0.25, "opencode": 0.10, "gemini": 0.05}
"""How the megabytes are divided."""
DEFAULT_END = dt.date(2026, 11, 20)
"""The last day when none is asked for: results must not depend on today."""


def write_home(
    home: Path,
    *,
    seed: int,
    days: int,
    mb: float,
    agents: Sequence[str] = DEFAULT_AGENTS,
    end: dt.date | None = None,
    flavour: Flavour = "plain",
    until: dt.datetime | None = None,
) -> dict[str, Any]:
    """Write about `mb` MB of logs of the `days` days up to `end` under `home`; returns the truth.

    `until` (aware; makes `rich` only) ends the work at a moment instead of a day's end, with a session of
    each agent still running: nothing lies in the future. Nothing but the logs is written.
    """
    if until is not None:
        if flavour != "rich":
            raise ValueError("`until` is for the rich flavour: plain logs never change")
        until = until.astimezone(dt.UTC)
    last = end or (until.date() if until is not None else DEFAULT_END)
    share = sum(SHARES[name] for name in agents)
    pool = Pool(random.Random(f"{seed}:pool"))
    truth: dict[str, Any] = {
        "args": {"seed": seed, "days": days, "mb": mb, "agents": list(agents), "end": str(last)},
        "timezone": "UTC",
        "rule": "each message once, with its final/max usage, on the UTC day of that line; "
        "output excludes reasoning, input excludes cached",
        "agents": {},
    }
    for name in agents:
        job = Job(
            agent=name,
            home=home,
            seed=seed,
            days=days,
            end=last,
            target_bytes=mb * 1e6 * SHARES[name] / share,
            pool=pool,
            flavour=flavour,
            until=until,
        )
        truth["agents"][name] = AGENTS[name](job).fill()
    return truth
