"""Invented accounts for the dashboard's tests: a laptop alone and a small fleet, always the same."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import msgspec

from openusage.client import Frame
from openusage.errors import OpenUsageError
from openusage.tui.palette import DARK, PALETTES
from openusage.tui.view import View
from openusage.wire.sections import (
    CodeStats,
    Credit,
    Gauge,
    ModelRow,
    Sections,
    Share,
    ToolTotals,
    Totals,
)
from openusage.wire.snapshot import UsageSnapshot

NOW = dt.datetime(2026, 11, 22, 12, 41, 30, tzinfo=dt.UTC)
VIEW = View(palette=PALETTES[DARK], now=NOW, tz=dt.UTC)


def later(**delta: float) -> dt.datetime:
    return NOW + dt.timedelta(**delta)


def days(seed: float, scale: float, count: int = 30) -> list[tuple[str, float]]:
    """A series that ends today, with free weekends."""
    first = NOW.date() - dt.timedelta(days=count - 1)
    found = []
    for n in range(count):
        day = first + dt.timedelta(days=n)
        if day.weekday() < 5 or n % 3 == 0 or n == count - 1:
            found.append((day.isoformat(), round(scale * (1.2 + math.sin(seed + n * 0.53)), 2)))
    return found


CLAUDE = Sections(
    provider_id="claude_code",
    account_id="claude-code",
    machine="",
    name="Claude Code",
    status="OK",
    message="",
    timestamp=later(seconds=-4),
    totals=Totals(
        window="30d",
        today_cost_usd=18.2,
        week_cost_usd=96.1,
        month_cost_usd=402.77,
        all_time_cost_usd=1881.04,
        window_cost_usd=402.77,
        window_tokens=182_400_000,
        window_requests=4321,
        block_cost_usd=6.31,
        burn_usd_per_h=2.4,
        cache_hit_pct=95.9,
        sessions=88,
    ),
    gauges=[
        Gauge(
            key="usage_five_hour",
            label="5 h",
            used_pct=83.0,
            window="5h",
            window_s=18_000,
            resets_at=later(hours=1, minutes=18),
        ),
        Gauge(
            key="usage_seven_day",
            label="7 d",
            used_pct=61.0,
            window="7d",
            window_s=604_800,
            resets_at=later(days=2, hours=3),
        ),
        Gauge(
            key="usage_seven_day_opus",
            label="7 d opus",
            used_pct=24.0,
            window="7d",
            window_s=604_800,
            resets_at=later(days=2, hours=3),
        ),
    ],
    models=[
        ModelRow(
            name="claude-opus-4-6",
            input_tokens=3_300,
            output_tokens=1_400_000,
            cache_read_tokens=77_000_000,
            cache_write_tokens=3_200_000,
            cost_usd=271.04,
            requests=2100,
        ),
        ModelRow(
            name="claude-sonnet-4-5",
            input_tokens=2_000,
            output_tokens=900_000,
            cache_read_tokens=38_100_000,
            cache_write_tokens=2_100_000,
            cost_usd=109.01,
            requests=1600,
        ),
        ModelRow(
            name="claude-haiku-4-5",
            input_tokens=2_900,
            output_tokens=1_200_000,
            cache_read_tokens=61_200_000,
            cache_write_tokens=2_900_000,
            cost_usd=22.72,
            requests=621,
        ),
    ],
    clients=[
        Share(name="cli", requests=4000, tokens=170e6),
        Share(name="vscode", requests=321, tokens=12.4e6),
    ],
    projects=[
        Share(name="openusage", requests=2679, cost_usd=249.7),
        Share(name="site", requests=907, cost_usd=84.6),
        Share(name="infra", requests=389, cost_usd=36.2),
        Share(name="notes", requests=200, cost_usd=20.1),
        Share(name="thesis", requests=146, cost_usd=12.2),
    ],
    tools=[
        Share(name="Edit", requests=812),
        Share(name="Bash", requests=640),
        Share(name="Read", requests=511),
        Share(name="Grep", requests=207),
        Share(name="Write", requests=98),
    ],
    tool_totals=ToolTotals(calls=2268, completed=2239, errored=25, cancelled=4, success_pct=98.7),
    mcp=[
        Share(
            name="github",
            requests=214,
            parts=[Share(name="search_code", requests=150), Share(name="get_issue", requests=64)],
        ),
        Share(name="context7", requests=88),
    ],
    languages=[
        Share(name="Python", requests=600),
        Share(name="TypeScript", requests=210),
        Share(name="Markdown", requests=90),
    ],
    code=CodeStats(lines_added=12_040, lines_removed=3_110, files_changed=412, prompts=377),
    daily_cost=days(0.3, 13.0),
    daily_tokens=days(0.3, 6_000_000),
    daily_requests=days(0.3, 140),
    plan="",
    attributes={"auth_type": "oauth", "cli_version": "2.0.44"},
    diagnostics={"skipped_lines": "3"},
    others=[("context_window", "41 %")],
)

CODEX = Sections(
    provider_id="codex",
    account_id="codex-cli",
    machine="",
    name="OpenAI Codex CLI",
    status="OK",
    message="",
    timestamp=later(seconds=-9),
    totals=Totals(
        window="30d",
        today_cost_usd=12.9,
        window_cost_usd=161.75,
        window_tokens=58_000_000,
        window_requests=1711,
        burn_usd_per_h=0.7,
        cache_hit_pct=88.2,
    ),
    gauges=[
        Gauge(
            key="rate_limit_secondary",
            label="7 d",
            used_pct=31.0,
            window="7d",
            window_s=604_800,
            resets_at=later(days=4, hours=2),
        ),
        Gauge(
            key="rate_limit_primary",
            label="5 h",
            used_pct=12.0,
            window="5h",
            window_s=18_000,
            resets_at=later(hours=3, minutes=50),
        ),
    ],
    models=[
        ModelRow(
            name="gpt-5.1-codex",
            input_tokens=4_100_000,
            output_tokens=1_000_000,
            cache_read_tokens=49_000_000,
            reasoning_tokens=610_000,
            cost_usd=158.2,
            requests=1600,
        ),
        ModelRow(
            name="gpt-5.1-codex-mini",
            input_tokens=900_000,
            output_tokens=210_000,
            cache_read_tokens=2_100_000,
            reasoning_tokens=80_000,
            cost_usd=3.55,
            requests=111,
        ),
    ],
    projects=[
        Share(name="openusage", requests=1200, cost_usd=120.0),
        Share(name="api", requests=511, cost_usd=41.75),
    ],
    tools=[Share(name="shell", requests=2010), Share(name="apply_patch", requests=488)],
    tool_totals=ToolTotals(calls=2498, success_pct=96.1),
    daily_cost=days(2.0, 5.2),
    daily_tokens=days(2.0, 1_900_000),
    plan="plus",
    flat_plan=True,
)

GEMINI = Sections(
    provider_id="gemini_cli",
    account_id="gemini-cli",
    machine="",
    name="Gemini CLI",
    status="NEAR_LIMIT",
    message="gemini-3-pro is at 97 % of its daily quota",
    timestamp=later(minutes=-6),
    totals=Totals(
        window="30d",
        today_cost_usd=2.36,
        window_cost_usd=16.53,
        window_tokens=9_100_000,
        unpriced_requests=12,
        unpriced_models=["gemini-experimental"],
    ),
    gauges=[
        Gauge(
            key="quota_pro",
            label="1 d pro",
            used_pct=97.0,
            window="1d",
            window_s=86_400,
            resets_at=later(hours=5),
        )
    ],
    models=[
        ModelRow(name="gemini-3-pro", input_tokens=2.1e6, output_tokens=3.1e5, cost_usd=14.1),
        ModelRow(name="gemini-experimental", input_tokens=1.2e5, output_tokens=9.1e3),
    ],
    daily_cost=days(4.0, 0.6),
)

OPENROUTER = Sections(
    provider_id="openrouter",
    account_id="openrouter",
    machine="",
    name="OpenRouter",
    status="OK",
    message="",
    timestamp=later(seconds=-21),
    totals=Totals(window="30d", today_cost_usd=0.004, window_cost_usd=1.96),
    credits=[Credit(key="balance", label="balance", remaining=7.02, used=12.98, limit=20.0)],
    upstreams=[Share(name="DeepInfra", cost_usd=1.2), Share(name="Novita", cost_usd=0.76)],
    daily_cost=days(5.0, 0.1, 12),
)

BROKEN = Sections(
    provider_id="cursor",
    account_id="cursor-ide",
    machine="",
    name="Cursor IDE",
    status="AUTH_REQUIRED",
    message="The Cursor session has expired. Log in again in the IDE.",
    timestamp=later(hours=-3),
    totals=Totals(window="30d"),
)

LOCAL = [CLAUDE, CODEX, GEMINI, OPENROUTER]


def on(account: Sections, machine: str, **changes: object) -> Sections:
    """The account as another machine reports it."""
    return msgspec.structs.replace(account, machine=machine, **changes)


FLEET = [
    on(CLAUDE, "work-laptop"),
    on(CODEX, "work-laptop"),
    on(CLAUDE, "desktop", account_id="personal", gauges=CLAUDE.gauges[1:], plan="max"),
    on(GEMINI, "home"),
    on(CODEX, "build-1", timestamp=later(minutes=-6)),
    on(OPENROUTER, "build-1"),
    on(BROKEN, "ビルド機"),
]


def snapshot(account: Sections) -> UsageSnapshot:
    """A snapshot that stands for the account; `decode` of the fake source gives the account back."""
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.account_id,
        timestamp=account.timestamp or NOW,
        status=account.status,
        metrics={},
        message=account.message,
    )


def key_of(account: Sections) -> str:
    return ":".join(filter(None, (account.machine, account.provider_id, account.account_id)))


class FakeSource:
    """A source whose answers a test sets: accounts, or an error."""

    def __init__(
        self, accounts: list[Sections], *, hub: bool = False, notes: list[str] | None = None
    ) -> None:
        self.label = "hub http://hub.lan:9190" if hub else "this machine"
        self.is_hub = hub
        self.accounts = accounts
        self.notes = notes or []
        self.error: OpenUsageError | None = None
        self.windows: list[str] = []
        self.now: Callable[[], dt.datetime] = lambda: NOW

    def fetch(self, window: str) -> Frame:
        self.windows.append(window)
        if self.error is not None:
            raise self.error
        return Frame(
            snapshots={key_of(a): snapshot(a) for a in self.accounts},
            fetched_at=self.now(),
            notes=self.notes,
        )

    def decode(self, snapshot: UsageSnapshot, *, display_key: str, now: dt.datetime) -> Sections:
        return next(a for a in self.accounts if key_of(a) == display_key)

    def close(self) -> None:
        pass
